"""PCI configuration space: header, capabilities, extended capabilities (PCI Express base spec., 7.5 to 7.9).

All functions take the bytes as sysfs ``config`` gives them, 64 (no privilege), 256 or 4096, and believe
nothing that lies beyond them; a chain that loops ends.
"""

from __future__ import annotations

EXPRESS = 0x10  # capability: PCI Express
SERIAL = 0x0003  # extended capability: Device Serial Number

ROOT_PORT = 4  # device/port types of the PCI Express capability
UPSTREAM_PORT = 5
DOWNSTREAM_PORT = 6

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


def port_type(config: bytes) -> int | None:
    """Device/port type (ROOT_PORT, ...) of the PCI Express capability; None where there is none."""
    for id_, at in capabilities(config):
        if id_ == EXPRESS and at + 4 <= len(config):
            return _word(config, at + 2) >> 4 & 0xF
    return None


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
