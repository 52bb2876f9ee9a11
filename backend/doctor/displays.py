"""Displays: the picture that the host has before a guest gets it, and the option ROM that makes it."""

from __future__ import annotations

import re
from collections.abc import Iterator

from backend.doctor.finding import Severity, Subject, Told, rule
from backend.doctor.passed import Claim, attribute, claims, heard, name_of, passed
from backend.node.function import Function
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
    """The host keeps another display, on which the firmware could draw."""
    for claim, display in _displays(node):
        kept = _kept(node)
        if display.boot_vga and kept:
            yield _told(claim, display, "boot_vga", others=", ".join(map(name_of, kept)))


@rule("only-console", Severity.WARNING, Subject.DEVICES)
def _only_console(node: Node) -> Iterator[Told]:
    for claim, display in _displays(node):
        if display.boot_vga and not _kept(node):
            yield _told(claim, display, "boot_vga")


@rule("rom-shadowed", Severity.WARNING, Subject.DEVICES)
def _rom_shadowed(node: Node) -> Iterator[Told]:
    """Of the boot display a guest reads what the firmware left in memory, not the card's ROM. On-board graphics, which
    sit on a root bus, have none of their own."""
    for claim, display in _displays(node):
        if display.boot_vga and display.parent is not None and not _brings_rom(claim):
            yield _told(claim, display, "boot_vga")


@rule("rom-none", Severity.WARNING, Subject.DEVICES)
def _rom_none(node: Node) -> Iterator[Told]:
    """Its BARs are known, and none is a ROM's: on-board graphics of AMD's, above all."""
    for claim, display in _displays(node):
        is_vga = display.class_code is not None and display.class_code >> 8 == _VGA
        known = display.bars and display.physical_function is None
        if is_vga and known and not _brings_rom(claim) and all(bar.index != _ROM for bar in display.bars):
            yield _told(claim, display, "rom")


def _displays(node: Node) -> Iterator[tuple[Claim, Function]]:
    return ((claim, f) for claim in claims(node) for f in claim.functions if f.base_class == _DISPLAY)


def _kept(node: Node) -> tuple[Function, ...]:
    """Displays that stay with the host. That of a virtual function shows nothing on a screen."""
    gone = set(passed(node))
    return tuple(
        f for f in node.functions if f.base_class == _DISPLAY and f.physical_function is None and f not in gone
    )


def _brings_rom(claim: Claim) -> bool:
    """With legacy-igd QEMU brings one of its own making."""
    return claim.line.romfile is not None or claim.line.legacy_igd


def _told(claim: Claim, display: Function, looked_at: str, **values: str) -> Told:
    values |= {"device": name_of(display), "slot": claim.slot, "vmid": str(claim.guest.vmid)}
    seen = attribute(display, looked_at, 1 if looked_at == "boot_vga" else None)
    return Told((claim.evidence, seen), display.address, claim.guest.vmid, values)


RULES = (_held_by_framebuffer, _cannot_reserve, _boot_vga_passed, _only_console, _rom_shadowed, _rom_none)
