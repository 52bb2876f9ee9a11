"""What was pushed to a node and not undone, and whether it still is: drift is an applied intent that does not hold."""

from __future__ import annotations

from collections.abc import Iterator

from backend.errors import IntentError
from backend.node.node import Node
from backend.plan.journals import standing
from backend.plan.plan import Intent, Verdict
from backend.plan.toml import loads


def applied(node: Node) -> tuple[Intent, ...]:
    """The intents of every push that stands, oldest first; of pushes that the node was restarted after alone, for the
    others are not at work yet."""
    return tuple(dict.fromkeys(_applied(node)))


def _applied(node: Node) -> Iterator[Intent]:
    for push in standing(node.files):
        if push.intents and push.boot_id != node.boot_id:
            try:
                yield from loads(push.intents)
            except IntentError:
                continue  # written by a newer Lanewright


def drifted(node: Node) -> tuple[Verdict, ...]:
    """The applied intents that do not hold any more."""
    verdicts = (intent.holds(node) for intent in applied(node))
    return tuple(verdict for verdict in verdicts if verdict.holds is False)
