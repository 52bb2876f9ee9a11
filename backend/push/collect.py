"""Read a node: one exec."""

from __future__ import annotations

from dataclasses import replace
from types import MappingProxyType

from backend.agent.protocol import Frame
from backend.agent.request import MAX_SECONDS, collect_request, rom_request
from backend.errors import NodeError
from backend.progress import CancelToken, Progress, Report
from backend.push.ask import ask
from backend.push.connection import Connection
from backend.snapshot import file
from backend.snapshot.readers.roms import rom_paths
from backend.snapshot.snapshot import Snapshot

_BOOT_ID = "/proc/sys/kernel/random/boot_id"


def collect(connection: Connection, token: CancelToken, report: Report) -> Snapshot:
    """Everything that a Node is read from. Which option ROMs that is, only the first answer tells: where VMs name some,
    they are asked for once more. Raises NodeError, ConnectError, Cancelled."""
    snapshot = file.loads(_snapshot(connection, collect_request(), MAX_SECONDS + 30, token, report))
    paths = rom_paths(snapshot)
    if not paths:
        return snapshot
    roms = file.loads(_snapshot(connection, rom_request(paths), 50, token, lambda _progress: None))
    return replace(
        snapshot,
        files=MappingProxyType({**roms.files, **snapshot.files}),
        links=MappingProxyType({**roms.links, **snapshot.links}),
        problems=MappingProxyType({**roms.problems, **snapshot.problems}),
        directories=snapshot.directories | roms.directories,
    )


def read_boot_id(connection: Connection, token: CancelToken) -> str | None:
    """Which boot the node is in: a new one after each start of its kernel (random(4))."""
    request = {
        "verb": "collect",
        "max_bytes": 4096,
        "max_seconds": 10,
        "files": [{"glob": _BOOT_ID, "max": 64}],
    }
    snapshot = file.loads(_snapshot(connection, request, 30, token, lambda _progress: None))
    return snapshot.text(_BOOT_ID)


def _snapshot(
    connection: Connection, request: dict[str, object], deadline: float, token: CancelToken, report: Report
) -> bytes:
    found: list[bytes] = []

    def hear(frame: Frame) -> None:
        if frame.type == "snapshot":
            found.append(frame.body)
        elif frame.type == "progress":
            fields = frame.fields
            report(Progress("collect", int(fields["done"]), int(fields["total"]), str(fields.get("detail", ""))))

    ask(connection, request, hear, deadline=deadline, token=token)
    if not found:
        raise NodeError("agent-garbled", node=connection.name)
    return found[0]
