"""One request to the agent on a node, and its frames."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from backend.agent.protocol import Frame, FrameReader, bootstrap_argv, encode_request, explain_failure
from backend.errors import LanewrightError, NodeError, Refused, StalePlan
from backend.progress import CancelToken
from backend.push.connection import Connection


def ask(
    connection: Connection,
    request: dict[str, Any],
    on_frame: Callable[[Frame], None],
    *,
    attachments: Sequence[bytes] = (),
    deadline: float,
    token: CancelToken,
) -> None:
    """Send, and hand over each frame as it comes. Raises NodeError where the agent could not run, Refused or
    StalePlan where it would not, and what the connection raises."""
    reader = FrameReader()
    answered = False

    def hear(data: bytes) -> None:
        nonlocal answered
        for frame in reader.feed(data):
            answered = True
            if frame.type == "refused":
                raise _refusal(frame, connection.name)
            on_frame(frame)

    argv = bootstrap_argv(root=connection.is_root)
    sent = encode_request(request, attachments)
    done = connection.run(argv, sent, on_stdout=hear, deadline=deadline, token=token)
    if done.exit != 0 or not answered:
        error = explain_failure(done.exit, done.stderr)
        error.node = connection.name
        raise error


def _refusal(frame: Frame, node: str) -> LanewrightError:
    told = {key: str(value) for key, value in frame.fields.items() if key != "code" and value is not None}
    code = frame.fields.get("code", "refused")
    if code == "stale":
        return StalePlan(node=node, **told)
    if code == "locked":
        return Refused("locked", node=node, **told)
    return NodeError("agent-refused", node=node, reason=str(code), **told)
