"""/etc/default/grub and its drop-ins: fragments of POSIX shell that grub-mkconfig sources.

Understood are assignments on lines of their own with any quoting and references to other variables; a file that does
more around the variable in question is refused rather than guessed at.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from backend.errors import IntentError
from backend.plan.edits.cmdline import SPACE, split
from backend.plan.plan import Draft

DEFAULT = "/etc/default/grub"
DROP_INS = "/etc/default/grub.d"
LINUX, LINUX_DEFAULT = "GRUB_CMDLINE_LINUX", "GRUB_CMDLINE_LINUX_DEFAULT"

_ASSIGNMENT = re.compile(r"[ \t]*(?:export[ \t]+)?([A-Za-z_][A-Za-z0-9_]*)=")
_NAME = re.compile(r"\{([A-Za-z_][A-Za-z0-9_]*)\}|([A-Za-z_][A-Za-z0-9_]*)")
_BREAKS = " \t\n;&|<>()#"


@dataclass(frozen=True, slots=True)
class _Piece:
    """A run of the value: from `start` to `end` in the file. `text` is what it stands for; None: a variable, `name`."""

    start: int
    end: int
    text: str | None
    name: str = ""


@dataclass(frozen=True, slots=True)
class Assignment:
    """``NAME=value``: the value stands from `start` to `end` in the file."""

    name: str
    line: int
    start: int
    end: int
    pieces: tuple[_Piece, ...]

    def value(self, known: Mapping[str, str]) -> str:
        return "".join(known.get(piece.name, "") if piece.text is None else piece.text for piece in self.pieces)

    def refers_to(self, name: str) -> bool:
        return any(piece.text is None and piece.name == name for piece in self.pieces)


class _NotUnderstoodError(Exception):
    """Argument: offset in the file."""


def assignments(text: str, path: str, wanted: Sequence[str]) -> tuple[Assignment, ...]:
    """Every assignment in order. Raises IntentError("grub-file-not-understood") where a line that names one of the
    `wanted` variables is anything but one, or where shell structure makes it uncertain that it is reached."""
    found: list[Assignment] = []
    depth = 0
    for at, end in _lines(text):
        line = text[at:end]
        words = line.split("#")[0].split()
        first = words[0] if words else ""
        depth += (first in ("if", "case", "for", "while", "until", "{")) - (first in ("fi", "esac", "done", "}"))
        names = any(name in line.split("#")[0] for name in wanted)
        match = _ASSIGNMENT.match(line)
        try:
            if match is None:
                if names and not line.lstrip().startswith("#") and not _only_mentions(words):
                    raise _NotUnderstoodError(at)
                continue
            assignment = _value(text, at + match.end(), match[1], text.count("\n", 0, at) + 1)
            rest = text[assignment.end : end].strip()
            more = bool(rest) and not rest.startswith("#") and rest != ";"
            if (match[1] in wanted and (depth or more)) or (more and any(name in rest for name in wanted)):
                raise _NotUnderstoodError(at)
            found.append(assignment)
        except _NotUnderstoodError as trouble:
            if names:
                where = text.count("\n", 0, trouble.args[0]) + 1
                raise IntentError("grub-file-not-understood", path=path, line=str(where)) from None
    return tuple(found)


def _only_mentions(words: list[str]) -> bool:
    """``export NAME`` changes nothing."""
    return words[0] == "export" and not any("=" in word for word in words)


def _lines(text: str) -> Iterator[tuple[int, int]]:
    """Logical lines, from start to the offset of the line end: a quote or a backslash carries on to the next."""
    at = 0
    while at < len(text):
        end, quote = at, ""
        comment = False
        while end < len(text) and (text[end] != "\n" or quote):
            sign = text[end]
            if comment:
                pass
            elif quote == "'":
                quote = "" if sign == "'" else quote
            elif sign == "\\":
                end += 1
            elif sign == '"':
                quote = "" if quote else '"'
            elif sign == "'" and not quote:
                quote = "'"
            elif sign == "#" and not quote and (end == at or text[end - 1] in " \t;"):
                comment = True
            end += 1
        yield at, min(end, len(text))
        at = end + 1


def _value(text: str, start: int, name: str, line: int) -> Assignment:
    pieces: list[_Piece] = []
    at, quote = start, ""
    while at < len(text):
        sign = text[at]
        if quote == "'":
            if sign == "'":
                quote = ""
            else:
                pieces.append(_Piece(at, at + 1, sign))
            at += 1
        elif sign == "\\":
            follower = text[at + 1 : at + 2]
            if follower == "\n":
                pieces.append(_Piece(at, at + 2, ""))
            elif quote and follower not in '$`"\\':
                pieces.append(_Piece(at, at + 1, sign))
                at -= 1
            else:
                pieces.append(_Piece(at, at + 2, follower))
            at += 2
        elif sign == '"':
            quote = "" if quote else '"'
            at += 1
        elif sign == "'" and not quote:
            quote = "'"
            at += 1
        elif sign == "`":
            raise _NotUnderstoodError(at)
        elif sign == "$":
            match = _NAME.match(text, at + 1)
            if match is not None:
                pieces.append(_Piece(at, match.end(), None, match[1] or match[2]))
                at = match.end()
            elif text[at + 1 : at + 2] in tuple("({0123456789@*#?-$!"):  # substitution, or the shell's own
                raise _NotUnderstoodError(at)
            else:
                pieces.append(_Piece(at, at + 1, "$"))
                at += 1
        elif not quote and sign in _BREAKS and not (sign == "#" and at > start):
            break
        else:
            pieces.append(_Piece(at, at + 1, sign))
            at += 1
    if quote:
        raise _NotUnderstoodError(start)
    return Assignment(name, line, start, at, tuple(pieces))


def within(draft: Draft) -> dict[str, bytes]:
    """The files that this module speaks of, with the edits so far."""
    paths = (path for path in draft.node.files if path == DEFAULT or path.rpartition("/")[0] == DROP_INS)
    return {path: content for path in paths if (content := draft.read(path)) is not None}


def effective(files: Mapping[str, bytes]) -> dict[str, str]:
    """What GRUB_CMDLINE_LINUX and GRUB_CMDLINE_LINUX_DEFAULT come to: the file, then its drop-ins by name."""
    known: dict[str, str] = {}
    for path in order(files):
        for assignment in assignments(_decode(files[path]), path, (LINUX, LINUX_DEFAULT)):
            known[assignment.name] = assignment.value(known)
    return known


def tokens(files: Mapping[str, bytes]) -> tuple[str, ...]:
    """The parameters that a normal boot entry gets: GRUB_CMDLINE_LINUX first (grub.d/10_linux)."""
    known = effective(files)
    return (*split(known.get(LINUX, "")), *split(known.get(LINUX_DEFAULT, "")))


def change(files: Mapping[str, bytes], add: Sequence[str], remove: Sequence[str]) -> dict[str, bytes]:
    """The files that must change so that no token of `remove` and each of `add` once is in effect, by path.

    Only the bytes of those tokens change. Raises IntentError("grub-file-not-understood").
    """
    changed = dict(files)
    for path in order(files):
        text = _decode(changed[path])
        for assignment in reversed(assignments(text, path, (LINUX, LINUX_DEFAULT))):
            if assignment.name in (LINUX, LINUX_DEFAULT):
                text = _without(text, assignment, remove)
        changed[path] = _encode(text)
    missing = [token for token in dict.fromkeys(add) if token not in tokens(changed)]
    path = DEFAULT
    if missing:
        path = _deciding_file(changed)
        changed[path] = _encode(_with(_decode(changed.get(path, b"")), path, missing))
    if set(tokens(changed)) != {*(token for token in tokens(files) if token not in remove), *missing}:
        # For example a token that comes in by another variable: read back what was written rather than hope.
        raise IntentError("grub-file-not-understood", path=path, line="")
    return {path: content for path, content in changed.items() if content != files.get(path)}


def order(files: Mapping[str, bytes]) -> list[str]:
    """The paths that grub-mkconfig sources, as it does."""
    drop_ins = sorted(p for p in files if p.rpartition("/")[0] == DROP_INS and p.endswith(".cfg"))
    return [path for path in (DEFAULT, *drop_ins) if path in files]


def _deciding_file(files: Mapping[str, bytes]) -> str:
    """Where an addition to GRUB_CMDLINE_LINUX_DEFAULT takes effect: after the last assignment that starts anew."""
    deciding = DEFAULT
    for path in order(files):
        for assignment in assignments(_decode(files[path]), path, (LINUX, LINUX_DEFAULT)):
            if assignment.name == LINUX_DEFAULT and not assignment.refers_to(LINUX_DEFAULT):
                deciding = path
    return deciding


def _with(text: str, path: str, missing: Sequence[str]) -> str:
    """Append tokens to the last assignment of GRUB_CMDLINE_LINUX_DEFAULT, inside its closing quote if it has one."""
    added = " ".join(missing)
    ours = [a for a in assignments(text, path, (LINUX_DEFAULT,)) if a.name == LINUX_DEFAULT]
    if not ours:
        line_end = "\r\n" if "\r\n" in text else "\n"
        gap = line_end if text and not text.endswith("\n") else ""
        return f'{text}{gap}{LINUX_DEFAULT}="{added}"{line_end}'
    last = ours[-1]
    pieces = list(last.pieces)
    end = last.end
    if pieces and pieces[-1].text == "\r" and pieces[-1].end == end:
        end = pieces.pop().start  # of a line end CR LF: the shell takes it into the value, and no one sees it
    inside = pieces[-1].end if pieces else last.start
    gap = " " if pieces and pieces[-1].text not in tuple(SPACE) else ""
    if inside < end:  # what follows the last sign are quotes
        return text[: end - 1] + gap + added + text[end - 1 :]
    return text[:end] + f'"{gap}{added}"' + text[end:]


def _without(text: str, assignment: Assignment, remove: Sequence[str]) -> str:
    """Cut whole tokens out of a value; the shell's quotes stay. A token that a variable is part of is not judged."""
    gone: list[_Piece] = []
    run: list[_Piece] = []
    before: _Piece | None = None
    quoted = False
    for piece in (*assignment.pieces, _Piece(assignment.end, assignment.end, " ")):
        if piece.text == '"':
            quoted = not quoted
        if piece.text and piece.text in SPACE and not quoted:
            if any(p.text is None for p in run) or "".join(p.text or "" for p in run) not in remove:
                before = piece
            elif before is not None:  # one gap goes with the token: the one before it,
                gone += (before, *run)
                before = piece
            else:  # or the one after it where it stands first
                gone += (*run, piece)
            run = []
        else:
            run.append(piece)
    for piece in sorted(gone, key=lambda piece: piece.start, reverse=True):
        text = text[: piece.start] + text[piece.end :]
    return text


def _decode(content: bytes) -> str:
    return content.decode("utf-8", "surrogateescape")


def _encode(text: str) -> bytes:
    return text.encode("utf-8", "surrogateescape")
