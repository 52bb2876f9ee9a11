"""What the doctor says, as people read it: sentences of resources/doctor filled, and a picture and word for each grade.

The sentences go through Qt's translation (context "doctor") before their placeholders are filled.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from typing import NamedTuple

from PySide6.QtCore import QCoreApplication

from backend.doctor.checklist import State, Step
from backend.doctor.finding import Finding, Severity, Subject
from backend.doctor.symptoms import Cause, Fit, Recognised
from backend.node.evidence import Evidence
from backend.node.node import Node
from gui import words
from resources.doctor import Sentences, sentences


class Look(NamedTuple):
    """`tone`: a field of theme.Colours that holds a Tone; `icon`: a picture of resources/icons."""

    tone: str
    icon: str
    word: str


def severity_look(severity: Severity) -> Look:
    return {
        Severity.ERROR: Look("bad", "error", QCoreApplication.translate("doctor", "Error")),
        Severity.WARNING: Look("warn", "warning", QCoreApplication.translate("doctor", "Warning")),
        Severity.NOTE: Look("neutral", "note", QCoreApplication.translate("doctor", "Note")),
    }[severity]


def state_look(state: State) -> Look:
    return {
        State.DONE: Look("good", "check", QCoreApplication.translate("doctor", "Done")),
        State.TODO: Look("warn", "todo", QCoreApplication.translate("doctor", "To do")),
        State.BLOCKED: Look("neutral", "blocked", QCoreApplication.translate("doctor", "Waits")),
        State.UNKNOWN: Look("neutral", "unknown", QCoreApplication.translate("doctor", "Not known")),
    }[state]


def fit_look(fit: Fit) -> Look:
    """How well a cause fits the node."""
    return {
        Fit.SEEN: Look("bad", "error", QCoreApplication.translate("doctor", "This node shows it")),
        Fit.OPEN: Look("neutral", "unknown", QCoreApplication.translate("doctor", "Cannot be told")),
        Fit.NOT_SEEN: Look("neutral", "check", QCoreApplication.translate("doctor", "No sign of it here")),
    }[fit]


def subject_word(subject: Subject) -> str:
    return {
        Subject.HARDWARE: QCoreApplication.translate("doctor", "Hardware"),
        Subject.KERNEL: QCoreApplication.translate("doctor", "Kernel"),
        Subject.MODULES: QCoreApplication.translate("doctor", "Modules"),
        Subject.GROUPS: QCoreApplication.translate("doctor", "Groups"),
        Subject.DEVICES: QCoreApplication.translate("doctor", "Devices"),
        Subject.GUESTS: QCoreApplication.translate("doctor", "VMs and mappings"),
    }[subject]


def texts(code: str) -> Sentences:
    """The sentences under `code`, translated; placeholders are still in them. A code without any is its own title."""
    english = sentences().get(code, Sentences(code, ""))
    return Sentences(
        *(
            QCoreApplication.translate("doctor", text) if text else ""
            for text in (english.title, english.means, english.do)
        )
    )


def said(finding: Finding) -> Sentences:
    return texts(finding.code).filled(finding.told.values)


def counted(findings: Iterable[Finding]) -> str:
    """ "2 errors, 1 warning"; empty where there is nothing to count."""
    count = Counter(finding.severity for finding in findings)
    parts = {
        Severity.ERROR: (
            QCoreApplication.translate("doctor", "1 error"),
            QCoreApplication.translate("doctor", "{count} errors"),
        ),
        Severity.WARNING: (
            QCoreApplication.translate("doctor", "1 warning"),
            QCoreApplication.translate("doctor", "{count} warnings"),
        ),
        Severity.NOTE: (
            QCoreApplication.translate("doctor", "1 note"),
            QCoreApplication.translate("doctor", "{count} notes"),
        ),
    }
    return ", ".join(
        one if count[severity] == 1 else many.format(count=count[severity])
        for severity, (one, many) in parts.items()
        if count[severity]
    )


def evidence_line(evidence: Evidence) -> str:
    """``/etc/default/grub:6: GRUB_…``; what was looked for and is not there says so."""
    if evidence.text is None:
        return QCoreApplication.translate("doctor", "{place}: not there").format(place=evidence)
    return str(evidence)


def guest_word(node: Node, vmid: int) -> str:
    """``VM 101 "win11"``."""
    name = next((guest.name for guest in node.guests if guest.vmid == vmid), None)
    if name:
        return QCoreApplication.translate("doctor", "VM {vmid} “{name}”").format(vmid=vmid, name=name)
    return QCoreApplication.translate("doctor", "VM {vmid}").format(vmid=vmid)


def device_word(node: Node, finding: Finding) -> str:
    """``GeForce RTX 3090 · 01:00.0``; empty where the finding is about no device."""
    address = finding.told.address
    if address is None:
        return ""
    function = node.by_address.get(address)
    short = words.short_address(address)
    return f"{words.short_name(function)} · {short}" if function is not None else short


def about(node: Node, finding: Finding) -> str:
    """The device and the guest concerned."""
    guest = guest_word(node, finding.told.vmid) if finding.told.vmid is not None else ""
    return ", ".join(part for part in (device_word(node, finding), guest) if part)


def finding_text(node: Node, finding: Finding) -> str:
    """All of one finding, for the clipboard; its code in brackets, for those who look it up."""
    text = said(finding)
    lines = [f"{severity_look(finding.severity).word}: {text.title} [{finding.code}]"]
    lines += [part for part in (about(node, finding), text.means, text.do) if part]
    lines += [evidence_line(evidence) for evidence in finding.told.evidence]
    return "\n  ".join(lines)


def report_text(node: Node, steps: Sequence[Step]) -> str:
    """The whole page, for the clipboard."""
    head = " · ".join(part for part in (node.hostname, node.taken, node.pve_version, node.kernel) if part)
    lines = [head] if head else []
    for step in steps:
        lines.append(f"[{state_look(step.state).word}] {texts(step.code).title}")
        lines += [f"  {line}" for finding in step.findings for line in finding_text(node, finding).splitlines()]
    return "\n".join(lines) + "\n"


def recognised_text(recognised: Sequence[Recognised]) -> str:
    """What a log was found to say, for the clipboard."""
    lines: list[str] = []
    for one in recognised:
        text = texts(one.symptom.code)
        lines += [f"{text.title} [{one.symptom.code}]", f"  {text.means}"]
        lines += [f"  {evidence_line(evidence)}" for evidence in one.evidence]
        for cause in one.causes:
            why = cause_texts(cause, one)
            lines.append(f"  - {fit_look(cause.fit).word}: {why.title} [{cause.code}]")
            lines += [f"    {why.do}"] if why.do and cause.fit is not Fit.NOT_SEEN else []
    return "\n".join(lines) + "\n"


def cause_texts(cause: Cause, recognised: Recognised) -> Sentences:
    """As this node's finding says it. Where there is none, the log's own values stand in, and "…" for what it does
    not tell."""
    if cause.findings:
        return said(cause.findings[0])
    text = texts(cause.code)
    told = dict(recognised.values)
    if recognised.address is not None:
        told["address"] = words.short_address(recognised.address)
    if recognised.vmid is not None:
        told["vmid"] = str(recognised.vmid)
    return text.filled(dict.fromkeys(text.placeholders, "…") | told)
