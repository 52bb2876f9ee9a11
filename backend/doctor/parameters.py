"""Kernel parameters that cost something, do nothing, or do something else than one hopes."""

from __future__ import annotations

import re
from collections.abc import Iterator

from backend.doctor.finding import Severity, Subject, Told, rule
from backend.doctor.kernel_settings import booted, built_with, on_command_line, release
from backend.doctor.passed import attribute, claims, given, membership, name_of
from backend.doctor.vfio_ids import matches
from backend.node.acs import NO_OVERRIDE, understood
from backend.node.evidence import Evidence
from backend.node.grouping import predict
from backend.node.node import Node
from backend.node.what_if import Cost, with_acs_override
from backend.plan.edits import modprobe
from backend.plan.intents import ReserveCard

# Proxmox kernels' patch "pci: Enable overrides for missing ACS capabilities"
_OVERRIDDEN = re.compile(r"PCIe ACS overrides enabled")
_OVERRIDE = "pcie_acs_override="
_PICTURES_OFF = re.compile(r"(?:efi|vesa|simple)fb:off")
_DARK = "initcall_blacklist=sysfb_init"
_USELESS = ("nomodeset", "nofb", "textonly")
_DISPLAY = 0x03
_SYSFB = (5, 15)  # PVE's first kernels with simpledrm built in


@rule("acs-override-on", Severity.WARNING, Subject.KERNEL)
def _acs_override(node: Node) -> Iterator[Told]:
    told = tuple(_overrides(node))
    said = tuple(line for line in node.log if _OVERRIDDEN.search(line.text or ""))
    if said or (told and understood(node) is not False):
        yield Told((*told, *said[:1]))


@rule("acs-override-crossed", Severity.WARNING, Subject.GROUPS)
def _acs_crossed(node: Node) -> Iterator[Told]:
    """What it costs: a VM's device and others that only count as apart by the override's word. Once a VM and group
    that the hardware makes."""
    certain = {group.functions for group in predict(node, NO_OVERRIDE) if group.certain}
    torn = [cost.functions for cost in _costs(node) if cost.code == "not-isolated" and cost.functions in certain]
    told = set()
    for claim in claims(node):
        own = given(node, claim.guest)
        for function in claim.functions:
            for group in torn:
                others = [node.by_address[address] for address in group if address not in own]
                reached = [f for f in others if f.group != function.group and not f.is_bridge]
                if function.address in group and reached and (claim.guest.vmid, group) not in told:
                    told.add((claim.guest.vmid, group))
                    evidence = (claim.evidence, *_overrides(node), *map(membership, (function, *reached)))
                    values = {"device": name_of(function), "others": ", ".join(map(name_of, reached))}
                    values["vmid"] = str(claim.guest.vmid)
                    yield Told(evidence, function.address, claim.guest.vmid, values)


@rule("acs-override-without-effect", Severity.NOTE, Subject.GROUPS)
def _acs_without_effect(node: Node) -> Iterator[Told]:
    """A kernel that does not know it, or groups that are the same without; then only where config space tells all that
    decides them."""
    same = "no-effect" in {cost.code for cost in _costs(node)} and all(group.certain for group in predict(node))
    if same or (understood(node) is False and any(_overrides(node))):
        yield Told(tuple(_overrides(node)))


@rule("relax-rmrr-on", Severity.WARNING, Subject.KERNEL)
def _relax_rmrr(node: Node) -> Iterator[Told]:
    for token in booted(node):
        key, _, words = token.partition("=")
        if key == "intel_iommu" and "relax_rmrr" in words.split(","):
            yield Told((on_command_line(token),))


@rule("efifb-off-without-effect", Severity.NOTE, Subject.KERNEL)
def _efifb_off(node: Node) -> Iterator[Told]:
    """Since the firmware's picture is a platform device of its own (drivers/firmware/sysfb.c) no such name is asked."""
    found = [token for token in booted(node) if token.startswith("video=") and _PICTURES_OFF.search(token)]
    built = built_with(node, "SYSFB_SIMPLEFB")
    newer = release(node) >= _SYSFB if built is None else built.text is not None
    if found and newer and _DARK not in booted(node):
        reason = built or Evidence("/proc/sys/kernel/osrelease", node.kernel)
        yield Told((on_command_line(*found), reason), values={"parameter": " ".join(found)})


@rule("sysfb-console-dark", Severity.NOTE, Subject.KERNEL)
def _console_dark(node: Node) -> Iterator[Told]:
    """Not where a driver of the host draws on a display by itself, or the console is a serial one."""
    found = booted(node)
    displays = [f for f in node.functions if f.base_class == _DISPLAY]
    drawn = any(f.driver not in (None, "vfio-pci") for f in displays)
    if _DARK in found and displays and not drawn and not any(token.startswith("console=ttyS") for token in found):
        yield Told((on_command_line(_DARK), *(attribute(f, "driver", f.driver) for f in displays)))


@rule("nomodeset-useless", Severity.NOTE, Subject.KERNEL)
def _nomodeset(node: Node) -> Iterator[Told]:
    found = [token for token in booted(node) if token in _USELESS]
    if found:
        yield Told((on_command_line(*found),), values={"parameter": " ".join(found)})


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


def _overrides(node: Node) -> Iterator[Evidence]:
    return (on_command_line(token) for token in booted(node) if token.startswith(_OVERRIDE))


def _costs(node: Node) -> tuple[Cost, ...]:
    """Of the override that is on; its forms count together."""
    forms = [token.removeprefix(_OVERRIDE) for token in booted(node) if token.startswith(_OVERRIDE)]
    return with_acs_override(node, forms).costs if forms and node.groups and understood(node) is not False else ()


RULES = (
    _acs_override,
    _acs_crossed,
    _acs_without_effect,
    _relax_rmrr,
    _efifb_off,
    _console_dark,
    _nomodeset,
    _ids_on_command_line,
    _aer_hidden,
)
