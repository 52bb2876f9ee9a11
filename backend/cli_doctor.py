"""What ``lanewright-cli doctor`` prints: the doctor's answer as JSON and as text for a terminal."""

from __future__ import annotations

import textwrap
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from backend.doctor.checklist import State, Step, checklist
from backend.doctor.examine import RULES, examine
from backend.doctor.finding import Finding, Severity
from backend.doctor.symptoms import Cause, Fit, Recognised, recognise, with_log
from backend.node.evidence import Evidence
from backend.node.node import Node
from backend.plan.as_json import intent_json
from resources.doctor import Sentences, sentences

SCHEMA = "lanewright/doctor/1"
RULES_SCHEMA = "lanewright/doctor-rules/1"

_HEADINGS = {Severity.ERROR: "ERRORS", Severity.WARNING: "WARNINGS", Severity.NOTE: "NOTES"}
_FITS = {Fit.SEEN: "this node shows it", Fit.OPEN: "possible", Fit.NOT_SEEN: "no sign of it here"}
_MARKS = {State.DONE: "[x]", State.TODO: "[ ]", State.BLOCKED: "[-]", State.UNKNOWN: "[?]"}
_LACKING = {
    "log": "There is no kernel log in this file: what only the log tells was not looked at.",
    "files": "There are no configuration files in this file: boot loader, modules and VMs were not looked at.",
    "iommu": "This file does not tell whether the IOMMU is on.",
}


@dataclass(frozen=True, slots=True)
class Answer:
    """All that the doctor says of one node and the logs given with it."""

    node: Node
    findings: tuple[Finding, ...]
    symptoms: tuple[Recognised, ...]
    steps: tuple[Step, ...]

    @property
    def grave(self) -> bool:
        return any(finding.severity is Severity.ERROR for finding in self.findings)

    @property
    def lacking(self) -> tuple[str, ...]:
        """Codes of what the snapshot has nothing of, so that silence is not taken for health."""
        there = {"log": self.node.log, "files": self.node.files, "iommu": self.node.iommu.active is not None}
        return tuple(code for code, found in there.items() if not found)


def ask(node: Node, lines: Sequence[Evidence]) -> Answer:
    """The logs' lines are heard by the rules as the node's own are."""
    hearing = with_log(node, lines)
    findings = examine(hearing)
    return Answer(hearing, findings, recognise(lines, node, findings), checklist(hearing, findings))


# As JSON


def answer_json(answer: Answer) -> dict[str, Any]:
    """Schema lanewright/doctor/1, see docs/cli.md."""
    number = {id(finding): index for index, finding in enumerate(answer.findings)}

    def numbers(findings: Iterable[Finding]) -> list[int]:
        return [number[id(finding)] for finding in findings]

    return {
        "schema": SCHEMA,
        "hostname": answer.node.hostname,
        "kernel": answer.node.kernel,
        "taken": answer.node.taken,
        "findings": [_finding_json(finding) for finding in answer.findings],
        "symptoms": [
            {
                "code": one.symptom.code,
                "title": _said(one.symptom.code).title,
                "means": _said(one.symptom.code).means,
                "address": None if one.address is None else str(one.address),
                "vmid": one.vmid,
                "values": dict(one.values),
                "count": one.count,
                "evidence": _evidence_json(one.evidence),
                "causes": [_cause_json(cause) | {"findings": numbers(cause.findings)} for cause in one.causes],
            }
            for one in answer.symptoms
        ],
        "checklist": [
            {
                "code": step.code,
                "state": step.state.value,
                "title": _said(step.code).title,
                "evidence": _evidence_json(step.evidence),
                "findings": numbers(step.findings),
            }
            for step in answer.steps
        ],
        "lacking": list(answer.lacking),
        "problems": list(answer.node.problems),
    }


def rules_json() -> dict[str, Any]:
    """Schema lanewright/doctor-rules/1, see docs/cli.md."""
    return {
        "schema": RULES_SCHEMA,
        "rules": [
            {
                "code": rule.code,
                "severity": rule.severity.value,
                "subject": rule.subject.value,
                "title": _said(rule.code).title,
            }
            for rule in RULES
        ],
    }


def _finding_json(finding: Finding) -> dict[str, Any]:
    said, told = _said(finding.code, finding.told.values), finding.told
    return {
        "code": finding.code,
        "severity": finding.severity.value,
        "subject": finding.rule.subject.value,
        "address": None if told.address is None else str(told.address),
        "vmid": told.vmid,
        "title": said.title,
        "means": said.means,
        "do": said.do,
        "evidence": _evidence_json(told.evidence),
        "remedy": None if told.remedy is None else intent_json(told.remedy),
    }


