"""What a write changes, line by line, for eyes."""

from __future__ import annotations

import difflib
from dataclasses import dataclass
from typing import Literal

from backend.plan.plan import WriteFile

Kind = Literal["context", "added", "removed", "hunk"]
SIGNS: dict[Kind, str] = {"context": " ", "added": "+", "removed": "-", "hunk": ""}
_CONTEXT = 3


@dataclass(frozen=True, slots=True)
class DiffLine:
    """One line, without its end. Numbers count from 1 in the old and the new file; None where it is in one alone."""

    kind: Kind
    old: int | None
    new: int | None
    text: str


def diff_lines(step: WriteFile) -> tuple[DiffLine, ...]:
    """Changed lines with three lines around them; a line "hunk" before each part."""
    old, new = _lines(step.before), _lines(step.after)
    found: list[DiffLine] = []
    matcher = difflib.SequenceMatcher(None, old, new, autojunk=False)
    for group in matcher.get_grouped_opcodes(_CONTEXT):
        first, last = group[0], group[-1]
        head = f"@@ -{_range(first[1], last[2])} +{_range(first[3], last[4])} @@"
        found.append(DiffLine("hunk", None, None, head))
        for tag, old_from, old_to, new_from, new_to in group:
            if tag == "equal":
                pairs = zip(range(old_from, old_to), range(new_from, new_to), strict=True)
                found += [DiffLine("context", i + 1, j + 1, old[i]) for i, j in pairs]
                continue
            found += [DiffLine("removed", i + 1, None, old[i]) for i in range(old_from, old_to)]
            found += [DiffLine("added", None, j + 1, new[j]) for j in range(new_from, new_to)]
    return tuple(found)


def _range(start: int, end: int) -> str:
    """First line and count; of nothing, the line before (diff's own way)."""
    return f"{start + 1 if end > start else start},{end - start}"


def unified(step: WriteFile) -> str:
    """The same as text, as ``diff -u`` prints it."""
    head = [
        f"--- {step.path if step.before is not None else '/dev/null'}",
        f"+++ {step.path if step.after is not None else '/dev/null'}",
    ]
    return "\n".join([*head, *(SIGNS[line.kind] + line.text for line in diff_lines(step))]) + "\n"


def _lines(content: bytes | None) -> list[str]:
    r"""Every byte to be seen: ``\xNN`` for what is not UTF-8, ``\r``, and a mark on a last line without an end."""
    if not content:
        return []
    lines = content.decode("utf-8", "backslashreplace").replace("\r", "\\r").split("\n")
    if lines[-1] == "":
        return lines[:-1]
    lines[-1] += "  \\ No newline at end of file"
    return lines
