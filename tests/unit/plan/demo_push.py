"""Carry a plan out on a simulated node, as a push does, without a connection between."""

from __future__ import annotations

import asyncio
import json
from typing import Any

from backend.demo.agent import answer
from backend.demo.world import World
from backend.node.node import Node
from backend.plan.plan import Plan, RunCommand, WriteFile
from backend.snapshot.readers import read_node


def node_of(world: World) -> Node:
    return read_node(world.snapshot())


def push(world: World, plan: Plan, push_id: str, **meta: str) -> list[dict[str, Any]]:
    """Writes and commands; then a restart if the plan has one. Gives the agent's frames."""
    attachments: list[bytes] = []
    steps: list[dict[str, Any]] = []
    for step in plan.steps:
        if isinstance(step, RunCommand):
            steps.append({"op": "run", "argv": list(step.argv), "timeout": step.timeout})
        elif isinstance(step, WriteFile) and step.after is None:
            steps.append({"op": "remove", "path": step.path, "before": step.before_digest})
        elif isinstance(step, WriteFile) and step.after is not None:
            written = {"op": "write", "path": step.path, "before": step.before_digest, "mode": step.mode}
            steps.append({**written, "attachment": len(attachments)})
            attachments.append(step.after)
    frames: list[dict[str, Any]] = []

    def hear(piece: bytes) -> None:
        frames.append(json.loads(piece.split(b"\n", 1)[0]))

    async def at_once(_seconds: float) -> None:
        return

    request = {"verb": "carry-out", "push": push_id, "meta": meta, "steps": steps}
    asyncio.run(answer(world, request, attachments, hear, at_once))
    if plan.reboots:
        world.restart()
    return frames
