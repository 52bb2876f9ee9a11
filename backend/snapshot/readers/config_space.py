"""PCI configuration space: header, capabilities, extended capabilities (PCI Express base spec., 7.5 to 7.9).

All functions take the bytes as sysfs ``config`` gives them, 64 (no privilege), 256 or 4096, and believe
nothing that lies beyond them; a chain that loops ends.
"""

from __future__ import annotations

from backend.node.express import Acs, PortType

EXPRESS = 0x10  # capability: PCI Express
SERIAL = 0x0003  # extended capabilities: Device Serial Number,
ACS = 0x000D  # Access Control Services,
SRIOV = 0x0010  # Single Root I/O Virtualization

# Intel root ports whose ACS registers are double words, so that the control stands at 8, not at 6
# (pci_quirk_intel_spt_pch_acs_match in drivers/pci/quirks.c).
_WIDE_ACS = frozenset(
    (
        *range(0xA110, 0xA120),  # Sunrise Point
        *range(0xA167, 0xA16B),
        *range(0xA290, 0xA2A0),  # Union Point
        *range(0xA2E7, 0xA2EF),
        *range(0x9D10, 0x9D1C),  # 7th and 8th generation mobile
    )
)

_PORT_TYPES = {kind.value: kind for kind in PortType}
_BRIDGE = 1  # header types
_CARDBUS = 2


def _word(config: bytes, offset: int) -> int:
    return int.from_bytes(config[offset : offset + 2], "little")


def header_type(config: bytes) -> int | None:
    """0 device, 1 PCI bridge, 2 CardBus bridge; None where it is missing or reads as ff."""
    if len(config) < 64 or config[0x0E] == 0xFF:
        return None
    return config[0x0E] & 0x7F


def buses(config: bytes) -> tuple[int, int] | None:
    """Secondary and subordinate bus number of a bridge; None on all else and on a bridge not yet numbered."""
    if header_type(config) not in (_BRIDGE, _CARDBUS) or config[0x19] == 0:
        return None
    return config[0x19], config[0x1A]


def capabilities(config: bytes) -> tuple[tuple[int, int], ...]:
    """(id, offset) in the order of the chain."""
    kind = header_type(config)
    if kind is None or not _word(config, 0x06) & 0x10:
        return ()
    at = config[0x14 if kind == _CARDBUS else 0x34] & 0xFC
    found: list[tuple[int, int]] = []
    seen: set[int] = set()
    while at >= 0x40 and at + 2 <= min(len(config), 256) and at not in seen:
        seen.add(at)
        if config[at] == 0xFF:
            break
        found.append((config[at], at))
        at = config[at + 1] & 0xFC
    return tuple(found)


def extended_capabilities(config: bytes) -> tuple[tuple[int, int], ...]:
    """(id, offset) in the order of the chain."""
    found: list[tuple[int, int]] = []
    seen: set[int] = set()
    at = 0x100
    while at >= 0x100 and at + 4 <= len(config) and at not in seen:
        seen.add(at)
        head = int.from_bytes(config[at : at + 4], "little")
        if head in (0, 0xFFFFFFFF):
            break
        found.append((head & 0xFFFF, at))
        at = head >> 20 & 0xFFC
    return tuple(found)


def port_type(config: bytes) -> PortType | None:
    """Device/port type of the PCI Express capability; None where there is none."""
    for id_, at in capabilities(config):
        if id_ == EXPRESS and at + 4 <= len(config):
            return _PORT_TYPES.get(_word(config, at + 2) >> 4 & 0xF)
    return None


def acs(config: bytes) -> Acs | None:
    """The ACS registers; None where there is no such capability."""
    for id_, at in extended_capabilities(config):
        if id_ == ACS and at + 12 <= len(config):
            wide = has_wide_acs(_word(config, 0), _word(config, 2))
            return Acs(_word(config, at + 4), _word(config, at + (8 if wide else 6)))
    return None


def has_wide_acs(vendor: int | None, device: int | None) -> bool:
    """Whether its ACS control register stands two bytes further than it should; lspci does not know."""
    return vendor == 0x8086 and device in _WIDE_ACS


def virtual_functions(config: bytes) -> tuple[int, int, int] | None:
    """Number of the virtual functions that are on, distance of the first, and from one to the next, in requester ids
    (SR-IOV, 9.3.3); None where there are none."""
    for id_, at in extended_capabilities(config):
        if id_ == SRIOV and at + 0x18 <= len(config) and config[at + 8] & 1:
            return _word(config, at + 0x10), _word(config, at + 0x14), _word(config, at + 0x16)
    return None


def multifunction(config: bytes) -> bool | None:
    """Bit 7 of the header type; the kernel also counts every function but 0 as one of several."""
    return None if header_type(config) is None else bool(config[0x0E] & 0x80)


def is_whole(config: bytes) -> bool:
    """Whether a capability that is not found is not there: all of the extended space was read, or there is none."""
    return len(config) >= 4096 or (len(config) == 256 and header_type(config) is not None and port_type(config) is None)


def serial(config: bytes) -> str | None:
    """Device Serial Number as lspci prints it, ``00-1b-21-ff-ff-6a-0b-9c``; zeros or ones are none."""
    for id_, at in extended_capabilities(config):
        number = config[at + 4 : at + 12]
        if id_ == SERIAL and len(number) == 8:
            return None if number in (bytes(8), b"\xff" * 8) else number[::-1].hex("-")
    return None


def ids(config: bytes) -> dict[str, int]:
    """``vendor``, ``device``, ``revision``, ``class_code`` and, on a device, the subsystem's; {} if missing.

    On a VF vendor and device read as ffff here (SR-IOV, 9.3.4.1): then they are left out.
    """
    kind = header_type(config)
    if kind is None:
        return {}
    found = {"revision": config[0x08], "class_code": int.from_bytes(config[0x09:0x0C], "little")}
    if _word(config, 0) != 0xFFFF:
        found |= {"vendor": _word(config, 0), "device": _word(config, 2)}
    if kind == 0 and _word(config, 0x2C) not in (0, 0xFFFF):
        found |= {"subsystem_vendor": _word(config, 0x2C), "subsystem_device": _word(config, 0x2E)}
    return found
