"""ACS and port types, from config space and from what lspci prints of it."""

from __future__ import annotations

import pytest

from backend.node.address import PciAddress
from backend.node.express import Acs, PortType
from backend.node.function import Function
from backend.snapshot.readers import config_space, read_node
from backend.snapshot.readers.listing import read_listing
from backend.snapshot.snapshot import Snapshot


def space(ids: bytes = b"\x22\x10\x83\x14", port: int = 4, header: int = 0x81, size: int = 4096) -> bytes:
    """A port with Express at 40 and, at 100, ACS that can 1f and does 1d; the double word after it holds 1c."""
    config = bytearray(4096)
    config[0:4] = ids
    config[0x06], config[0x0B], config[0x0A], config[0x0E], config[0x34] = 0x10, 6, 4, header, 0x40
    config[0x40:0x44] = bytes((0x10, 0, 0x02 | port << 4 & 0xFF, 0))
    config[0x100:0x10C] = bytes.fromhex("0d000100 1f001d00 1c000000")
    return bytes(config[:size])


def test_registers() -> None:
    assert config_space.acs(space()) == Acs(0x1F, 0x1D)
    assert config_space.acs(space(size=256)) is None
    assert config_space.acs(b"") is None


def test_intel_ports_with_registers_of_double_words() -> None:
    assert config_space.acs(space(b"\x86\x80\x10\xa1")) == Acs(0x1F, 0x1C)
    assert config_space.acs(space(b"\x86\x80\x01\x19")) == Acs(0x1F, 0x1D)


@pytest.mark.parametrize(
    ("config", "whole"),
    [
        (space(), True),
        (space(size=256), False),
        (space(size=64), False),
        (b"", False),
        (b"\xff" * 256, False),
        (b"\x86\x80" + bytes(254), True),  # conventional PCI has no more
    ],
)
def test_when_absence_is_told(config: bytes, whole: bool) -> None:
    assert config_space.is_whole(config) is whole


def test_several_functions() -> None:
    assert config_space.multifunction(space()) is True
    assert config_space.multifunction(space(header=0x01)) is False
    assert config_space.multifunction(b"") is None


def test_a_snapshot_carries_them() -> None:
    folder = "/sys/devices/pci0000:00/0000:00:01.0"
    snapshot = Snapshot(
        {f"{folder}/config": space(header=0x01)},
        links={"/sys/bus/pci/devices/0000:00:01.0": "../../../devices/pci0000:00/0000:00:01.0"},
    )
    (port,) = read_node(snapshot).functions
    assert (port.port_type, port.acs, port.multifunction, port.capabilities_known) == (
        PortType.ROOT,
        Acs(0x1F, 0x1D),
        False,
        True,
    )


PORT = """\
00:1c.4 PCI bridge [0604]: Maker Root Port [1022:1483] (rev f0) (prog-if 00 [Normal decode])
\tStatus: Cap+ 66MHz- UDF- FastB2B-
\tIOMMU group: 3
\tBus: primary=00, secondary=02, subordinate=02, sec-latency=0
\tCapabilities: [40] Express (v2) Root Port (Slot+), IntMsgNum 0
\t\tLnkSta:\tSpeed 8GT/s, Width x4
\tCapabilities: [a0] Power Management version 3
\t\tStatus: D0 NoSoftRst- PME-Enable- DSel=0 DScale=0 PME-
\tCapabilities: [140 v1] Access Control Services
\t\tACSCap:\tSrcValid+ TransBlk+ ReqRedir+ CmpltRedir+ UpstreamFwd- EgressCtrl- DirectTrans-
\t\tACSCtl:\tSrcValid+ TransBlk- ReqRedir+ CmpltRedir+ UpstreamFwd- EgressCtrl- DirectTrans-
"""
CARD = """\
02:00.0 Ethernet controller [0200]: Maker Card [8086:1572]
\tIOMMU group: 4
\tCapabilities: [a0] Express (v2) Endpoint, MSI 00
"""


def listed(text: str) -> dict[str, Function]:
    return {str(f.address).removeprefix("0000:"): f for f in read_listing(text).functions}


def test_lspci_shows_the_registers() -> None:
    found = listed(f"{PORT}\n{CARD}")
    port, card = found["00:1c.4"], found["02:00.0"]
    assert (port.port_type, port.acs, port.capabilities_known) == (PortType.ROOT, Acs(0x0F, 0x0D), True)
    assert port.multifunction is True  # its function number says so
    assert (card.port_type, card.acs, card.capabilities_known) == (PortType.ENDPOINT, None, True)
    assert card.parent == PciAddress.parse("00:1c.4")
    assert card.multifunction is False


def test_lspci_reads_one_register_of_some_intel_ports_from_the_wrong_place() -> None:
    assert listed(PORT.replace("1022:1483", "8086:a110"))["00:1c.4"].acs == Acs(0x0F, None)


def test_lspci_with_the_way_to_each_function() -> None:
    found = listed(f"{PORT}\n{CARD.replace('02:00.0', '00:1c.4/02:00.0')}")
    assert found["02:00.0"].parent == PciAddress.parse("00:1c.4")


def test_what_is_behind_a_volume_management_device() -> None:
    vmd = "0000:00:0e.0 RAID bus controller [0104]: Intel Corporation Volume Management Device [8086:467f]\n"
    port = PORT.replace("00:1c.4", "10000:e0:06.0").replace("secondary=02", "secondary=e1")
    disk = CARD.replace("02:00.0", "10000:e1:00.0")
    found = listed(f"{vmd}\n{port}\n{disk}")
    assert found["10000:e0:06.0"].parent == PciAddress.parse("00:0e.0")
    assert found["10000:e1:00.0"].parent == PciAddress.parse("10000:e0:06.0")
    second = vmd.replace("0e.0", "0f.0")  # which of them it is behind is not shown
    assert listed(f"{vmd}\n{second}\n{port}")["10000:e0:06.0"].parent is None


