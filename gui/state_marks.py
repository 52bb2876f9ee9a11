"""What stands on the map's rows beside driver and use: whether a reservation is at work, and what the doctor found."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence

from backend.doctor.finding import Finding, Severity
from backend.node.address import PciAddress
from backend.node.node import Node
from backend.plan.applied import drifted
from backend.plan.edits import modprobe
from backend.plan.intents import ReserveCard
from gui.map import marks
from gui.map.marks import Mark

# Two want what only one can have.
_CONFLICTS = frozenset(("guest-devices-shared-onboot", "group-split-over-guests", "guest-device-twice", "ids-hit-more"))


def state_marks(node: Node, findings: Sequence[Finding]) -> Mapping[PciAddress, tuple[Mark, ...]]:
    """Functions whose ids modprobe.d gives to vfio-pci are active, or will be at the reboot; of findings the gravest
    are counted. Notes are for the inspector alone. What a push had reserved and no longer is was changed outside."""
    found: dict[PciAddress, list[Mark]] = {}
    _, claimed = modprobe.claimed(node.files)
    for verdict in drifted(node):
        if isinstance(verdict.intent, ReserveCard):
            for f in node.card(verdict.intent.address):
                found.setdefault(f.address, []).append(marks.changed_outside())
    for f in node.functions:
        if f.ids in claimed and not f.is_bridge:
            mark = marks.active() if f.driver == "vfio-pci" else marks.at_reboot("vfio-pci")
            found.setdefault(f.address, []).append(mark)
    for address in {x.told.address for x in findings if x.code in _CONFLICTS and x.told.address is not None}:
        found.setdefault(address, []).append(marks.conflict())
    grave: Counter[tuple[PciAddress | None, Severity]] = Counter(
        (x.told.address, x.severity) for x in findings if x.severity is not Severity.NOTE and x.code not in _CONFLICTS
    )
    for address in {address for address, _ in grave if address is not None}:
        worst = next(severity for severity in Severity if grave[address, severity])
        found.setdefault(address, []).append(marks.finding(worst, grave[address, worst]))
    return {address: tuple(told) for address, told in found.items()}
