"""Rules of the initramfs: each once where it belongs, and silent beside it."""

from __future__ import annotations

from types import MappingProxyType
from typing import Any

import pytest
from rule_cases import Case, at, check, function, node, told

from backend.demo.machines import catalogue
from backend.demo.world import World
from backend.node.node import Node
from backend.plan.build import UPDATE_INITRAMFS, build
from backend.plan.intents import ReserveCard
from backend.plan.plan import Reboot
from backend.snapshot.readers import read_node

SECOND = 10**9
BOOT = 1_700_000_000 * SECOND
IMAGE, NEWER, OLDER = (f"/boot/initrd.img-{v}-pve" for v in ("6.8.12-4", "6.14.8-2", "6.8.4-2"))
CONF = "/etc/modprobe.d/vfio.conf"
COPY = f"{NEWER}.old-dkms"
IDS = {CONF: "options vfio-pci ids=10de:2204\nsoftdep nouveau pre: vfio-pci\n"}
GPU = function("01:00.0", 0x030000, group=1, driver="nouveau", vendor=0x10DE, device=0x2204)
HELD = function("01:00.0", 0x030000, group=1, driver="vfio-pci", vendor=0x10DE, device=0x2204)


def at_times(*functions: Any, files: dict[str, str] = IDS, booted: int | None = BOOT, **seconds: int) -> Node:
    """``seconds`` after the start: image, newer, older, conf, and any other file below /etc/initramfs-tools."""
    known = {
        "image": IMAGE,
        "newer": NEWER,
        "older": OLDER,
        "copy": COPY,
        "conf": CONF,
        "readme": "/etc/modprobe.d/README",
    }
    written = {known.get(key, f"/etc/initramfs-tools/{key}"): BOOT + s * SECOND for key, s in seconds.items()}
    return node(*functions, kernel="6.8.12-4-pve", files=files, written=MappingProxyType(written), booted=booted)


CASES = (
    Case("initramfs-old", at_times(GPU, image=-900, conf=500), at_times(GPU, image=600, conf=500)),
    Case("initramfs-old", at_times(image=-900, modules=500), at_times(image=-900, readme=500), "not .conf"),
    Case("initramfs-old", at_times(image=-900, conf=500), at_times(conf=500), "no image told"),
    Case(
        "initramfs-old",
        at_times(image=600, newer=-900, conf=500),
        at_times(image=-900, older=-9000, newer=600, conf=500),
        "of the newest kernel",
    ),
    Case(
        "initramfs-old",
        at_times(image=-900, newer=600, conf=500, files={"/etc/kernel/proxmox-boot-pin": "6.8.12-4-pve\n"}),
        at_times(image=-900, newer=600, conf=500, files={"/etc/kernel/proxmox-boot-pin": "6.2.16-3-pve\n"}),
        "of the pinned one; of one that is gone",
    ),
    Case("initramfs-no-reboot", at_times(GPU, image=600, conf=500), at_times(GPU, image=400, conf=500)),
    Case("initramfs-no-reboot", at_times(image=600, modules=500), at_times(image=600, conf=60), "while it started"),
    Case("initramfs-no-reboot", at_times(image=600, conf=500), at_times(image=600, conf=500, booted=None), "unknown"),
    Case(
        "initramfs-old", at_times(image=-900, copy=600, conf=500), at_times(copy=-900, conf=500), "a copy boots nothing"
    ),
    Case("initramfs-no-reboot", at_times(image=600, conf=500), at_times(image=600, conf=-500), "booted since"),
)


@pytest.mark.parametrize("case", CASES, ids=str)
def test_once_and_never(case: Case) -> None:
    check(case)


def test_the_card_that_waits_for_it_is_named_and_reserved() -> None:
    (found,) = told("initramfs-old", at_times(GPU, image=-900, conf=500))
    assert (found.address, found.remedy) == (at("01:00.0"), ReserveCard(at("01:00.0"), ("10de:2204",)))
    (found,) = told("initramfs-old", at_times(HELD, image=-900, conf=500))
    assert (found.address, found.remedy) == (None, None)
    (found,) = told("initramfs-no-reboot", at_times(GPU, image=600, conf=500))
    assert found.values["devices"] == " (0000:01:00.0 10de:2204)"


def test_the_remedy_makes_the_initramfs_anew() -> None:
    """An admin wrote the right lines, and no more: nothing is left to write."""
    world = World(catalogue.workstation())
    gpu = read_node(world.snapshot()).by_address[at("01:00.0")]
    drivers = "".join(f"softdep {name} pre: vfio-pci\n" for name in ("nouveau", "nvidiafb", "snd_hda_intel"))
    world.write("/etc/modules-load.d/vfio.conf", b"vfio-pci\n")
    world.write("/etc/modprobe.d/gpu.conf", f"options vfio-pci ids={gpu.ids},10de:22bc\n{drivers}".encode())
    now = read_node(world.snapshot())
    (found,) = told("initramfs-old", now)
    assert found.remedy is not None
    steps = build(now, [found.remedy]).steps
    assert steps == (UPDATE_INITRAMFS, Reboot(("reserve-card",)))


def test_times_are_told_as_stat_prints_them() -> None:
    (found,) = told("initramfs-old", at_times(image=-900, conf=500))
    assert str(found.evidence[0]) == f"stat -c %y {CONF}: 2023-11-14 22:21:40.000000000 +0000"


def test_a_node_tells_it_from_the_edit_to_the_restart() -> None:
    """Installed, edited, carried over, restarted."""
    world = World(catalogue.workstation())
    codes = ("initramfs-old", "initramfs-no-reboot")

    def now() -> list[str]:
        return [code for code in codes if told(code, read_node(world.snapshot()))]

    assert now() == []
    for _ in range(200):  # a second each: the start is some minutes ago
        world.write("/var/lib/x", b"")
    world.write(CONF, b"options vfio-pci ids=10de:2786\n")
    assert now() == ["initramfs-old"]
    world.run(("update-initramfs", "-u", "-k", "all"))
    assert now() == ["initramfs-no-reboot"]
    world.restart()
    assert now() == []
