"""Option ROMs made here byte by byte."""

from __future__ import annotations

import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backend.node.option_rom import decode


def image(
    code_type: int = 0,
    *,
    last: bool = True,
    blocks: int = 2,
    vendor: int = 0x10DE,
    devices: tuple[int, ...] = (0x2204,),
    machine: int = 0x8664,
    compression: int = 0,
    wrong: int = 0,
) -> bytes:
    """An image of `blocks` times 512 bytes; `wrong` is added to the checksum of a BIOS image."""
    rom = bytearray(blocks * 512)
    rom[0:3] = b"\x55\xaa" + bytes([blocks])
    if code_type == 3:
        struct.pack_into("<HIHHH", rom, 2, blocks, 0x0EF1, 11, machine, compression)
    struct.pack_into("<H", rom, 0x18, 0x40)
    further = devices[1:]
    struct.pack_into(
        "<4sHHHHB3sHHBBHH",
        rom,
        0x40,
        b"PCIR",
        vendor,
        devices[0],
        0x20 if further else 0,
        0x1C,
        3,
        b"\0\0\3",
        blocks,
        0,
        code_type,
        0x80 if last else 0,
        0,
        0,
    )
    struct.pack_into(f"<{len(further)}H", rom, 0x60, *further)
    if code_type == 0:
        rom[-1] = (wrong - sum(rom)) % 256
    return bytes(rom)


def test_two_images() -> None:
    rom = decode(image(0, last=False, devices=(0x2204, 0x2205)) + image(3, blocks=3, compression=1) + b"\xff" * 100)
    bios, efi = rom.images
    assert (rom.problem, rom.size) == (None, 5 * 512 + 100)
    assert (bios.start, bios.size, bios.code_type, bios.checksum_ok, bios.machine) == (0, 1024, 0, True, None)
    assert (efi.start, efi.size, efi.code_type, efi.machine, efi.compressed) == (1024, 1536, 3, "x64", True)
    assert bios.devices == (0x2204, 0x2205)
    assert rom.has_bios
    assert rom.has_x64
    assert rom.fits(0x10DE, 0x2205)
    assert not rom.fits(0x10DE, 0x2206)
    assert not rom.fits(0x1002, 0x2204)


def test_which_firmware_it_serves() -> None:
    assert not decode(image(0)).has_x64
    assert not decode(image(3)).has_bios
    assert not decode(image(3, machine=0xAA64)).has_x64
    assert decode(image(3, machine=0xAA64)).images[0].machine == "aa64"
    assert not decode(image(1)).has_bios


@pytest.mark.parametrize(
    ("content", "problem", "images"),
    [
        (b"", "empty", 0),
        (b"NVGI" + bytes(1000), "signature", 0),
        (b"\xff" * 1024, "signature", 0),
        (b"\x55\xaa", "structure", 0),
        (b"\x55\xaa" + bytes(1022), "structure", 0),
        (image()[:1000], "size", 0),
        (image(last=False), "chain", 1),
        (image(last=False) + bytes(512), "chain", 1),
        (image(last=False) + image(3)[:100], "size", 1),
        (image(wrong=1), "checksum", 1),
    ],
)
def test_broken(content: bytes, problem: str, images: int) -> None:
    rom = decode(content)
    assert (rom.problem, len(rom.images)) == (problem, images)


@given(st.binary(max_size=200), st.integers(0, 1100))
def test_never_raises(noise: bytes, at: int) -> None:
    whole = image(last=False, devices=(1, 2)) + image(3)
    decode(whole[:at] + noise + whole[at + len(noise) :])
    decode(b"\x55\xaa" + noise)
