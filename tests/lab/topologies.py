"""The machines the lab can make, each described once: what is plugged in and what Linux must say about it."""

from __future__ import annotations

from dataclasses import dataclass

from .qemu import Iommu
from .smbios import Slot

OWN_NIC = "0000:00:02.0"
OWN_DISK = "0000:00:03.0"


@dataclass(frozen=True)
class Topology:
    """A machine's cards. devices are QEMU -device arguments; every one on the root bus has its address."""

    name: str
    summary: str
    iommu: Iommu
    devices: tuple[str, ...]
    # False: it starts by its own GRUB with the IOMMU off, as before anything was set up. True: its kernel is
    # started directly with the IOMMU on, which is quicker; edits of GRUB's settings then have no effect.
    ready: bool
    # Exact IOMMU groups that must be there once the IOMMU is on; other groups may exist.
    groups: tuple[frozenset[str], ...]
    # Address: the "vendor:device" Linux must see there.
    cards: dict[str, str]
    smbios_slots: tuple[Slot, ...] = ()
    own_nic: str = OWN_NIC


def _port(number: int, more: str = "") -> str:
    """A root port at 00:0N.0, physical slot N. It has ACS, so what is behind it is a group of its own."""
    return f"pcie-root-port,id=port{number},bus=pcie.0,addr=0x{number:x},chassis={number},slot={number}{more}"


def _on(port: int, device: str) -> str:
    driver, _, rest = device.partition(",")
    return ",".join(filter(None, (driver, f"bus=port{port}", rest)))


def _group(*addresses: str) -> frozenset[str]:
    return frozenset(f"0000:{address}" for address in addresses)


_E1000E = "8086:10d3"
_TWO_NICS_AND_CARD = (
    _port(4),
    _port(5),
    _port(6),
    _port(7),  # an empty slot
    _on(4, "e1000e,addr=0.0,romfile="),
    _on(5, "e1000e,addr=0.0,romfile="),
    _on(6, "bochs-display,addr=0.0,multifunction=on"),
    _on(6, "ich9-intel-hda,addr=0.1"),
)
_TWO_NICS_AND_CARD_GROUPS = (_group("01:00.0"), _group("02:00.0"), _group("03:00.0", "03:00.1"))
_TWO_NICS_AND_CARD_CARDS = {
    "0000:01:00.0": _E1000E,
    "0000:02:00.0": _E1000E,
    "0000:03:00.0": "1234:1111",
    "0000:03:00.1": "8086:293e",
}


def _two_nics_and_card(iommu: Iommu, name: str, *, ready: bool = False, slots: tuple[Slot, ...] = ()) -> Topology:
    return Topology(
        name=name,
        summary=f"two equal network cards, a display card with audio, an empty slot ({iommu})"
        + (", slots named by the firmware" if slots else ""),
        iommu=iommu,
        devices=_TWO_NICS_AND_CARD,
        ready=ready,
        groups=_TWO_NICS_AND_CARD_GROUPS,
        cards=_TWO_NICS_AND_CARD_CARDS,
        smbios_slots=slots,
    )


TWO_NICS_AND_CARD = _two_nics_and_card("intel", "two_nics_and_card")
TWO_NICS_AND_CARD_AMD = _two_nics_and_card("amd", "two_nics_and_card_amd")

SLOTS_NAMED = _two_nics_and_card(
    "intel",
    "slots_named",
    ready=True,
    slots=(
        Slot("PCIEX1_1", 4, 1, "0000:01:00.0"),
        Slot("PCIEX1_2", 5, 1, "0000:02:00.0"),
        Slot("PCIEX16_1", 6, 16, "0000:03:00.0"),
        Slot("PCIEX4_1", 7, 4, None),
    ),
)

SHARED_GROUP = Topology(
    name="shared_group",
    summary="two root ports without ACS in one slot: both cards and both ports share a group",
    iommu="intel",
    devices=(
        _port(4),  # an empty slot
        "pcie-root-port,id=port5,bus=pcie.0,addr=0x5.0,chassis=5,slot=5,multifunction=on,disable-acs=on",
        "pcie-root-port,id=port6,bus=pcie.0,addr=0x5.1,chassis=6,slot=6,disable-acs=on",
        _on(5, "e1000e,addr=0.0,romfile="),
        _on(6, "nvme,addr=0.0,serial=lab1"),
    ),
    ready=True,
    groups=(_group("00:05.0", "00:05.1", "02:00.0", "03:00.0"),),
    cards={"0000:02:00.0": _E1000E, "0000:03:00.0": "1b36:0010"},
)

SWITCH = Topology(
    name="switch",
    summary="a PCIe switch with two cards behind it",
    iommu="intel",
    devices=(
        _port(4),
        _port(5),  # an empty slot
        _on(4, "x3130-upstream,id=up,addr=0.0"),
        "xio3130-downstream,id=port20,bus=up,addr=0x0,chassis=20,slot=20",
        "xio3130-downstream,id=port21,bus=up,addr=0x1,chassis=21,slot=21",
        _on(20, "e1000e,addr=0.0,romfile="),
        _on(21, "nvme,addr=0.0,serial=lab1"),
    ),
    ready=True,
    groups=(_group("02:00.0", "03:00.0"), _group("02:01.0", "04:00.0")),
    cards={"0000:03:00.0": _E1000E, "0000:04:00.0": "1b36:0010"},
)

CONVENTIONAL = Topology(
    name="conventional",
    summary="two conventional PCI cards behind a PCIe-to-PCI bridge",
    iommu="intel",
    devices=(
        _port(4),
        _port(5),  # an empty slot
        _on(4, "pcie-pci-bridge,id=port30,addr=0.0"),
        _on(30, "e1000,addr=0x1,romfile="),
        _on(30, "AC97,addr=0x2"),
    ),
    ready=True,
    groups=(_group("01:00.0", "02:01.0", "02:02.0"),),
    cards={"0000:02:01.0": "8086:100e", "0000:02:02.0": "8086:2415"},
)

SRIOV = Topology(
    name="sriov",
    summary="an NVMe controller that can make four virtual functions",
    iommu="intel",
    devices=(
        _port(4),
        _port(5),  # an empty slot
        "nvme-subsys,id=s0",
        _on(
            4,
            "nvme,addr=0.0,serial=lab1,subsys=s0,sriov_max_vfs=4,sriov_vq_flexible=8,sriov_vi_flexible=4,"
            "max_ioqpairs=12,msix_qsize=12",
        ),
    ),
    ready=True,
    groups=(_group("01:00.0"),),
    cards={"0000:01:00.0": "1b36:0010"},
)

TOPOLOGIES = {
    topology.name: topology
    for topology in (
        TWO_NICS_AND_CARD,
        TWO_NICS_AND_CARD_AMD,
        SLOTS_NAMED,
        SHARED_GROUP,
        SWITCH,
        CONVENTIONAL,
        SRIOV,
    )
}
