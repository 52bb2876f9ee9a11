"""Option ROM files that VMs name with ``romfile=``."""

from __future__ import annotations

from collections.abc import Iterator

from backend.doctor.finding import Severity, Subject, Told, rule
from backend.doctor.guests import started
from backend.doctor.passed import name_of
from backend.node.evidence import Evidence
from backend.node.function import Function
from backend.node.hostpci import HostPci, parsed_lines
from backend.node.node import Guest, Node
from backend.node.option_rom import OptionRom
from backend.node.vm_start import resolve

_FOLDER = "/usr/share/kvm/"  # PVE::QemuServer::PCI::print_hostpci_devices
_DISPLAY = 0x03
_FAULTS = {
    "signature": "it does not begin with 55 AA",
    "structure": "an image has no PCI data structure (PCIR)",
    "size": "it ends inside an image",
    "chain": "the image marked as the last one is missing",
    "checksum": "a BIOS image has a wrong checksum",
}


@rule("guest-rom-missing-file", Severity.ERROR, Subject.GUESTS)
def _missing_file(node: Node) -> Iterator[Told]:
    """Only where the snapshot asked for it. With rombar=0 QEMU starts all the same."""
    for guest, slot, line, path in _named(node):
        if line.rombar and f"{path}: missing" in node.problems:
            yield _told(guest, slot, path)


@rule("guest-rom-empty", Severity.ERROR, Subject.GUESTS)
def _empty(node: Node) -> Iterator[Told]:
    """QEMU refuses it (pci_add_option_rom)."""
    for guest, slot, line, path in _named(node):
        rom = node.roms.get(path)
        if line.rombar and rom is not None and rom.size == 0:
            yield _told(guest, slot, path)


@rule("guest-rom-broken", Severity.WARNING, Subject.GUESTS)
def _broken(node: Node) -> Iterator[Told]:
    for guest, slot, _, path in _named(node):
        rom = node.roms.get(path)
        if rom is not None and rom.problem in _FAULTS:
            yield _told(guest, slot, path, _content(path, rom), fault=_FAULTS[rom.problem])


@rule("guest-rom-wrong-device", Severity.WARNING, Subject.GUESTS)
def _wrong_device(node: Node) -> Iterator[Told]:
    """Firmware leaves an image alone that is for another device than the one that the guest sees."""
    for guest, slot, line, path, rom, function in _decoded(node):
        vendor, device = _seen(line, "vendor-id", function.vendor), _seen(line, "device-id", function.device)
        if rom.images and vendor is not None and device is not None and not rom.fits(vendor, device):
            image = rom.images[0]
            values = {"device": name_of(function), "made_for": f"{image.vendor:04x}:{image.devices[0]:04x}"}
            yield _told(guest, slot, path, _content(path, rom), of=function, **values)


@rule("guest-ovmf-needs-efi-rom", Severity.WARNING, Subject.GUESTS)
def _ovmf_needs_efi_rom(node: Node) -> Iterator[Told]:
    for guest, slot, _, path, rom, function in _displays(node):
        if guest.options.get("bios") == "ovmf" and not rom.has_x64:
            values = {"device": name_of(function)}
            yield _told(guest, slot, path, guest.evidence("bios"), _content(path, rom), of=function, **values)


@rule("guest-seabios-needs-bios-rom", Severity.WARNING, Subject.GUESTS)
def _seabios_needs_bios_rom(node: Node) -> Iterator[Told]:
    for guest, slot, _, path, rom, function in _displays(node):
        if guest.options.get("bios", "seabios") == "seabios" and not rom.has_bios:
            values = {"device": name_of(function)}
            yield _told(guest, slot, path, guest.evidence("bios"), _content(path, rom), of=function, **values)


@rule("guest-rom-not-shown", Severity.NOTE, Subject.GUESTS)
def _not_shown(node: Node) -> Iterator[Told]:
    for guest, slot, line, path in _named(node):
        if not line.rombar:
            yield _told(guest, slot, path)


def _named(node: Node) -> Iterator[tuple[Guest, str, HostPci, str]]:
    for guest in started(node):
        for slot, line in parsed_lines(guest.hostpci):
            if line.romfile is not None:
                yield guest, slot, line, _FOLDER + line.romfile


def _decoded(node: Node) -> Iterator[tuple[Guest, str, HostPci, str, OptionRom, Function]]:
    """With the function that gets the ROM: the first one of the line."""
    for guest, slot, line, path in _named(node):
        alternatives = resolve(node, line)
        if path in node.roms and alternatives:
            yield guest, slot, line, path, node.roms[path], alternatives[0][0]


def _displays(node: Node) -> Iterator[tuple[Guest, str, HostPci, str, OptionRom, Function]]:
    """Whose ROM has images at all."""
    return (found for found in _decoded(node) if found[5].base_class == _DISPLAY and found[4].images)


def _seen(line: HostPci, key: str, real: int | None) -> int | None:
    """The id that the guest sees."""
    return int(line.values[key], 16) if key in line.values else real


def _content(path: str, rom: OptionRom) -> Evidence:
    """What is in it: ``10de:2204 BIOS, 10de:2204 EFI x64``."""
    kinds = {0: "BIOS", 1: "Open Firmware", 2: "PA-RISC", 3: "EFI"}
    images = (
        " ".join(filter(None, (f"{i.vendor:04x}:{i.devices[0]:04x}", kinds.get(i.code_type), i.machine)))
        for i in rom.images
    )
    return Evidence(path, ", ".join(images) or f"{rom.size} bytes")


def _told(guest: Guest, slot: str, path: str, *evidence: Evidence, of: Function | None = None, **values: str) -> Told:
    values |= {"file": path, "slot": slot, "vmid": str(guest.vmid)}
    seen = (guest.evidence(slot), *(evidence or (Evidence(path, None),)))
    return Told(seen, None if of is None else of.address, guest.vmid, values)


RULES = (
    _missing_file,
    _empty,
    _broken,
    _wrong_device,
    _ovmf_needs_efi_rom,
    _seabios_needs_bios_rom,
    _not_shown,
)
