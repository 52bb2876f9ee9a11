"""Drift: what was pushed and does not hold any more."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest
from rule_cases import Case, at, check, function, node, told

from backend.node.node import Node
from backend.plan.intents import IommuOn, ReserveCard
from backend.plan.plan import Intent
from backend.plan.toml import dumps

CARD = function("01:00.0", vendor=0x10DE, device=0x2204, driver="vfio-pci")
STOLEN = replace(CARD, driver="nouveau")
RESERVED = ReserveCard(CARD.address, ("10de:2204",))


def pushed(found: Node, *intents: Intent, undone: bool = False) -> Node:
    """The node in its second boot, with the journal of a push of the first."""
    step = {"op": "write", "path": "/etc/modprobe.d/lanewright.conf"}
    begun = {"state": "begun", "at": 1, "boot_id": "first", "meta": {"intents": dumps(intents)}, "steps": [step]}
    lines = [begun, {"state": "started", "step": 0}, {"state": "done"}]
    files = {"/var/lib/lanewright/pushes/1/journal.jsonl": "\n".join(map(json.dumps, lines)).encode()}
    if undone:
        back = [begun | {"at": 2, "meta": {"rolls_back": "1"}}, *lines[1:]]
        files["/var/lib/lanewright/pushes/2/journal.jsonl"] = "\n".join(map(json.dumps, back)).encode()
    return replace(found, files=files, boot_id="second")


CASES = (
    Case("drift", pushed(node(STOLEN), RESERVED), pushed(node(CARD), RESERVED)),
    Case("drift", pushed(node(STOLEN), RESERVED), pushed(node(STOLEN), RESERVED, undone=True), "undone"),
    Case(
        "drift",
        pushed(node(STOLEN), RESERVED),
        replace(pushed(node(STOLEN), RESERVED), boot_id="first"),
        "not restarted yet",
    ),
    Case("drift", pushed(node(STOLEN), RESERVED), node(STOLEN), "never pushed"),
)


@pytest.mark.parametrize("case", CASES, ids=str)
def test_once_and_never(case: Case) -> None:
    check(case)


def test_the_remedy_is_the_wish_itself() -> None:
    (found,) = told("drift", pushed(node(STOLEN), RESERVED))
    assert found.remedy == RESERVED
    assert found.address == at("01:00.0")
    assert found.values["intent"] == "reserve-card 0000:01:00.0"


def test_a_card_that_is_gone_and_an_iommu_that_is_off() -> None:
    gone = pushed(node(function("05:00.0")), RESERVED)
    assert [found.address for found in told("drift", gone)] == [None]
    off = pushed(node(CARD), IommuOn())
    off = replace(off, iommu=replace(off.iommu, active=False))
    assert [found.values["intent"] for found in told("drift", off)] == ["iommu-on"]
