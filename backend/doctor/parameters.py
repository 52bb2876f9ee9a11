"""Kernel parameters that cost something, do nothing, or do something else than one hopes."""

from __future__ import annotations

import re
from collections.abc import Iterator

from backend.doctor.finding import Severity, Subject, Told, rule
from backend.doctor.kernel_settings import booted, built_with, on_command_line, release
from backend.doctor.passed import attribute, name_of
from backend.doctor.vfio_ids import matches
from backend.node.evidence import Evidence
from backend.node.node import Node
from backend.plan.edits import modprobe
from backend.plan.intents import ReserveCard

# Proxmox kernels' patch "pci: Enable overrides for missing ACS capabilities"
_OVERRIDDEN = re.compile(r"PCIe ACS overrides enabled")
_PICTURES_OFF = re.compile(r"(?:efi|vesa|simple)fb:off")
_DARK = "initcall_blacklist=sysfb_init"
_USELESS = ("nomodeset", "nofb", "textonly")
_DISPLAY = 0x03
_SYSFB = (5, 15)  # PVE's first kernels with simpledrm built in


@rule("acs-override-on", Severity.WARNING, Subject.KERNEL)
def _acs_override(node: Node) -> Iterator[Told]:
    given = tuple(on_command_line(token) for token in booted(node) if token.startswith("pcie_acs_override="))
    said = tuple(line for line in node.log if _OVERRIDDEN.search(line.text or ""))
    if given or said:
        yield Told((*given, *said[:1]))


@rule("relax-rmrr-on", Severity.WARNING, Subject.KERNEL)
def _relax_rmrr(node: Node) -> Iterator[Told]:
    for token in booted(node):
        key, _, words = token.partition("=")
        if key == "intel_iommu" and "relax_rmrr" in words.split(","):
            yield Told((on_command_line(token),))


@rule("efifb-off-without-effect", Severity.NOTE, Subject.KERNEL)
def _efifb_off(node: Node) -> Iterator[Told]:
    """Since the firmware's picture is a platform device of its own (drivers/firmware/sysfb.c) no such name is asked."""
    given = [token for token in booted(node) if token.startswith("video=") and _PICTURES_OFF.search(token)]
    built = built_with(node, "SYSFB_SIMPLEFB")
    newer = release(node) >= _SYSFB if built is None else built.text is not None
    if given and newer and _DARK not in booted(node):
        reason = built or Evidence("/proc/sys/kernel/osrelease", node.kernel)
        yield Told((on_command_line(*given), reason), values={"parameter": " ".join(given)})


@rule("sysfb-console-dark", Severity.NOTE, Subject.KERNEL)
def _console_dark(node: Node) -> Iterator[Told]:
    """Not where a driver of the host draws on a display by itself, or the console is a serial one."""
    given = booted(node)
    displays = [f for f in node.functions if f.base_class == _DISPLAY]
    drawn = any(f.driver not in (None, "vfio-pci") for f in displays)
    if _DARK in given and displays and not drawn and not any(token.startswith("console=ttyS") for token in given):
        yield Told((on_command_line(_DARK), *(attribute(f, "driver", f.driver) for f in displays)))


@rule("nomodeset-useless", Severity.NOTE, Subject.KERNEL)
def _nomodeset(node: Node) -> Iterator[Told]:
    given = [token for token in booted(node) if token in _USELESS]
    if given:
        yield Told((on_command_line(*given),), values={"parameter": " ".join(given)})


@rule("vfio-ids-on-cmdline", Severity.WARNING, Subject.KERNEL)
def _ids_on_command_line(node: Node) -> Iterator[Told]:
    """Where it came too late: another driver has one of them."""
    for token in booted(node):
        if token.startswith(("vfio-pci.ids=", "vfio_pci.ids=")):
            ids = modprobe.split_ids(token)
            others = [f for f in node.functions if f.driver not in (None, "vfio-pci")]
            late = [f for f in others if any(matches(i, f) for i in ids)]
            if late:
                evidence = (on_command_line(token), *(attribute(f, "driver", f.driver) for f in late))
                values = {"devices": ", ".join(map(name_of, late))}
                yield Told(evidence, late[0].address, values=values, remedy=ReserveCard.of(node, late[0].address))


@rule("aer-hidden", Severity.NOTE, Subject.KERNEL)
def _aer_hidden(node: Node) -> Iterator[Told]:
    for token in booted(node):
        if token.startswith("pci=") and "noaer" in token[4:].split(","):
            yield Told((on_command_line(token),))


RULES = (
    _acs_override,
    _relax_rmrr,
    _efifb_off,
    _console_dark,
    _nomodeset,
    _ids_on_command_line,
    _aer_hidden,
)
