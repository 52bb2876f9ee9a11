"""Findings made by hand, under codes whose sentences are those of rules that exist."""

from __future__ import annotations

from backend.doctor.finding import Finding, Rule, Severity, Subject, Told
from backend.node.address import PciAddress
from backend.node.evidence import Evidence
from backend.plan.intents.iommu_on import IommuOn
from resources.doctor import sentences


def code_without_values(start: str = "step-") -> str:
    """A code whose sentences need no values."""
    return next(code for code, text in sentences().items() if code.startswith(start) and not text.placeholders)


def finding(
    severity: Severity = Severity.ERROR,
    subject: Subject = Subject.DEVICES,
    *,
    address: PciAddress | None = None,
    vmid: int | None = None,
    mends: bool = False,
) -> Finding:
    evidence = (
        Evidence("/etc/default/grub", 'GRUB_CMDLINE_LINUX_DEFAULT="quiet"', 6),
        Evidence("/sys/class/iommu", None),
    )
    told = Told(evidence, address, vmid, remedy=IommuOn() if mends else None)
    return Finding(Rule(code_without_values(), severity, subject, lambda node: iter(())), told)