VIRTUAL = """\
\tCapabilities: [160 v1] Single Root I/O Virtualization (SR-IOV)
\t\tIOVCtl:\tEnable+ Migration- Interrupt- MSE+ ARIHierarchy+
\t\tInitial VFs: 64, Total VFs: 64, Number of VFs: 2, Function Dependency Link: 00
\t\tVF offset: 384, stride: 2, Device ID: 154c
"""


def test_virtual_functions_are_told_by_the_card_that_makes_them() -> None:
    first, second = (CARD.replace("02:00.0", at).replace("1572", "154c") for at in ("03:10.0", "03:10.2"))
    card = listed(f"{PORT}\n{CARD}{VIRTUAL}\n{first}\n{second}")
    made = card["03:10.2"]
    assert made.physical_function == card["03:10.0"].physical_function == PciAddress.parse("02:00.0")
    assert (made.multifunction, made.parent) == (False, PciAddress.parse("00:1c.4"))
    assert card["02:00.0"].multifunction is False
    beside = CARD.replace("02:00.0", "02:00.1")
    near = listed(f"{PORT}\n{CARD}{VIRTUAL.replace('384', '1')}\n{beside}")
    assert [near[at].multifunction for at in ("02:00.0", "02:00.1")] == [False, False]
    assert listed(f"{PORT}\n{CARD}\n{beside}")["02:00.1"].multifunction is True


def test_cards_that_claim_to_make_one_another() -> None:
    first, second = CARD + VIRTUAL.replace("384", "256"), CARD.replace("02:", "03:") + VIRTUAL.replace("384", "65280")
    found = listed(f"{first}\n{second}")
    assert found["03:00.0"].physical_function == PciAddress.parse("02:00.0")
    many = VIRTUAL.replace("VFs: 2", "VFs: 99999999999")
    assert len(listed(f"{CARD}{many}")) == 1


def test_virtual_functions_in_config_space() -> None:
    config = bytearray(space())
    config[0x100:0x118] = bytes.fromhex("10000100 00000000 01000000 08000800 03000000 80010200")
    assert config_space.virtual_functions(bytes(config)) == (3, 0x180, 2)
    config[0x108] = 0
    assert config_space.virtual_functions(bytes(config)) is None


def test_lspci_without_registers_names_the_capability() -> None:
    brief = "\n".join(line for line in PORT.splitlines() if "\tACSC" not in line)
    brief = brief.replace("(v2) ", "").replace(" v1", "")
    port = listed(brief + "\n")["00:1c.4"]
    assert (port.port_type, port.acs) == (PortType.ROOT, Acs(None, None))


def test_a_listing_without_any_extended_capability_tells_of_none() -> None:
    card = listed(CARD)["02:00.0"]
    assert (card.port_type, card.capabilities_known) == (PortType.ENDPOINT, False)


@pytest.mark.parametrize(
    ("line", "known"),
    [
        ("Capabilities: [50] Power Management version 3", True),
        ("Status: Cap- 66MHz+ UDF-", True),
        ("Status: Cap+ 66MHz+ UDF-", False),
        ("Capabilities: <access denied>", False),
        ("Flags: bus master, fast devsel, latency 0", False),
    ],
)
def test_a_conventional_device_and_one_that_was_not_shown(line: str, known: bool) -> None:
    (function,) = listed(f"00:1f.0 ISA bridge [0601]: Maker LPC [8086:a145]\n\t{line}\n").values()
    assert (function.port_type, function.capabilities_known) == (None, known)


@pytest.mark.parametrize(
    ("words", "kind"),
    [
        ("Express (v2) Legacy Endpoint, MSI 00", PortType.LEGACY_ENDPOINT),
        ("Express Upstream Port, MSI 00", PortType.UPSTREAM),
        ("Express (v2) Downstream Port (Slot+), MSI 00", PortType.DOWNSTREAM),
        ("Express (v1) PCI-Express to PCI/PCI-X Bridge, MSI 00", PortType.PCIE_TO_PCI),
        ("Express (v1) PCI/PCI-X to PCI-Express Bridge, MSI 00", PortType.PCI_TO_PCIE),
        ("Express (v2) Root Complex Integrated Endpoint, IntMsgNum 0", PortType.INTEGRATED),
        ("Express (v2) Root Complex Event Collector, MSI 00", PortType.EVENT_COLLECTOR),
        ("Express (v2) Unknown type 11, MSI 00", None),
    ],
)
def test_words_for_port_types(words: str, kind: PortType | None) -> None:
    (function,) = listed(f"00:01.0 Bridge [0604]: Maker Port [8086:1901]\n\tCapabilities: [80] {words}\n").values()
    assert function.port_type is kind


def test_config_space_beside_the_text_is_believed_as_far_as_it_goes() -> None:
    rows = "".join(f"{at:02x}: {space(size=256)[at : at + 16].hex(' ')}\n" for at in range(0, 256, 16))
    port = listed(PORT + rows)["00:1c.4"]
    assert (port.port_type, port.acs, port.capabilities_known) == (PortType.ROOT, Acs(0x0F, 0x0D), True)
    alone = listed("00:1c.4 PCI bridge [0604]: Maker Root Port [1022:1483]\n" + rows)["00:1c.4"]
    assert (alone.port_type, alone.acs, alone.capabilities_known) == (PortType.ROOT, None, False)
