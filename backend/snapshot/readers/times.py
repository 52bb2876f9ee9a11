"""When files were written, and when the node was started: both by its own clock, in nanoseconds since 1970."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from types import MappingProxyType

from backend.snapshot.snapshot import Snapshot


def read_written(snapshot: Snapshot) -> Mapping[str, int]:
    """By path; only of the files of which the collector asks it."""
    return MappingProxyType({path: written for path, (_, written) in sorted(snapshot.stats.items())})


def read_booted(snapshot: Snapshot) -> int | None:
    """To within the time that a collection takes: /proc/uptime is read before `taken`."""
    words = (snapshot.text("/proc/uptime") or "").split()
    try:
        taken = datetime.fromisoformat(snapshot.taken or "")
        if taken.tzinfo is None:
            return None
        return int((taken.timestamp() - float(words[0])) * 10**9)
    except (ValueError, IndexError, OverflowError):
        return None
