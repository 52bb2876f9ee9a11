"""What commands on the node printed, found by their first word: readers need not know every option."""

from __future__ import annotations

from backend.snapshot.snapshot import Snapshot


def printed(snapshot: Snapshot, *words: str) -> str | None:
    """Standard output of the first command that starts with `words`; None where it never ended."""
    for argv, output in snapshot.commands.items():
        if argv[: len(words)] == words and output.exit is not None:
            return output.stdout.decode("utf-8", "replace")
    return None


def complained(snapshot: Snapshot, *words: str) -> str:
    """Standard error of the same command."""
    for argv, output in snapshot.commands.items():
        if argv[: len(words)] == words:
            return output.stderr.decode("utf-8", "replace")
    return ""
