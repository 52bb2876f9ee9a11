"""The records are laid out as the SMBIOS specification says."""

from __future__ import annotations

from .smbios import Slot, record


def test_a_taken_slot_names_its_card() -> None:
    made = record(Slot("PCIEX16_1", 6, 16, "0000:03:1f.7"), 2)
    assert made[:4] == bytes((9, 0x11, 0x02, 0x09))
    assert made[4:0x11] == bytes((1, 0xAA, 0x0D, 4, 4, 6, 0, 0x04, 0x01, 0, 0, 0x03, 0xFF))
    assert made[0x11:] == b"PCIEX16_1\0\0"


def test_an_empty_slot_is_available_and_has_no_address() -> None:
    made = record(Slot("PCIEX4_1", 7, 4, None), 0)
    assert made[7] == 3
    assert made[13:0x11] == b"\xff\xff\xff\xff"
