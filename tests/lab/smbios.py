"""SMBIOS type 9 records (system slots), which QEMU 7.2 cannot make itself but takes as files."""

from __future__ import annotations

import struct
from dataclasses import dataclass

_TYPE = 9
_FIRST_HANDLE = 0x0900
_AVAILABLE, _IN_USE = 3, 4
_LONG = 4
_PROVIDES_3_3_VOLTS, _PME = 0x04, 0x01
# Lanes: "slot type" (PCI Express xN) and "data bus width" (xN) of the SMBIOS specification.
_BY_LANES = {1: (0xA6, 0x08), 2: (0xA7, 0x09), 4: (0xA8, 0x0A), 8: (0xA9, 0x0B), 16: (0xAA, 0x0D)}


@dataclass(frozen=True)
class Slot:
    """A slot as the firmware names it; address is that of the card in it, None where it is empty."""

    designation: str
    number: int
    lanes: int
    address: str | None


def record(slot: Slot, index: int) -> bytes:
    """The record of one slot, with the index as its handle. An empty slot's address is all ones."""
    segment, bus, function = (0xFFFF, 0xFF, 0xFF) if slot.address is None else _parse(slot.address)
    usage = _AVAILABLE if slot.address is None else _IN_USE
    kind, width = _BY_LANES[slot.lanes]
    fields = struct.pack(
        "<BBBBBHBBHBB",
        1,  # the first string, which is the designation
        kind,
        width,
        usage,
        _LONG,
        slot.number,
        _PROVIDES_3_3_VOLTS,
        _PME,
        segment,
        bus,
        function,
    )
    header = struct.pack("<BBH", _TYPE, 4 + len(fields), _FIRST_HANDLE + index)
    return header + fields + slot.designation.encode("ascii") + b"\0\0"


def _parse(address: str) -> tuple[int, int, int]:
    segment, bus, rest = address.split(":")
    device, function = rest.split(".")
    return int(segment, 16), int(bus, 16), int(device, 16) << 3 | int(function)
