"""Displays: the picture that the host has before a guest gets it, and the option ROM that makes it."""

from __future__ import annotations

import re
from collections.abc import Iterator

from backend.doctor.finding import Severity, Subject, Told, rule
from backend.doctor.passed import Claim, attribute, claims, heard, hostpci, name_of, passed
from backend.node.node import Node

_NOT_RESERVED = re.compile(
    r"vfio-pci.*BAR (\d)(?: \[[^\]]*\])?: can't reserve"
)  # drivers/pci/pci.c, pci_request_region
_DISPLAY, _VGA = 0x03, 0x0300
_ROM = 6  # index of the ROM among the BARs


@rule("bar-held-by-framebuffer", Severity.WARNING, Subject.DEVICES)
def _held_by_framebuffer(node: Node) -> Iterator[Told]:
    for function in passed(node):
        for bar in function.bars:
            for region in node.framebuffers:
                if not bar.is_io and bar.start <= region.end and region.start < bar.start + bar.size:
                    values = {"device": name_of(function), "bar": str(bar.index), "holder": region.kind}
                    lines = (region.evidence, attribute(function, "resource", f"{bar.start:#018x}"))
                    yield Told(lines, function.address, values=values)


@rule("bar-cannot-reserve", Severity.ERROR, Subject.DEVICES)
def _cannot_reserve(node: Node) -> Iterator[Told]:
    for address, name, lines in heard(node, _NOT_RESERVED):
        bars = sorted({match[1] for line in lines if (match := _NOT_RESERVED.search(line.text or ""))})
        yield Told(lines, address, values={"device": name, "bars": ", ".join(bars)})


@rule("boot-vga-passed", Severity.WARNING, Subject.DEVICES)
def _boot_vga_passed(node: Node) -> Iterator[Told]:
    """There is another display that the firmware could draw on."""
    for claim in _boot_displays(node):
        others = _other_displays(node, claim)
        if others:
            yield _told(node, claim, others=", ".join(others))


@rule("only-console", Severity.WARNING, Subject.DEVICES)
def _only_console(node: Node) -> Iterator[Told]:
    for claim in _boot_displays(node):
        if not _other_displays(node, claim):
            yield _told(node, claim)


@rule("rom-shadowed", Severity.WARNING, Subject.DEVICES)
def _rom_shadowed(node: Node) -> Iterator[Told]:
    """Of the boot display a guest reads what the firmware left in memory, not the card's ROM. On-board graphics, which
    sit on a root bus, have none of their own."""
    for claim in _boot_displays(node):
        if claim.function.parent is not None and not _brings_rom(claim):
            yield _told(node, claim)


@rule("rom-none", Severity.WARNING, Subject.DEVICES)
def _rom_none(node: Node) -> Iterator[Told]:
    """Its BARs are known, and none is a ROM's: on-board graphics of AMD's, above all."""
    for claim in claims(node):
        function = claim.function  # romfile= is about the first one only
        is_vga = function.class_code is not None and function.class_code >> 8 == _VGA
        known = function.bars and function.physical_function is None
        if is_vga and known and not _brings_rom(claim) and all(bar.index != _ROM for bar in function.bars):
            lines = (hostpci(node, claim.guest, claim.slot), attribute(function, "rom", None))
            yield Told(lines, function.address, claim.guest.vmid, _values(claim))


def _boot_displays(node: Node) -> Iterator[Claim]:
    """A display is the first function of its card."""
    return (c for c in claims(node) if c.function.boot_vga and c.function.base_class == _DISPLAY)


def _other_displays(node: Node, claim: Claim) -> tuple[str, ...]:
    """A display of a virtual function shows nothing on a screen."""
    return tuple(
        name_of(f)
        for f in node.functions
        if f.base_class == _DISPLAY and f.address.card != claim.function.address.card and f.physical_function is None
    )


def _brings_rom(claim: Claim) -> bool:
    """With legacy-igd QEMU brings one of its own making."""
    return "romfile=" in claim.value or "legacy-igd=1" in claim.value


def _told(node: Node, claim: Claim, **values: str) -> Told:
    lines = (hostpci(node, claim.guest, claim.slot), attribute(claim.function, "boot_vga", 1))
    return Told(lines, claim.function.address, claim.guest.vmid, _values(claim) | values)


def _values(claim: Claim) -> dict[str, str]:
    return {
        "device": name_of(claim.function),
        "address": str(claim.function.address),
        "slot": claim.slot,
        "vmid": str(claim.guest.vmid),
    }


RULES = (_held_by_framebuffer, _cannot_reserve, _boot_vga_passed, _only_console, _rom_shadowed, _rom_none)
