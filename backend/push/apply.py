"""Carry the steps of a plan out on its node."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import Any

from backend.agent.protocol import Frame
from backend.errors import CommandTimeout, ConnectError, NodeError, OutcomeUnknown, StepFailed
from backend.plan.plan import Plan, Reboot, RunCommand, Step, WriteFile
from backend.progress import CancelToken, Progress, Report
from backend.push.ask import ask
from backend.push.connection import Connection

_TAIL = 2000  # bytes of a failed command's output that its error holds


def apply(connection: Connection, plan: Plan, push_id: str, meta: dict[str, str], report: Report) -> None:
    """Write files and run commands; the reboot is `restart`'s. The agent checks every digest before the first write.

    Not to be cancelled: half a push is worse than a whole one. Raises StalePlan and Refused (nothing was done),
    StepFailed (the steps before it stand), OutcomeUnknown (the connection was lost: the node goes on by itself).
    """
    wanted = [(at, step) for at, step in enumerate(plan.steps) if not isinstance(step, Reboot)]
    if wanted:
        _carry_out(connection, push_id, meta, wanted, len(plan.steps), report)


def restart(connection: Connection, plan: Plan, push_id: str, meta: dict[str, str], report: Report) -> None:
    """Order the reboot. It is a push of its own, so that the first can be looked at, or stopped, before it.

    Losing the connection here is what was asked for.
    """
    wanted = [(at, step) for at, step in enumerate(plan.steps) if isinstance(step, Reboot)]
    try:
        _carry_out(connection, f"{push_id}-reboot", {**meta, "reboots_for": push_id}, wanted, len(plan.steps), report)
    except OutcomeUnknown:
        return


def _carry_out(
    connection: Connection,
    push_id: str,
    meta: dict[str, str],
    wanted: Sequence[tuple[int, Step]],
    total: int,
    report: Report,
) -> None:
    attachments: list[bytes] = []
    steps = [_encode(step, attachments) for _, step in wanted]
    failed: list[StepFailed] = []
    said: dict[int, bytes] = {}  # the end of what each command printed: the frame of a failure leaves it out
    begun = False

    def hear(frame: Frame) -> None:
        nonlocal begun
        begun = True
        if frame.type not in ("step", "output"):
            return
        at, step = wanted[frame.fields["index"]]
        phase = _phase(step)
        if frame.type == "output":
            said[at] = (said.get(at, b"") + frame.body)[-_TAIL:]
            report(Progress(phase, at, total, what(step), frame.body.decode("utf-8", "replace")))
        elif frame.fields["state"] == "failed":
            failed.append(_failure(connection.name, at, step, frame.fields, said.get(at, b"")))
        else:
            report(Progress(phase, at + (frame.fields["state"] == "done"), total, what(step)))

    request: dict[str, Any] = {"verb": "carry-out", "push": push_id, "meta": meta, "steps": steps}
    deadline = 120 + sum(step.timeout for _, step in wanted if not isinstance(step, WriteFile))
    try:
        ask(connection, request, hear, attachments=attachments, deadline=deadline, token=CancelToken())
    except (ConnectError, CommandTimeout) as error:
        raise OutcomeUnknown(node=connection.name, reason=error.code) from None
    except NodeError as error:
        if not begun:
            raise
        raise OutcomeUnknown(node=connection.name, reason=error.code) from None
    if failed:
        raise failed[0]


def what(step: Step) -> str:
    """What a step touches, as a person would type it."""
    if isinstance(step, WriteFile):
        return step.path
    return " ".join(step.argv) if isinstance(step, RunCommand) else "systemctl reboot"


def _phase(step: Step) -> str:
    if isinstance(step, WriteFile):
        return "write"
    return "run" if isinstance(step, RunCommand) else "reboot"


def _encode(step: Step, attachments: list[bytes]) -> dict[str, Any]:
    if isinstance(step, Reboot):
        return {"op": "reboot"}
    if isinstance(step, RunCommand):
        return {"op": "run", "argv": list(step.argv), "timeout": step.timeout}
    if step.after is None:
        return {"op": "remove", "path": step.path, "before": step.before_digest}
    attachments.append(step.after)
    return {
        "op": "write",
        "path": step.path,
        "before": step.before_digest,
        "mode": step.mode,
        "attachment": len(attachments) - 1,
    }


def _failure(node: str, at: int, step: Step, fields: dict[str, Any], output: bytes) -> StepFailed:
    told = {key: str(fields[key]) for key in ("exit", "detail", "path") if fields.get(key) is not None}
    told["output"] = output.decode("utf-8", "replace")
    return StepFailed(node=node, step=str(at), what=what(step), reason=str(fields.get("code", "")), **told)


def push_id_of(plan: Plan, taken: str | None) -> str:
    """A name for a push: when it was reviewed, and a digest of its bytes."""
    content = hashlib.sha256(repr(plan.steps).encode()).hexdigest()[:8]
    stamp = "".join(c for c in (taken or "") if c.isascii() and c.isalnum())[:40]
    return f"{stamp or 'push'}-{content}"
