"""Put back what a push found: a plan made from the journal that the push left on the node."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from backend.errors import IntentError
from backend.node.node import Node
from backend.plan.plan import Hazard, Plan, Reboot, RunCommand, Step, WriteFile

PUSHES = "/var/lib/lanewright/pushes"


@dataclass
class _Push:
    id: str
    meta: dict[str, Any] = field(default_factory=dict)
    steps: list[dict[str, Any]] = field(default_factory=list)
    started: dict[int, dict[str, Any]] = field(default_factory=dict)  # file and command steps that were begun
    begun_at: float = 0
    done: bool = False


def rolls_back(node: Node) -> str | None:
    """The id of the push that `rollback` would undo; None: there is none."""
    push = _latest(node.files)
    return push.id if push else None


def rollback(node: Node) -> Plan:
    """Every file of the latest push that stands, back to its bytes of before; then what that push ran; then a restart.

    A file that somebody changed since is a blocking hazard "changed-since". Raises IntentError("nothing-to-roll-back").
    """
    push = _latest(node.files)
    if push is None:
        raise IntentError("nothing-to-roll-back", node=node.hostname)
    steps: list[Step] = []
    hazards: list[Hazard] = []
    for index, step in enumerate(push.steps):
        if index not in push.started or step["op"] not in ("write", "remove"):
            continue
        path = step["path"]
        now = node.files.get(path)
        original = push.started[index].get("original")
        before = node.files.get(f"{PUSHES}/{push.id}/{original}") if original else None
        if original and before is None:
            raise IntentError("original-missing", node=node.hostname, path=path)
        if now == before:
            continue
        if _digest(now) != step.get("after"):
            hazards.append(Hazard("changed-since", None, (path,), blocks=True))
        steps.append(WriteFile(path, now, before))
    steps += [RunCommand(tuple(step["argv"]), float(step["timeout"])) for step in push.steps if step["op"] == "run"]
    if steps:
        steps.append(Reboot(("rollback",)))
    return Plan(node.hostname or "", node.boot_id, (), tuple(steps), tuple(hazards))


def _latest(files: Mapping[str, bytes]) -> _Push | None:
    """The last push that changed files and was not undone. A push that undid another one does not count itself, and
    one that failed at it is to be tried again."""
    pushes = [
        _read(path.split("/")[-2], content)
        for path, content in files.items()
        if path.startswith(PUSHES + "/") and path.endswith("/journal.jsonl")
    ]
    undone = {push.meta.get("rolls_back") for push in pushes if push.done}
    standing = [
        push
        for push in pushes
        if push.id not in undone
        and "rolls_back" not in push.meta
        and any(push.steps[index]["op"] != "reboot" for index in push.started if index < len(push.steps))
    ]
    return max(standing, key=lambda push: (push.begun_at, push.id), default=None)


def _read(push_id: str, content: bytes) -> _Push:
    push = _Push(push_id)
    for line in content.splitlines():
        try:
            entry = json.loads(line)
        except ValueError:
            continue  # torn by a power cut: what it would have told did not happen
        if not isinstance(entry, dict):
            continue
        if entry.get("state") == "begun":
            push.meta, push.steps = entry.get("meta", {}), entry.get("steps", [])
            push.begun_at = entry.get("at", 0)
        elif entry.get("state") == "done" and "step" not in entry:
            push.done = True
        elif entry.get("state") == "started" and isinstance(entry.get("step"), int):
            push.started.setdefault(entry["step"], entry)
    return push


def _digest(content: bytes | None) -> str | None:
    return None if content is None else hashlib.sha256(content).hexdigest()
