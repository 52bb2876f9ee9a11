"""``pcie_acs_override=``: what it makes of groups, and when it is listened to."""

from __future__ import annotations

import pytest
from pci_trees import ON, bridge, endpoint, function, grouped, pair

from backend.node.acs import Override
from backend.node.evidence import Evidence
from backend.node.express import Acs, PortType

BARE = bridge("00:01.0", PortType.ROOT, vendor=0x8086, device=0x1901)
CARD, AUDIO = pair(endpoint("01:00.0", "00:01.0", vendor=0x10DE, device=0x1B81), endpoint("01:00.1", "00:01.0"))
TOGETHER = {"00:01.0 01:00.0 01:00.1"}


@pytest.mark.parametrize(
    ("value", "groups"),
    [
        ("", TOGETHER),
        ("downstream", {"00:01.0", "01:00.0 01:00.1"}),
        ("multifunction", TOGETHER),  # the port still lets them reach one another
        ("downstream,multifunction", {"00:01.0", "01:00.0", "01:00.1"}),
        ("id:8086:1901", {"00:01.0", "01:00.0 01:00.1"}),
        ("downstream,id:10de:1b81", {"00:01.0", "01:00.0", "01:00.1"}),  # one of two is enough
        ("id:8086:1902", TOGETHER),
        ("on", TOGETHER),
        ("id:86:1901", TOGETHER),  # the kernel wants four digits
    ],
)
def test_forms(value: str, groups: set[str]) -> None:
    assert grouped(BARE, CARD, AUDIO, active=True, override=Override.parse(value)) == groups


def test_sixteen_ids_and_no_more() -> None:
    many = ",".join(f"id:8086:{number:04x}" for number in range(20))
    assert len(Override.parse(many).ids) == 16


ALL = Override.parse("downstream,multifunction,id:8086:244e,id:1b21:1080")


def test_conventional_devices_are_never_overridden() -> None:
    chain = (
        bridge("00:1e.0", None, vendor=0x8086, device=0x244E),
        function("01:00.0", parent="00:1e.0"),
        bridge("02:00.0", PortType.PCIE_TO_PCI, vendor=0x1B21, device=0x1080),
        function("03:00.0", parent="02:00.0"),
    )
    assert grouped(*chain, active=True, override=ALL) == {"00:1e.0 01:00.0", "02:00.0 03:00.0"}
    assert grouped(*pair(function("00:1f.0"), function("00:1f.2")), override=ALL) == {"00:1f.0 00:1f.2"}


def test_a_port_that_has_acs_is_not_overridden_even_where_it_is_off() -> None:
    off = bridge("00:01.0", PortType.ROOT, acs=Acs(ON.capability, 0))
    assert grouped(off, CARD, AUDIO, active=True, override=ALL) == TOGETHER


def test_the_running_kernel_was_told() -> None:
    told = "quiet pcie_acs_override=downstream intel_iommu=on pcie_acs_override=multifunction"
    apart = {"00:01.0", "01:00.0", "01:00.1"}

    def groups(kernel: str | None, log: str = "") -> set[str]:
        lines = (Evidence("dmesg", log),) if log else ()
        return grouped(BARE, CARD, AUDIO, active=True, cmdline=told, kernel=kernel, log=lines)

    assert groups("6.8.12-4-pve") == apart
    assert groups(None) == apart
    assert groups("6.12.0-amd64") == TOGETHER
    warning = "Warning: PCIe ACS overrides enabled; This may allow non-IOMMU protected peer-to-peer DMA"
    assert groups("6.12.0-zen1", warning) == apart
