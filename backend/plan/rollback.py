"""Put back what a push found: a plan made from the journal that the push left on the node."""

from __future__ import annotations

import hashlib

from backend.errors import IntentError
from backend.node.node import Node
from backend.plan.journals import PUSHES, latest
from backend.plan.plan import Hazard, Plan, Reboot, RunCommand, Step, WriteFile


def rolls_back(node: Node) -> str | None:
    """The id of the push that `rollback` would undo; None: there is none."""
    push = latest(node.files)
    return push.id if push else None


def rollback(node: Node) -> Plan:
    """Every file of the latest push that stands, back to its bytes of before; then what that push ran; then a restart.

    A file that somebody changed since is a blocking hazard "changed-since". Raises IntentError("nothing-to-roll-back").
    """
    push = latest(node.files)
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


def _digest(content: bytes | None) -> str | None:
    return None if content is None else hashlib.sha256(content).hexdigest()
