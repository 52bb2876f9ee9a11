"""The journals that pushes left on a node: which of them stand, and what they were to make true."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

PUSHES = "/var/lib/lanewright/pushes"


@dataclass
class Push:
    """One push, as far as its journal tells. `intents`: what it was to make true, as TOML; empty if it does not say."""

    id: str
    meta: dict[str, Any] = field(default_factory=dict)
    steps: list[dict[str, Any]] = field(default_factory=list)
    started: dict[int, dict[str, Any]] = field(default_factory=dict)  # file and command steps that were begun
    begun_at: float = 0
    done: bool = False
    boot_id: str | None = None  # in which it was begun

    @property
    def intents(self) -> str:
        told = self.meta.get("intents")
        return told if isinstance(told, str) else ""


def latest(files: Mapping[str, bytes]) -> Push | None:
    """The last push that stands."""
    pushes = standing(files)
    return pushes[-1] if pushes else None


def standing(files: Mapping[str, bytes]) -> tuple[Push, ...]:
    """Every push that changed files and was not undone, oldest first. A push that undid another one does not count
    itself, and one that failed at it is to be tried again."""
    pushes = [
        _read(path.split("/")[-2], content)
        for path, content in files.items()
        if path.startswith(PUSHES + "/") and path.endswith("/journal.jsonl")
    ]
    undone = {push.meta.get("rolls_back") for push in pushes if push.done}
    found = (
        push
        for push in pushes
        if push.id not in undone
        and "rolls_back" not in push.meta
        and any(push.steps[index]["op"] != "reboot" for index in push.started if index < len(push.steps))
    )
    return tuple(sorted(found, key=lambda push: (push.begun_at, push.id)))


def _read(push_id: str, content: bytes) -> Push:
    push = Push(push_id)
    for line in content.splitlines():
        try:
            entry = json.loads(line)
        except ValueError:
            continue  # torn by a power cut: what it would have told did not happen
        if not isinstance(entry, dict):
            continue
        if entry.get("state") == "begun":
            push.meta, push.steps = entry.get("meta", {}), entry.get("steps", [])
            push.begun_at, push.boot_id = entry.get("at", 0), entry.get("boot_id")
        elif entry.get("state") == "done" and "step" not in entry:
            push.done = True
        elif entry.get("state") == "started" and isinstance(entry.get("step"), int):
            push.started.setdefault(entry["step"], entry)
    return push
