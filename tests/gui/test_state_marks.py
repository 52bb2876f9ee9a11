from __future__ import annotations

import json
from dataclasses import replace

from gui_findings import finding
from machines import at, workstation

from backend.doctor.finding import Severity
from backend.plan.intents import ReserveCard
from backend.plan.toml import dumps
from gui.map import marks
from gui.state_marks import state_marks


def test_a_reservation_is_active_or_waits_for_the_reboot() -> None:
    node = workstation()
    claims = {"/etc/modprobe.d/vfio.conf": b"options vfio-pci ids=10de:2204,10de:1aef\n"}
    functions = tuple(replace(f, driver="vfio-pci") if f.address == at("01:00.0") else f for f in node.functions)
    told = state_marks(replace(node, files=claims, functions=functions), ())
    assert told == {at("01:00.0"): (marks.active(),), at("01:00.1"): (marks.at_reboot("vfio-pci"),)}
    assert state_marks(node, ()) == {}


def test_the_gravest_findings_are_counted_and_notes_left_out() -> None:
    severities = (Severity.WARNING, Severity.ERROR, Severity.ERROR)
    found = [*(finding(severity, address=at("01:00.0")) for severity in severities)]
    found += [finding(Severity.NOTE, address=at("02:00.0")), finding(Severity.ERROR)]
    assert state_marks(workstation(), found) == {at("01:00.0"): (marks.finding(Severity.ERROR, 2),)}


def test_what_two_want_is_a_conflict_and_no_finding_more() -> None:
    found = finding(Severity.ERROR, address=at("01:00.0"))
    shared = replace(found, rule=replace(found.rule, code="guest-devices-shared-onboot"))
    assert state_marks(workstation(), [shared]) == {at("01:00.0"): (marks.conflict(),)}


def test_a_reservation_that_no_longer_holds_was_changed_outside() -> None:
    node = workstation()
    begun = {
        "state": "begun",
        "boot_id": "before",
        "meta": {"intents": dumps((ReserveCard.of(node, at("01:00.0")),))},
        "steps": [{"op": "write", "path": "/etc/modprobe.d/lanewright.conf"}],
    }
    journal = "\n".join(json.dumps(line) for line in (begun, {"state": "started", "step": 0}, {"state": "done"}))
    files = {"/var/lib/lanewright/pushes/1/journal.jsonl": journal.encode()}
    told = state_marks(replace(node, files=files, boot_id="now"), ())
    assert told == {at("01:00.0"): (marks.changed_outside(),), at("01:00.1"): (marks.changed_outside(),)}
