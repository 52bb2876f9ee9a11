"""/etc/modprobe.d (modprobe.d(5)): options, softdeps. Dash and underscore are one; a backslash carries a line on."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

OURS = "/etc/modprobe.d/lanewright.conf"
FOLDER = "/etc/modprobe.d"
_HEAD = "# Written by Lanewright: cards reserved for passthrough.\n"


@dataclass(frozen=True, slots=True)
class Line:
    """One command and where it stands in its file (offsets, the line end left out)."""

    words: tuple[str, ...]
    start: int
    end: int


def same(module: str, other: str) -> bool:
    return module.replace("-", "_") == other.replace("-", "_")


def lines(text: str) -> Iterator[Line]:
    """Commands in order; comments and empty lines left out."""
    at = 0
    while at < len(text):
        end = at
        while True:
            end = text.find("\n", end)
            end = len(text) if end < 0 else end
            if end < len(text) and text[at:end].rstrip("\r").endswith("\\"):
                end += 1
                continue
            break
        words = tuple(text[at:end].replace("\\\r\n", " ").replace("\\\n", " ").split())
        if words and not words[0].startswith("#"):
            yield Line(words, at, end)
        at = end + 1


def _is_vfio_options(line: Line) -> bool:
    return line.words[0] == "options" and len(line.words) > 2 and same(line.words[1], "vfio-pci")


def claimed(files: Mapping[str, bytes]) -> tuple[str | None, tuple[str, ...]]:
    """The file whose ids= is in effect, and the ids. kmod joins all options in the order of the files' names, and
    of a parameter given twice the kernel keeps the last."""
    where, ids = None, ()
    for path in sorted(files, key=lambda path: path.rpartition("/")[2]):
        if not path.endswith(".conf"):
            continue
        for line in lines(_decode(files[path])):
            if _is_vfio_options(line):
                for word in line.words[2:]:
                    if word.startswith("ids="):
                        where, ids = path, tuple(i for i in word[4:].split(",") if i)
    return where, ids


def claim(files: Mapping[str, bytes], ids: Sequence[str], drivers: Sequence[str]) -> dict[str, bytes]:
    """The files that must change so that vfio-pci has these ids and is loaded before these drivers, by path.

    An admin's own list that is in effect grows in its place: a second ids= would silence it.
    """
    changed: dict[str, bytes] = {}
    where, now = claimed(files)
    missing = [i for i in dict.fromkeys(ids) if i.lower() not in (known.lower() for known in now)]
    if missing:
        path = where or OURS
        text = _decode(files.get(path, b""))
        wanted = ",".join((*now, *missing))
        changed[path] = _encode(_set_ids(text, wanted) if where else _append(text, f"options vfio-pci ids={wanted}"))
    softened = [
        words[1]
        for path, content in files.items()
        if path.endswith(".conf")
        for words in (line.words for line in lines(_decode(content)))
        if words[0] == "softdep" and len(words) > 3 and _before(words[2:])
    ]
    text = _decode(changed.get(OURS, files.get(OURS, b"")))
    for driver in dict.fromkeys(drivers):
        if not any(same(driver, name) for name in softened):
            text = _append(text, f"softdep {driver} pre: vfio-pci")
            changed[OURS] = _encode(text)
    return {path: content for path, content in changed.items() if content != files.get(path)}


def _before(words: Sequence[str]) -> bool:
    """True where vfio-pci is among the modules named after ``pre:``."""
    pre = False
    for word in words:
        if word in ("pre:", "post:"):
            pre = word == "pre:"
        elif pre and same(word, "vfio-pci"):
            return True
    return False


def _set_ids(text: str, wanted: str) -> str:
    for line in reversed(list(lines(text))):
        if _is_vfio_options(line):
            words = [word for word in line.words if word.startswith("ids=")]
            if words:
                at = text.rindex(words[-1], line.start, line.end)
                return text[:at] + f"ids={wanted}" + text[at + len(words[-1]) :]
    raise AssertionError("claimed() found ids= in this file")


def _append(text: str, line: str) -> str:
    text = text or _HEAD
    return text + ("" if text.endswith("\n") else "\n") + line + "\n"


def _decode(content: bytes) -> str:
    return content.decode("utf-8", "surrogateescape")


def _encode(text: str) -> bytes:
    return text.encode("utf-8", "surrogateescape")
