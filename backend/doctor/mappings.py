"""Resource mappings: whether PVE will take their entries of this node."""

from __future__ import annotations

from collections.abc import Iterator

from backend.doctor.finding import Severity, Subject, Told, rule
from backend.doctor.guests import started
from backend.node.evidence import Evidence
from backend.node.hostpci import parsed_lines
from backend.node.mapping import PATH, MappingEntry, Mismatch, PciMapping, by_text, mismatch, parse_mappings
from backend.node.node import Guest, Node


@rule("mapping-unknown", Severity.ERROR, Subject.GUESTS)
def _unknown(node: Node) -> Iterator[Told]:
    if any(problem.startswith(f"{PATH}: ") and not problem.endswith(": missing") for problem in node.problems):
        return
    for guest, slot, name in _named(node):
        if name not in node.by_mapping:
            evidence = (guest.evidence(slot), Evidence(PATH, None))
            yield Told(evidence, None, guest.vmid, {"mapping": name, "slot": slot, "vmid": str(guest.vmid)})


@rule("mapping-no-local-entry", Severity.ERROR, Subject.GUESTS)
def _no_local_entry(node: Node) -> Iterator[Told]:
    for guest, slot, name in _named(node):
        mapping = node.by_mapping.get(name)
        if mapping is not None and node.hostname is not None and not mapping.on(node.hostname):
            evidence = (guest.evidence(slot), mapping.evidence, *(entry.evidence for entry in mapping.entries))
            values = {"mapping": name, "node": node.hostname, "slot": slot, "vmid": str(guest.vmid)}
            yield Told(evidence, None, guest.vmid, values)


@rule("mapping-two-ids", Severity.ERROR, Subject.GUESTS)
def _two_ids(node: Node) -> Iterator[Told]:
    """The ids of an entry are compared with each of its devices, so these cannot differ."""
    for mapping, entry, _ in _wrong(node, used=True):
        if _has_two_ids(node, entry):
            yield _told(node, mapping, entry, devices=", ".join(entry.path), card=entry.path[0].partition(".")[0])


@rule("mapping-group-moved", Severity.ERROR, Subject.GUESTS)
def _group_moved(node: Node) -> Iterator[Told]:
    for mapping, entry, wrong in _wrong(node, used=True):
        if _has_moved(wrong) and not _has_two_ids(node, entry):
            real, configured = wrong.real or "", wrong.configured or ""
            yield _told(node, mapping, entry, device=wrong.device, real=real, configured=configured)


@rule("mapping-invalid", Severity.ERROR, Subject.GUESTS)
def _invalid(node: Node) -> Iterator[Told]:
    """The other reasons, each in PVE's words."""
    for mapping, entry, wrong in _wrong(node, used=True):
        if not _has_moved(wrong) and not _has_two_ids(node, entry):
            yield _told(node, mapping, entry, reason=wrong.text)


@rule("mapping-stale", Severity.WARNING, Subject.GUESTS)
def _stale(node: Node) -> Iterator[Told]:
    """No VM of this node names it by now."""
    for mapping, entry, wrong in _wrong(node, used=False):
        yield _told(node, mapping, entry, reason=wrong.text)


@rule("mapping-unreadable", Severity.WARNING, Subject.GUESTS)
def _unreadable(node: Node) -> Iterator[Told]:
    for line in parse_mappings(node.files.get(PATH, b"").decode("utf-8", "replace"))[1]:
        yield Told((line,), values={"line": str(line.line), "text": line.text or ""})


def _named(node: Node) -> Iterator[tuple[Guest, str, str]]:
    for guest in started(node):
        for slot, line in parsed_lines(guest.hostpci):
            if line.mapping is not None and not line.host:
                yield guest, slot, line.mapping


def _wrong(node: Node, *, used: bool) -> Iterator[tuple[PciMapping, MappingEntry, Mismatch]]:
    """Entries of this node that PVE refuses, of mappings that a VM here names, or of the others. One is enough: PVE
    checks all of them before it tries any."""
    if not node.functions:
        return
    names = {name for _, _, name in _named(node)}
    functions = by_text(node.functions)
    for mapping in node.mappings:
        for entry in mapping.on(node.hostname):
            found = mismatch(mapping, entry, functions, node.pve_version)
            if found is not None and (mapping.name in names) is used:
                yield mapping, entry, found


def _has_moved(wrong: Mismatch) -> bool:
    return wrong.key == "iommugroup" and wrong.code == "differs"


def _has_two_ids(node: Node, entry: MappingEntry) -> bool:
    functions = by_text(node.functions)
    devices = (path if "." in path else f"{path}.0" for path in entry.path)
    return len({(f.ids, f.subsystem_ids) for device in devices if (f := functions.get(device)) is not None}) > 1


def _told(node: Node, mapping: PciMapping, entry: MappingEntry, **values: str) -> Told:
    users = [(guest, slot) for guest, slot, name in _named(node) if name == mapping.name]
    guests = dict.fromkeys(f"VM {guest.vmid}" for guest, _ in users)
    values |= {"mapping": mapping.name, "node": entry.node, "guests": ", ".join(guests)}
    functions = by_text(node.functions)
    first = entry.path[0] if "." in entry.path[0] else f"{entry.path[0]}.0"
    address = functions[first].address if first in functions else None
    return Told((entry.evidence, *(guest.evidence(slot) for guest, slot in users)), address, None, values)


RULES = (_unknown, _no_local_entry, _two_ids, _group_moved, _invalid, _stale, _unreadable)
