"""The option ROM of a PCI device: its chain of images.

Source: PCI Firmware Specification 3.3, section 5.1 (expansion ROM header and PCI data structure), and UEFI 2.10, 14.4.2
(EFI images in option ROMs).
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum

_BLOCK = 512  # image lengths are counted so
_LAST = 0x80  # bit of the indicator byte
_EFI_SIGNATURE = 0x0EF1
_MACHINES = {0x014C: "ia32", 0x8664: "x64", 0xAA64: "aa64", 0x01C2: "arm", 0x5064: "riscv64", 0x6264: "loongarch64"}


class CodeType(IntEnum):
    """PCI data structure, offset 14h. Others exist; they are kept as plain numbers."""

    X86_BIOS = 0
    OPEN_FIRMWARE = 1
    PA_RISC = 2
    EFI = 3


@dataclass(frozen=True, slots=True)
class RomImage:
    """``start`` and ``size`` in bytes of the file; ``machine``: of an EFI image, as the UEFI specification names it
    ("x64"), None for others and where it is not known. ``checksum_ok``: the bytes of an x86 BIOS image, as many as its
    header counts, add up to 0 modulo 256; for others nobody looks, so there it is None."""

    start: int
    size: int
    code_type: int
    vendor: int
    devices: tuple[int, ...]  # the first is its own, then those of its device list
    machine: str | None
    compressed: bool
    checksum_ok: bool | None


@dataclass(frozen=True, slots=True)
class OptionRom:
    """``problem``: None for a ROM in order; "empty", "signature" (does not start with 55 AA), "structure" (no PCIR data
    structure where the header says), "size" (an image is longer than the file), "chain" (ends before the image marked
    last), "checksum". The images before the fault are kept."""

    images: tuple[RomImage, ...]
    size: int
    problem: str | None = None

    @property
    def has_x64(self) -> bool:
        """A picture under OVMF."""
        return any(i.code_type == CodeType.EFI and i.machine == "x64" for i in self.images)

    @property
    def has_bios(self) -> bool:
        """A picture under SeaBIOS."""
        return any(image.code_type == CodeType.X86_BIOS for image in self.images)

    def fits(self, vendor: int, device: int) -> bool:
        """Whether some image is for this device."""
        return any(image.vendor == vendor and device in image.devices for image in self.images)


def decode(content: bytes) -> OptionRom:
    """Never raises: what is wrong is told as `problem`."""
    if not content:
        return OptionRom((), 0, "empty")
    images: list[RomImage] = []
    at = 0
    while True:
        if content[at : at + 2] != b"\x55\xaa":
            return OptionRom(tuple(images), len(content), "chain" if images else "signature")
        structure = at + int.from_bytes(content[at + 0x18 : at + 0x1A], "little")
        found = content[structure : structure + 0x18]
        blocks = int.from_bytes(found[0x10:0x12], "little")
        if len(found) < 0x18 or found[:4] != b"PCIR" or blocks == 0:
            return OptionRom(tuple(images), len(content), "structure")
        size = blocks * _BLOCK
        if at + size > len(content):
            return OptionRom(tuple(images), len(content), "size")
        images.append(_image(content[at : at + size], at, found))
        at += size
        if found[0x15] & _LAST:
            bad = any(image.checksum_ok is False for image in images)
            return OptionRom(tuple(images), len(content), "checksum" if bad else None)


def _image(image: bytes, start: int, structure: bytes) -> RomImage:
    code_type = structure[0x14]
    is_efi = code_type == CodeType.EFI and int.from_bytes(image[4:8], "little") == _EFI_SIGNATURE
    counted = image[2] * _BLOCK or len(image)
    return RomImage(
        start,
        len(image),
        code_type,
        int.from_bytes(structure[4:6], "little"),
        (int.from_bytes(structure[6:8], "little"), *_device_list(image, structure)),
        _MACHINES.get(int.from_bytes(image[0x0A:0x0C], "little")) if is_efi else None,
        is_efi and int.from_bytes(image[0x0C:0x0E], "little") != 0,
        sum(image[:counted]) % 256 == 0 if code_type == CodeType.X86_BIOS else None,
    )


def _device_list(image: bytes, structure: bytes) -> tuple[int, ...]:
    """Device ids up to a zero; since revision 3 of the structure, before that the field meant something else."""
    offset = int.from_bytes(structure[8:10], "little")
    if structure[0x0C] < 3 or offset == 0:
        return ()
    found = []
    at = int.from_bytes(image[0x18:0x1A], "little") + offset
    while device := int.from_bytes(image[at : at + 2], "little"):
        found.append(device)
        at += 2
    return tuple(found)
