"""Rules of blacklists and softdeps: each once where it belongs, and silent beside it."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from rule_cases import Case, at, check, function, node, told

from backend.node.function import Function
from backend.node.node import Node
from backend.plan.intents import ReserveCard

GPU = function("01:00.0", 0x030000, driver="nouveau", vendor=0x10DE, device=0x2204, modules=("nvidiafb", "nouveau"))
HELD = replace(GPU, driver="vfio-pci")
SOUND = function("01:00.1", 0x040300, driver="vfio-pci", vendor=0x10DE, device=0x1AEF)
IGPU = function("00:02.0", 0x030000, driver="i915", vendor=0x8086, device=0x4680, modules=("i915", "xe"))
HDA = function("00:1f.3", 0x040300, driver="snd_hda_intel", vendor=0x8086, device=0x7AD0)
BMC = function("03:00.0", 0x030000, driver="ast", vendor=0x1A03, device=0x2000)
IDS = "options vfio-pci ids=10de:2204,10de:1aef\n"
VGPU = {101: "hostpci0: 0000:01:00.0,mdev=nvidia-63"}


def conf(text: str, *functions: Function, files: dict[str, str] | None = None, **more: Any) -> Node:
    return node(*functions, files={"/etc/modprobe.d/vfio.conf": text, **(files or {})}, **more)


CASES = (
    Case("blacklist-without-effect", conf("blacklist nouveau\n", GPU), conf("blacklist nouveau\n", HELD)),
    Case(
        "blacklist-without-effect",
        conf("blacklist nvidia*\n", HELD),
        conf("softdep nvidia* pre: vfio-pci\n", HELD),
        "*",
    ),
    Case(
        "blacklist-without-effect",
        conf("", HDA, cmdline="quiet modprobe.blacklist=nouveau,snd-hda-intel"),
        conf("#blacklist snd_hda_intel\n", HDA),
        "command line",
    ),
    Case(
        "blacklist-without-effect",
        conf("blacklist simplefb\n", HELD, built_in=frozenset({"simplefb"})),
        conf("", HELD, files={"/lib/modprobe.d/fb.conf": "blacklist simplefb\n"}, built_in=frozenset({"simplefb"})),
        "built in; Debian's own list",
    ),
    Case(
        "blacklist-all-audio", conf("blacklist snd_hda_intel\n", SOUND, HDA), conf("blacklist snd_hda_intel\n", SOUND)
    ),
    Case(
        "blacklist-only-console",
        conf("blacklist i915\nblacklist xe\n", HELD, replace(IGPU, driver=None)),
        conf("blacklist i915\nblacklist xe\n", HELD, replace(IGPU, driver=None), BMC),
    ),
    Case(
        "blacklist-only-console",
        conf("blacklist i915\nblacklist xe\n", IGPU),
        conf("blacklist i915\n", IGPU),
        "another driver is left",
    ),
    Case(
        "blacklist-only-console",
        conf("blacklist nouveau\nblacklist nvidiafb\n", GPU),
        conf("blacklist nouveau\nblacklist nvidiafb\n", GPU, guests={101: "hostpci0: 01:00.0"}),
        "it goes to a VM",
    ),
    Case(
        "blacklist-only-console",
        conf("blacklist xe\n", replace(IGPU, driver=None), cmdline="quiet module_blacklist=i915"),
        conf("blacklist xe\n", replace(IGPU, driver=None), cmdline="quiet module_blacklist=nouveau"),
        "the kernel's own list",
    ),
    Case("softdep-missing", conf(IDS, GPU, SOUND), conf(f"{IDS}softdep nouveau pre: vfio-pci\n", GPU, SOUND)),
    Case("softdep-missing", conf(IDS, GPU), conf(IDS, HELD, IGPU), "vfio-pci has it"),
    Case(
        "softdep-missing",
        conf(f"{IDS}softdep nvidia* pre: vfio-pci\n", replace(GPU, modules=("nouveau",))),
        conf(f"{IDS}softdep nouv* pre: vfio-pci\n", GPU),
        "wildcard",
    ),
    Case(
        "softdep-missing",
        conf(IDS, GPU),
        conf(IDS, GPU, files={"/etc/initramfs-tools/modules": "# early\nvfio-pci\n"}),
        "early in the initramfs",
    ),
    Case("softdep-missing", conf(IDS, GPU), conf(f"{IDS}blacklist nouveau\n", GPU), "blacklisted"),
    Case("softdep-wrong-way", conf("softdep vfio-pci pre: nouveau\n"), conf("softdep nouveau pre: vfio-pci\n")),
    Case(
        "softdep-wrong-way",
        conf("softdep nouveau post: vfio-pci\n"),
        conf("softdep vfio_pci pre: vfio_iommu_type1\n"),
        "post",
    ),
    Case(
        "softdep-unheard",
        conf("softdep nouveau pre: drm\nsoftdep nouveau pre: vfio-pci\n"),
        conf("softdep nouveau pre: drm vfio-pci\nsoftdep nouveau pre: vfio-pci\n"),
    ),
    Case(
        "softdep-unheard",
        conf("softdep nouveau  pre: vfio-pci\n"),
        conf("softdep nouveau pre:  vfio-pci\n"),
        "two blanks",
    ),
    Case(
        "softdep-unheard",
        conf("softdep nouveau pre: vfio-pci\n", files={"/lib/modprobe.d/a.conf": "softdep nouveau post: mxm-wmi\n"}),
        conf("softdep nouveau pre: vfio-pci\n", files={"/lib/modprobe.d/z.conf": "softdep nouveau post: mxm-wmi\n"}),
        "a file that is read before",
    ),
    Case(
        "nvidia-blacklisted-with-vgpu",
        conf("blacklist nvidia\n", GPU, guests=VGPU),
        conf("blacklist nouveau\n", GPU, guests=VGPU),
    ),
    Case(
        "nvidia-blacklisted-with-vgpu",
        conf("blacklist nvidia\n", GPU, guests=VGPU),
        conf("blacklist nvidia\n", GPU, guests={101: "hostpci0: 0000:01:00.0"}),
        "the whole card",
    ),
)


@pytest.mark.parametrize("case", CASES, ids=str)
def test_once_and_never(case: Case) -> None:
    check(case)


def test_the_card_can_be_reserved_as_a_whole() -> None:
    (found,) = told("softdep-missing", conf(IDS, GPU, SOUND))
    assert found.remedy == ReserveCard(at("01:00.0"), ("10de:2204", "10de:1aef"))


def test_several_blacklisted_drivers_are_told_each() -> None:
    both = conf("blacklist nouveau\nblacklist i915\n", GPU, IGPU)
    assert [found.values["module"] for found in told("blacklist-without-effect", both)] == ["nouveau", "i915"]
