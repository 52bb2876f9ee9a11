"""Devices of which the kernel knows more than their ACS registers say: pci_dev_acs_enabled[] and the functions that
it names in drivers/pci/quirks.c (Linux 6.8 to 6.17)."""

from __future__ import annotations

from backend.node.express import PortType
from backend.node.function import Function
from backend.node.node import Node

_AMD, _ATI, _INTEL = 0x1022, 0x1002, 0x8086
_ZHAOXIN, _WANGXUN = 0x1D17, 0x8088

# pci_quirk_amd_sb_acs: functions of the south bridge do not speak with one another where there is an AMD IOMMU.
_SOUTH_BRIDGE = {
    _ATI: frozenset((0x4383, 0x4384, 0x4385, 0x4399, 0x439C, 0x439D)),
    _AMD: frozenset((0x7809, 0x780F)),
}
# pci_quirk_mf_endpoint_acs: functions that their maker says are apart.
_ENDPOINTS = {
    0x1924: frozenset((0x0903, 0x0923, 0x0A03)),  # Solarflare
    0x19A2: frozenset((0x0710,)),  # Emulex BE3-R
    0x10DF: frozenset((0x0720,)),  # Emulex Skyhawk-R
    0x177D: frozenset((0xA026, 0xA059, 0xA060)),  # Cavium
    0x14E4: frozenset((0x16D7, *range(0x1750, 0x1753), *range(0x1760, 0x1764))),  # Broadcom NetXtreme-E
    _ZHAOXIN: frozenset((0x3038, 0x3104, 0x9083)),
    _INTEL: frozenset(
        (
            *(0x10C6, 0x10DB, 0x10DD, 0x10E1, 0x10F1, *range(0x10F7, 0x10FD)),  # 82598, 82599
            *(0x1507, 0x1514, 0x151C, 0x1529, 0x152A, 0x154D, 0x154F, 0x1551, 0x1558),
            *(0x1509, 0x150E, 0x150F, 0x1510, 0x1511, 0x1516, 0x1527),  # 82580
            *(0x10C9, 0x10E6, 0x10E7, 0x10E8, 0x150A, 0x150D, 0x1518, 0x1526),  # 82576
            *(0x10A7, 0x10A9, 0x10D6),  # 82575
            *range(0x1521, 0x1525),  # I350
            *(0x105E, 0x105F, 0x1060, 0x10D9),  # 82571
            *(0x15B7, 0x15B8),  # I219
        )
    ),
}
# Root ports that keep apart what is below them though they have no ACS capability.
_ROOT_PORTS = {
    _INTEL: frozenset(  # pci_quirk_intel_pch_acs_ids; the kernel turns a switch of the chipset's own
        (
            *range(0x3B42, 0x3B52),  # Ibex Peak
            *range(0x1C10, 0x1C20),  # Cougar Point
            *range(0x1E10, 0x1E20),  # Panther Point
            *range(0x8C10, 0x8C20),  # Lynx Point-H
            *range(0x9C10, 0x9C1C),  # Lynx Point-LP
            *range(0x9C90, 0x9C9C),  # Wildcat Point
            *range(0x1D10, 0x1D20, 2),  # Patsburg (X79)
            *range(0x8D10, 0x8D1F),  # Wellsburg (X99)
            *range(0x8C90, 0x8CA0, 2),  # Lynx Point, 9 series
        )
    ),
    0x177D: frozenset((*range(0xA000, 0xA800), 0xAF84, 0xB884)),  # Cavium ThunderX, X2, X3
    0x10E8: frozenset((0xE004,)),  # APM X-Gene
    0x1DEF: frozenset(range(0xE005, 0xE00D)),  # Ampere
    0x17CB: frozenset((0x0111, 0x0115, 0x0120, 0x0400, 0x0401)),  # Qualcomm
    0x1DBF: frozenset((0x0401,)),  # HXT
    0x14E4: frozenset((0xD714,)),  # Broadcom iProc PAXB
    0x1C36: frozenset((0x0031,)),  # Annapurna Labs
    0x1957: frozenset(  # NXP LX2
        (
            *(*range(0x8D80, 0x8D84), *range(0x8D88, 0x8D8C), *range(0x8D90, 0x8D94), *range(0x8D98, 0x8D9C)),
            *(0x8DA0, 0x8DA1, 0x8DA8, 0x8DA9, 0x8DB0, 0x8DB1, 0x8DB8, 0x8DB9),
        )
    ),
}
_ZHAOXIN_PORTS = frozenset((*range(0x0710, 0x071F), 0x0721, *range(0x0723, 0x0753)))
_WANGXUN_NICS = frozenset((*range(0x0100, 0x0110), 0x1001, 0x2001, 0x5010, 0x5025, 0x5040, 0x5110, 0x5125, 0x5140))


def by_quirk(node: Node, function: Function) -> bool | None:
    """True: apart, whatever its registers say; False: not; None: they decide."""
    vendor, device, kind = function.vendor, function.device, function.port_type
    if vendor is None or device is None:
        return None
    if device in _SOUTH_BRIDGE.get(vendor, ()):
        on_root_bus = function.parent is None and function.multifunction is True
        return True if on_root_bus and node.iommu.vendor in ("amd", None) else None
    if device in _ENDPOINTS.get(vendor, ()):
        return True
    if vendor == _INTEL and kind is PortType.INTEGRATED:
        return True  # pci_quirk_rciep_acs: VT-d specification, 3.16
    if kind is PortType.ROOT and device in _ROOT_PORTS.get(vendor, ()):
        return True
    if vendor == _ZHAOXIN and kind in (PortType.ROOT, PortType.DOWNSTREAM):
        return device in _ZHAOXIN_PORTS
    if vendor == _WANGXUN:
        return device in _WANGXUN_NICS
    return None