def _cause_json(cause: Cause) -> dict[str, Any]:
    said = _said_of(cause)
    return {"code": cause.code, "fit": cause.fit.value, "title": said.title, "means": said.means, "do": said.do}


def _evidence_json(evidence: Iterable[Evidence]) -> list[dict[str, Any]]:
    return [{"source": one.source, "line": one.line, "text": one.text} for one in evidence]


# As text


def answer_text(answer: Answer, width: int) -> str:
    """For a terminal of so many columns. Not yet free of what the node's own names might do to it."""
    blocks = [_head(answer.node)]
    for severity, heading in _HEADINGS.items():
        found = [finding for finding in answer.findings if finding.severity is severity]
        if found:
            blocks.append([f"{heading} ({len(found)})"])
            blocks += [list(_finding_lines(finding, width)) for finding in found]
    if not answer.findings:
        blocks.append(["Nothing found."])
    if answer.symptoms:
        blocks.append([f"IN THE LOGS ({len(answer.symptoms)})"])
        blocks += [list(_symptom_lines(one, width)) for one in answer.symptoms]
    blocks.append(["HOW FAR THIS NODE IS   [x] done  [ ] to do  [-] waits for a step above  [?] not told"])
    blocks.append([f"  {_MARKS[step.state]} {_said(step.code).title}" for step in answer.steps])
    unseen = [line for code in answer.lacking for line in _wrapped(_LACKING[code], width, "  ")]
    unseen += [line for problem in answer.node.problems for line in _wrapped(problem, width, "  ")]
    if unseen:
        blocks += [["NOT LOOKED AT"], unseen]
    return "\n\n".join("\n".join(block) for block in blocks)


def rules_text() -> str:
    """One line a rule."""
    return "\n".join(f"{rule.severity:7}  {rule.code:32}  {_said(rule.code).title}" for rule in RULES)


def _head(node: Node) -> list[str]:
    known = (node.hostname or "node", node.kernel and f"kernel {node.kernel}", node.taken and f"read {node.taken}")
    return ["  ".join(filter(None, known))]


def _finding_lines(finding: Finding, width: int) -> Iterator[str]:
    said = _said(finding.code, finding.told.values)
    yield from _wrapped(f"{finding.code}{_whom(finding.told.address, finding.told.vmid)}", width, "  ")
    yield from _wrapped(said.title, width, "    ")
    yield from _wrapped(said.means, width, "    ")
    yield from _wrapped(f"Do: {said.do}", width, "    ")
    yield from _evidence_lines(finding.told.evidence, width)


def _symptom_lines(one: Recognised, width: int) -> Iterator[str]:
    said = _said(one.symptom.code)
    times = "" if one.count == 1 else f"  {one.count} lines"
    yield from _wrapped(f"{one.symptom.code}{_whom(one.address, one.vmid)}{times}", width, "  ")
    yield from _wrapped(said.title, width, "    ")
    yield from _wrapped(said.means, width, "    ")
    yield from _evidence_lines(one.evidence[:3], width)
    likely = [cause for cause in one.causes if cause.fit is not Fit.NOT_SEEN] or one.causes
    for place, cause in enumerate(likely, 1):
        told = _said_of(cause)
        yield from _wrapped(f"{place}. {cause.code} ({_FITS[cause.fit]}): {told.title}", width, "    ", "       ")
        if cause.fit is not Fit.NOT_SEEN and not cause.findings:  # else its remedy is told above, or beside the point
            yield from _wrapped(f"Do: {told.do}", width, "       ")


def _whom(address: object, vmid: int | None) -> str:
    return ("" if address is None else f"  {address}") + ("" if vmid is None else f"  VM {vmid}")


def _evidence_lines(evidence: Iterable[Evidence], width: int) -> Iterator[str]:
    for one in evidence:
        text = f"{one} (absent)" if one.text is None else str(one)
        yield from _wrapped(text, width, "    | ")


def _wrapped(text: str, width: int, indent: str, hanging: str | None = None) -> list[str]:
    return textwrap.wrap(
        " ".join(text.split()),
        max(width, 40),
        initial_indent=indent,
        subsequent_indent=indent if hanging is None else hanging,
        break_long_words=False,
        break_on_hyphens=False,
    )


# Its sentences


def _said_of(cause: Cause) -> Sentences:
    return _said(cause.code, cause.findings[0].told.values if cause.findings else None)


def _said(code: str, values: Mapping[str, str] | None = None) -> Sentences:
    """Without values, what stands for them is named: ``<address>``. Without sentences the code itself must do."""
    known = sentences().get(code, Sentences(title=code, means=""))
    return known.filled({name: f"<{name}>" for name in known.placeholders} if values is None else values)
