"""The kernel's log of this boot."""

from __future__ import annotations

from backend.node.evidence import Evidence
from backend.snapshot.readers.commands import printed
from backend.snapshot.snapshot import Snapshot

_SOURCES = (("journalctl", "journalctl -k -b"), ("dmesg", "dmesg"))


def read_log(snapshot: Snapshot) -> tuple[Evidence, ...]:
    """Its lines that matter, oldest first (the collector asks journalctl for no others); of a foreign copy dmesg's.

    Numbers are those of the output that the snapshot holds.
    """
    for command, source in _SOURCES:
        if (text := printed(snapshot, command)) is not None:
            return tuple(Evidence(source, line, number) for number, line in enumerate(text.splitlines(), 1) if line)
    return ()
