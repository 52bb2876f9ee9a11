"""Rules of modules and their options: each once where it belongs, and silent beside it."""

from __future__ import annotations

from dataclasses import replace
from types import MappingProxyType
from typing import Any

import pytest
from rule_cases import Case, check, function, node, told

from backend.node.function import Function
from backend.node.node import Node

GPU = function("01:00.0", 0x030000, driver="vfio-pci", vendor=0x10DE, device=0x2204, subsystem_vendor=0x1458)
NIC = function("02:00.0", 0x020000, driver="igb", vendor=0x8086, device=0x1533)
TWIN = replace(NIC, address=function("03:00.0").address)
USES = {"02:00.0": "management eno1 vmbr0"}
CONF, LATER = "/etc/modprobe.d/vfio.conf", "/etc/modprobe.d/zz.conf"
LINK = MappingProxyType({"/etc/modules-load.d/modules.conf": "/etc/modules"})
VFIO = {"/etc/modules": "# at boot\nvfio\nvfio_pci\n"}


def with_files(files: dict[str, str], *functions: Function, kernel: str = "6.8.12-4-pve", **more: Any) -> Node:
    return node(*(functions or (GPU, NIC)), files=files, kernel=kernel, **more)


def ids(text: str, *functions: Function, **more: Any) -> Node:
    return with_files({CONF: f"options vfio-pci {text}\n"}, *functions, **more)


CASES = (
    Case(
        "vfio-virqfd-gone",
        with_files({"/etc/modules": "vfio\nvfio_virqfd\n"}),
        with_files({"/etc/modules": "vfio\nvfio_virqfd\n"}, kernel="5.15.158-2-pve"),
    ),
    Case(
        "vfio-virqfd-gone",
        with_files({}, log="systemd-modules-load[423]: Failed to find module 'vfio_virqfd'"),
        with_files({"/etc/modules-load.d/vfio.conf": "#vfio_virqfd\nvfio\n"}),
        "log; a comment",
    ),
    Case(
        "vfio-virqfd-gone",
        with_files({"/etc/modules": "vfio_virqfd\n"}, kernel="custom", module_files={"vfio": "/lib/modules/vfio.ko"}),
        with_files({"/etc/modules": "vfio_virqfd\n"}, module_files={"vfio_virqfd": "/lib/modules/vfio_virqfd.ko"}),
        "what the kernel has",
    ),
    Case("modules-file-unread", with_files(VFIO, links={}), with_files(VFIO, links=LINK)),
    Case("modules-file-unread", with_files(VFIO, links={}), with_files(VFIO), "not told"),
    Case("modules-file-unread", with_files(VFIO, links={}), with_files({"/etc/modules": "#vfio\n"}, links={}), "empty"),
    Case("ids-hit-more", ids("ids=8086:1533", uses=USES), ids("ids=10de:2204", uses=USES)),
    Case("ids-hit-more", ids("ids=8086:1533", NIC, TWIN, uses=USES), ids("ids=8086:1533"), "a twin; no use"),
    Case(
        "ids-hit-more",
        ids("ids=ffffffff:ffffffff:ffffffff:ffffffff:020000:ff0000", uses=USES),
        ids("ids=10de:2204", uses={"01:00.0": "console tty0"}),
        "a class; the screen",
    ),
    Case(
        "ids-hit-more",
        ids("ids=8086:1533", uses={"02:00.0": "network eno1"}),
        ids("ids=8086:1533", uses={"02:00.0": "keyboard usb1"}),
        "an address; a keyboard",
    ),
    Case(
        "ids-overridden",
        with_files({CONF: "options vfio-pci ids=10de:2204\n", LATER: "options vfio_pci ids=8086:1533\n"}),
        with_files({CONF: "options vfio-pci ids=10de:2204\n", LATER: "options vfio_pci ids=8086:1533,10DE:2204\n"}),
    ),
    Case(
        "ids-overridden",
        ids("ids=10de:2204", cmdline="quiet vfio-pci.ids=8086:1533"),
        ids("ids=10de:2204 disable_vga=1", cmdline="quiet vfio-pci.disable_idle_d3=1"),
        "by the command line",
    ),
    Case("ids-wrong-form", ids("ids=10de,2204"), ids("ids=10de:2204,0x8086:0x1533")),
    Case("ids-wrong-form", ids("ids=10de:2204, 8086:1533"), ids("ids=10de:2204,8086:1533 disable_vga=1"), "a blank"),
    Case("ids-wrong-form", ids("ids=01:00.0"), ids("ids=144d:ffffffff:ffffffff:ffffffff:00010802:ffffffff"), "address"),
    Case(
        "ids-wrong-form",
        with_files({}, log='vfio_pci: invalid id string "10de2204"'),
        with_files({}, log="vfio_pci: add [10de:2204[ffffffff:ffffffff]] class 0x000000/00000000"),
        "log",
    ),
    Case("ids-match-nothing", ids("ids=10de:2204,10de:1aef"), ids("ids=10de:2204,8086:1533")),
    Case("ids-match-nothing", ids("ids=10de:2204:10de"), ids("ids=10de:2204:1458"), "subsystem"),
    Case(
        "ids-match-nothing",
        ids("ids=10de:1aef"),
        node(files={CONF: "options vfio-pci ids=10de:1aef\n"}),
        "no devices known",
    ),
    Case(
        "kvm-ignore-msrs",
        with_files({CONF: "options kvm ignore_msrs=1 report_ignored_msrs=0\n"}),
        with_files({CONF: "options kvm ignore_msrs=0\n#options kvm ignore_msrs=1\n"}),
    ),
    Case("kvm-ignore-msrs", with_files({}, cmdline="kvm.ignore_msrs=Y"), with_files({}, cmdline="quiet"), "booted"),
    Case(
        "package-file-edited",
        with_files({"/etc/modprobe.d/pve-blacklist.conf": "# shipped\nblacklist nvidiafb\nblacklist nouveau\n"}),
        with_files(
            {"/etc/modprobe.d/pve-blacklist.conf": "# shipped\nblacklist nvidiafb\n", CONF: "blacklist nouveau\n"}
        ),
    ),
)


@pytest.mark.parametrize("case", CASES, ids=str)
def test_once_and_never(case: Case) -> None:
    check(case)


def test_every_device_that_the_host_loses_is_told() -> None:
    lost = ids("ids=8086:1533", NIC, TWIN, uses={**USES, "03:00.0": "network eno2"})
    assert [found.values["chain"] for found in told("ids-hit-more", lost)] == [
        "0000:02:00.0 -> eno1 -> vmbr0",
        "0000:03:00.0 -> eno2",
    ]


def test_the_line_that_is_too_much_is_shown() -> None:
    (found,) = told(
        "package-file-edited",
        with_files({"/etc/modprobe.d/pve-blacklist.conf": "# shipped\nblacklist nvidiafb\nblacklist nouveau\n"}),
    )
    assert [str(evidence) for evidence in found.evidence] == ["/etc/modprobe.d/pve-blacklist.conf:3: blacklist nouveau"]
