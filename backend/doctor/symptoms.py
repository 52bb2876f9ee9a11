"""Recognising symptoms in logs, and ranking what may be behind each by what the node shows."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from enum import StrEnum
from types import MappingProxyType

from backend.doctor.examine import RULES, examine
from backend.doctor.finding import Finding, Subject
from backend.doctor.own_causes import OWN_CAUSES
from backend.doctor.symptom import Symptom
from backend.doctor.symptoms_devices import DEVICES
from backend.doctor.symptoms_guests import GUESTS
from backend.doctor.symptoms_host import HOST
from backend.node.address import PciAddress
from backend.node.evidence import Evidence
from backend.node.node import Node

SYMPTOMS: tuple[Symptom, ...] = (*HOST, *DEVICES, *GUESTS)
KEPT = 20  # lines of evidence; of a flood the first ones tell all

_ADDRESS = re.compile(r"(?<![\w:.])(?:[0-9a-f]{4,8}:)?[0-9a-f]{2}:[01][0-9a-f]\.[0-7](?![\w.])")
_TASK = re.compile(r"UPID:[^:\s]+(?::[0-9A-F]+){3}:qm\w+:(\d+):")


class Fit(StrEnum):
    """SEEN: the snapshot shows it. OPEN: it cannot tell, or there is no snapshot. NOT_SEEN: it shows no sign of it."""

    SEEN = "seen"
    OPEN = "open"
    NOT_SEEN = "not-seen"


@dataclass(frozen=True, slots=True)
class Cause:
    """``code``: a rule's or one of OWN_CAUSES. ``findings``: the doctor's own on this node that say so."""

    code: str
    fit: Fit
    findings: tuple[Finding, ...] = ()


@dataclass(frozen=True, slots=True)
class Recognised:
    """A symptom found in a log, once a device or guest. ``evidence``: the first lines of ``count``; ``causes``: those
    that fit the node best come first, among equals the likelier."""

    symptom: Symptom
    evidence: tuple[Evidence, ...]
    count: int
    causes: tuple[Cause, ...]
    address: PciAddress | None = None
    vmid: int | None = None
    values: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))


def log_lines(source: str, text: str) -> tuple[Evidence, ...]:
    """A log's lines under the name of its file."""
    return tuple(Evidence(source, line, number) for number, line in enumerate(text.splitlines(), 1) if line.strip())


def with_log(node: Node, lines: Sequence[Evidence]) -> Node:
    """The node as if its kernel's log held these lines too, so that rules hear them. A line it has is not doubled."""
    known = {line.text for line in node.log}
    return replace(node, log=(*node.log, *(line for line in lines if line.text not in known)))


def recognise(
    lines: Sequence[Evidence], node: Node | None = None, findings: Sequence[Finding] | None = None
) -> tuple[Recognised, ...]:
    """Every symptom, in the order of its first line.

    ``findings`` are the node's; None: what the doctor says of it with these lines in its log.
    """
    if findings is None:
        findings = () if node is None else examine(with_log(node, lines))
    found = (_ranked(sighting, node, findings) for sighting in _sightings(lines))
    return tuple(one for one, told in found if told or any(cause.fit is Fit.SEEN for cause in one.causes))


@dataclass(slots=True)
class _Sighting:
    """One symptom of one device or guest while lines come in. ``told``: not by hints alone."""

    symptom: Symptom
    values: dict[str, str]
    address: PciAddress | None
    vmid: int | None
    told: bool = False
    evidence: list[Evidence] = field(default_factory=list)
    count: int = 0

    def is_above(self, line: Evidence) -> bool:
        """Nameless so far, and its only line is the one right above."""
        (first, *more) = self.evidence
        return self.address is None and not more and first.line is not None and first.line + 1 == line.line


def _sightings(lines: Sequence[Evidence]) -> tuple[_Sighting, ...]:
    found: dict[tuple[str, PciAddress | None, int | None], _Sighting] = {}
    last: dict[tuple[str, str], _Sighting] = {}
    guests: dict[str, int | None] = {}  # whose task a log is in, by source
    for line in lines:
        text = line.text or ""
        guest = _guest(line, guests)
        for symptom, values, told in _matches(text):
            address = _address(values.get("address"), text)
            vmid = int(values["vmid"]) if "vmid" in values else guest
            sighting = last.get((symptom.code, line.source))
            key = (symptom.code, address, vmid)
            if sighting is not None and address is not None and key not in found and sighting.is_above(line):
                # QEMU names the device in one of several lines only: here in a later one ...
                del found[symptom.code, None, sighting.vmid]
                sighting.address = address
                found[key] = sighting
            elif sighting is None or address is not None or vmid not in (None, sighting.vmid):
                # ... else it is the one named before.
                sighting = found.setdefault(key, _Sighting(symptom, values, address, vmid))
            last[symptom.code, line.source] = sighting
            sighting.told |= told
            sighting.count += 1
            if len(sighting.evidence) < KEPT:
                sighting.evidence.append(line)
    return tuple(found.values())


