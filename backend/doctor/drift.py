"""What Lanewright had made so, and is not so any more."""

from __future__ import annotations

from collections.abc import Iterator

from backend.doctor.finding import Severity, Subject, Told, rule
from backend.node.address import PciAddress
from backend.node.node import Node
from backend.plan.applied import drifted


@rule("drift", Severity.WARNING, Subject.MODULES)
def drift(node: Node) -> Iterator[Told]:
    for verdict in drifted(node):
        address = getattr(verdict.intent, "address", None)
        concerned = address if isinstance(address, PciAddress) and address in node.by_address else None
        name = verdict.intent.kind if address is None else f"{verdict.intent.kind} {address}"
        yield Told(verdict.evidence, concerned, values={"intent": name}, remedy=verdict.intent)


RULES = (drift,)
