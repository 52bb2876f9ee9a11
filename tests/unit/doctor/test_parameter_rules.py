"""Rules of kernel parameters: each once where it belongs, and silent beside it."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from rule_cases import Case, check, function, node

from backend.node.express import PortType
from backend.node.function import Function
from backend.node.node import Iommu, Node

GPU = function("01:00.0", 0x030000, group=1, driver="vfio-pci", vendor=0x10DE, device=0x2204)
IGPU = function("00:02.0", 0x030000, group=2, driver="i915", vendor=0x8086, device=0x4680)
OVERRIDDEN = "Warning: PCIe ACS overrides enabled; This may allow non-IOMMU protected peer-to-peer DMA"
SIMPLE, NOT_SIMPLE = "CONFIG_SYSFB=y\nCONFIG_SYSFB_SIMPLEFB=y\n", "# CONFIG_SYSFB_SIMPLEFB is not set\n"


def given(parameters: str, *functions: Function, kernel: str = "6.8.12-4-pve", config: str = "", **more: Any) -> Node:
    files = {f"/boot/config-{kernel}": config} if config else {}
    return node(*functions, kernel=kernel, cmdline=f"root=/dev/sda1 ro quiet {parameters}", files=files, **more)


def shared(parameters: str, known: bool = True, **more: Any) -> Node:
    """Two root ports that are functions of one device and have no ACS, with a card each. VM 101 has the first."""
    ports = [
        function(f"00:1c.{n}", 0x060400, group=n, port_type=PortType.ROOT, multifunction=True, has_pci_bus=True)
        for n in (0, 4)
    ]
    cards = [
        function(f"0{n}:00.0", group=n + 8, parent=port, port_type=PortType.ENDPOINT, multifunction=False)
        for n, port in ((1, "00:1c.0"), (2, "00:1c.4"))
    ]
    functions = (replace(f, capabilities_known=known, vendor=0x8086, device=0xA110) for f in (*ports, *cards))
    guests = {"guests": {101: "hostpci0: 0000:01:00.0"}}
    return given(parameters, *functions, iommu=Iommu(True), **(guests | more))


CASES = (
    Case("acs-override-on", given("pcie_acs_override=downstream"), given("pci_acs_override=downstream")),
    Case("acs-override-on", given("", log=OVERRIDDEN), given("", log="pci 0000:00:1c.0: ACS")),
    Case("acs-override-crossed", shared("pcie_acs_override=downstream"), shared("")),
    Case(
        "acs-override-crossed",
        shared("pcie_acs_override=downstream"),
        shared("pcie_acs_override=downstream", guests={101: "hostpci0: 01:00.0\nhostpci1: 02:00.0"}),
        "one VM has both",
    ),
    Case(
        "acs-override-crossed",
        shared("pcie_acs_override=downstream"),
        shared("pcie_acs_override=downstream", known=False),
        "config space not read",
    ),
    Case(
        "acs-override-without-effect",
        shared("pcie_acs_override=multifunction"),
        shared("pcie_acs_override=downstream,multifunction"),
    ),
    Case(
        "acs-override-without-effect",
        shared("pcie_acs_override=multifunction"),
        shared("pcie_acs_override=multifunction", known=False),
        "config space not read",
    ),
    Case(
        "acs-override-without-effect",
        given("pcie_acs_override=downstream", kernel="6.1.0-18-amd64"),
        given("pcie_acs_override=downstream", kernel="6.1.0-18-amd64", log=OVERRIDDEN),
        "the kernel",
    ),
    Case(
        "acs-override-on",
        given("pcie_acs_override=downstream"),
        given("pcie_acs_override=downstream", kernel="6.1.0-18-amd64"),
        "the kernel",
    ),
    Case("relax-rmrr-on", given("intel_iommu=on,relax_rmrr"), given("intel_iommu=on,sm_on")),
    Case("efifb-off-without-effect", given("video=efifb:off"), given("video=efifb:off", kernel="5.13.19-6-pve")),
    Case(
        "efifb-off-without-effect",
        given("video=vesafb:off,efifb:off", config=SIMPLE),
        given("video=vesafb:off,efifb:off", config=NOT_SIMPLE),
        "as this kernel was built",
    ),
    Case(
        "efifb-off-without-effect",
        given("video=simplefb:off"),
        given("video=efifb:off initcall_blacklist=sysfb_init"),
        "beside what does work",
    ),
    Case(
        "sysfb-console-dark",
        given("initcall_blacklist=sysfb_init", GPU),
        given("initcall_blacklist=sysfb_init", GPU, IGPU),
    ),
    Case(
        "sysfb-console-dark",
        given("initcall_blacklist=sysfb_init", replace(GPU, driver=None)),
        given("initcall_blacklist=sysfb_init console=tty0 console=ttyS0,115200", GPU),
        "serial",
    ),
    Case("nomodeset-useless", given("nofb nomodeset"), given("video=1024x768")),
    Case(
        "vfio-ids-on-cmdline",
        given("vfio-pci.ids=10de:2204,10de:1aef", replace(GPU, driver="nouveau")),
        given("vfio-pci.ids=10de:2204,10de:1aef", GPU, IGPU),
    ),
    Case("aer-hidden", given("pci=realloc,noaer"), given("pci=realloc")),
)


@pytest.mark.parametrize("case", CASES, ids=str)
def test_once_and_never(case: Case) -> None:
    check(case)
