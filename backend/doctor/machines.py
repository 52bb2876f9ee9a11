"""VMs: whether machine type, display, memory and processor fit the devices that they get."""

from __future__ import annotations

from collections.abc import Iterator

from backend.doctor.finding import Severity, Subject, Told, rule
from backend.doctor.guests import can_start, started
from backend.doctor.passed import Claim, claims, name_of
from backend.node.evidence import Evidence
from backend.node.hostpci import parsed_lines
from backend.node.node import Guest, Node
from backend.node.vm_start import igd_conditions, is_q35, resolve

_DISPLAY = 0x03
# QEMU's generic models, without most of what the host's processor can. Without a line PVE takes kvm64
# (PVE::QemuServer::CPUConfig).
_GENERIC = ("kvm32", "kvm64", "qemu32", "qemu64", "x86-64-v2", "x86-64-v2-AES", "x86-64-v3", "x86-64-v4")
_DEFAULT_CPU = "kvm64"
_MIB = 1 << 20


@rule("guest-pcie-needs-q35", Severity.ERROR, Subject.GUESTS)
def _pcie_needs_q35(node: Node) -> Iterator[Told]:
    for guest in started(node):
        for slot, line in parsed_lines(guest.hostpci):
            if line.pcie and not is_q35(guest):
                values = {"machine": guest.options.get("machine", "i440fx"), "slot": slot, "vmid": str(guest.vmid)}
                yield Told((guest.evidence(slot), guest.evidence("machine")), None, guest.vmid, values)


@rule("guest-legacy-igd", Severity.ERROR, Subject.GUESTS)
def _legacy_igd(node: Node) -> Iterator[Told]:
    """Each condition that is not met."""
    for guest in started(node):
        before = 0
        for slot, line in parsed_lines(guest.hostpci):
            if line.legacy_igd:
                for _, text in igd_conditions(guest, line, resolve(node, line), is_second=before > 0):
                    evidence = (guest.evidence(slot), guest.evidence("vga"), guest.evidence("machine"))
                    values = {"condition": text, "slot": slot, "vmid": str(guest.vmid)}
                    yield Told(evidence, None, guest.vmid, values)
                before += 1


@rule("guest-xvga-vga-set", Severity.WARNING, Subject.GUESTS)
def _xvga_vga_set(node: Node) -> Iterator[Told]:
    """PVE takes the virtual display away only where none is set. A serial one draws no picture."""
    for guest in started(node):
        display = _first(guest, "vga", "type")
        if display is None or display == "none" or display.startswith("serial"):
            continue
        for slot, line in parsed_lines(guest.hostpci):
            if line.x_vga:
                values = {"display": display, "slot": slot, "vmid": str(guest.vmid)}
                yield Told((guest.evidence(slot), guest.evidence("vga")), None, guest.vmid, values)


@rule("guest-memory-above-host", Severity.ERROR, Subject.GUESTS)
def _memory_above_host(node: Node) -> Iterator[Told]:
    """All of it is pinned at the start."""
    for claim in _first_claims(node):
        memory = _number(claim.guest, "memory", "current")
        if memory is not None and node.memory is not None and memory * _MIB > node.memory:
            host = str(node.memory // _MIB)
            evidence = (claim.guest.evidence("memory"), Evidence("/proc/meminfo", f"MemTotal: {host} MiB"))
            yield _told(claim, *evidence, memory=str(memory), host=host)


@rule("guest-balloon-useless", Severity.NOTE, Subject.GUESTS)
def _balloon_useless(node: Node) -> Iterator[Told]:
    for claim in _first_claims(node):
        balloon, memory = _number(claim.guest, "balloon"), _number(claim.guest, "memory", "current")
        if balloon and balloon < (memory or 512):
            yield _told(claim, claim.guest.evidence("balloon"), balloon=str(balloon), memory=str(memory or 512))


@rule("guest-cpu-type", Severity.NOTE, Subject.GUESTS)
def _cpu_type(node: Node) -> Iterator[Told]:
    """Drivers of graphics cards look at the processor."""
    for claim in claims(node):
        cpu = _first(claim.guest, "cpu", "cputype") or _DEFAULT_CPU
        given_by_hand = "-cpu " in claim.guest.options.get("args", "")
        is_display = any(function.base_class == _DISPLAY for function in claim.functions)
        if is_display and cpu in _GENERIC and not given_by_hand and can_start(claim.guest):
            yield _told(claim, claim.guest.evidence("cpu"), cpu=cpu)


def _first_claims(node: Node) -> Iterator[Claim]:
    """One for each guest that gets any device."""
    seen: set[int] = set()
    for claim in claims(node):
        if claim.guest.vmid not in seen and can_start(claim.guest):
            seen.add(claim.guest.vmid)
            yield claim


def _first(guest: Guest, option: str, key: str) -> str | None:
    """The default key of a property string, with its name or without."""
    value = guest.options.get(option)
    if value is None:
        return None
    for part in value.split(","):
        name, equals, text = part.partition("=")
        if not equals or name == key:
            return text if equals else part
    return None


def _number(guest: Guest, option: str, key: str | None = None) -> int | None:
    """Memory in MiB; None where it is not set, or no number."""
    value = _first(guest, option, key) if key is not None else guest.options.get(option)
    return int(value) if value is not None and value.isdecimal() else None


def _told(claim: Claim, *evidence: Evidence, **values: str) -> Told:
    values |= {"device": name_of(claim.function), "slot": claim.slot, "vmid": str(claim.guest.vmid)}
    return Told((claim.evidence, *evidence), claim.function.address, claim.guest.vmid, values)


RULES = (
    _pcie_needs_q35,
    _legacy_igd,
    _memory_above_host,
    _xvga_vga_set,
    _balloon_useless,
    _cpu_type,
)