def _matches(text: str) -> Iterator[tuple[Symptom, dict[str, str], bool]]:
    for symptom in SYMPTOMS:
        for patterns, told in ((symptom.patterns, True), (symptom.hints, False)):
            match = next((match for pattern in patterns if (match := pattern.search(text))), None)
            if match is not None:
                yield symptom, {name: value for name, value in match.groupdict().items() if value}, told
                break


def _guest(line: Evidence, guests: dict[str, int | None]) -> int | None:
    """The VM whose task the line is in: by the name of a task's log, or by the journal's lines around it. The kernel
    speaks for itself."""
    text = line.text or ""
    if line.source not in guests:
        named = _TASK.search(line.source)
        guests[line.source] = int(named[1]) if named else None
    if task := _TASK.search(text):
        guests[line.source] = None if " end task " in text else int(task[1])
        return int(task[1])
    return None if " kernel: " in text or text.startswith("[") else guests[line.source]


def _address(named: str | None, text: str) -> PciAddress | None:
    if named is None:
        match = _ADDRESS.search(text)
        named = match[0] if match else ""
    try:
        return PciAddress.parse(named.replace("0x", ""))
    except ValueError:
        return None


def _ranked(sighting: _Sighting, node: Node | None, findings: Sequence[Finding]) -> tuple[Recognised, bool]:
    causes = (_weighed(code, sighting, node, findings) for code in sighting.symptom.causes)
    order = tuple(Fit)
    recognised = Recognised(
        sighting.symptom,
        tuple(sighting.evidence),
        sighting.count,
        tuple(sorted(causes, key=lambda cause: order.index(cause.fit))),
        sighting.address,
        sighting.vmid,
        MappingProxyType(sighting.values),
    )
    return recognised, sighting.told


def _weighed(code: str, sighting: _Sighting, node: Node | None, findings: Sequence[Finding]) -> Cause:
    if node is None:
        return Cause(code, Fit.OPEN)
    if code in OWN_CAUSES:
        so = OWN_CAUSES[code](node)
        return Cause(code, Fit.OPEN if so is None else Fit.SEEN if so else Fit.NOT_SEEN)
    fitting = tuple(f for f in findings if f.code == code and _concerns(f, sighting, node))
    if fitting:
        return Cause(code, Fit.SEEN, fitting)
    return Cause(code, Fit.NOT_SEEN if _could_tell(code, sighting, node) else Fit.OPEN)


def _could_tell(code: str, sighting: _Sighting, node: Node) -> bool:
    """Whether silence of a rule says something: the snapshot has what rules of its subject look at, and the device."""
    subject = next((rule.subject for rule in RULES if rule.code == code), None)
    match subject:
        case Subject.HARDWARE:
            return node.iommu.active is not None
        case Subject.KERNEL | Subject.MODULES | Subject.GUESTS:
            return bool(node.files)
        case Subject.GROUPS | Subject.DEVICES:
            there = sighting.address is None or sighting.address in node.by_address
            return there and bool(node.groups if subject is Subject.GROUPS else node.log)
        case _:
            return True


def _concerns(finding: Finding, sighting: _Sighting, node: Node) -> bool:
    """Whether a finding is about the device, its card, its group, or the guest that a line names; one that is about
    the node as a whole concerns all."""
    told = finding.told
    if told.vmid is not None and sighting.vmid is not None and told.vmid != sighting.vmid:
        return False
    if told.address is None:
        return True
    there = _group(node, told.address)
    if "group" in sighting.values:
        return there is None or str(there) == sighting.values["group"]
    if sighting.address is None or sighting.address.card == told.address.card:
        return True
    return there is not None and there == _group(node, sighting.address)


def _group(node: Node, address: PciAddress) -> int | None:
    function = node.by_address.get(address)
    return None if function is None else function.group
