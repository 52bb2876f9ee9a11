"""/etc/modprobe.d (modprobe.d(5)): options, softdeps. Dash and underscore are one; a backslash carries a line on."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase

OURS = "/etc/modprobe.d/lanewright.conf"
FOLDER = "/etc/modprobe.d"
# Two blanks after the module, and kmod no longer knows the "pre:" that follows (kmod_config_add_softdep).
HEARD = re.compile(r"\s*softdep\s+\S+\s\S")
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
            if end < len(text) and text[at:end].endswith("\\"):
                end += 1
                continue
            break
        words = tuple(text[at:end].replace("\\\n", "").split())  # kmod joins without a gap (freadline_wrapped)
        if words and not words[0].startswith("#"):
            yield Line(words, at, end)
        at = end + 1


def _is_vfio_options(line: Line) -> bool:
    return line.words[0] == "options" and len(line.words) > 2 and same(line.words[1], "vfio-pci")


def claimed(files: Mapping[str, bytes]) -> tuple[str | None, tuple[str, ...]]:
    """The file whose ids= is in effect, and the ids. kmod joins all options in the order of the files' names, and
    of a parameter given twice the kernel keeps the last."""
    where: str | None = None
    ids: tuple[str, ...] = ()
    for path in _order(files):
        for line in lines(_decode(files[path])):
            if _is_vfio_options(line):
                for word in line.words[2:]:
                    if word.startswith("ids="):
                        where, ids = path, split_ids(word)
    return where, ids


def split_ids(option: str) -> tuple[str, ...]:
    """The ids of ``ids=10de:2786,10de:22bc``; quotes do not count."""
    return tuple(i for i in option.partition("=")[2].replace('"', "").split(",") if i)


def joined(known: Sequence[str], more: Sequence[str]) -> tuple[str, ...]:
    """`known` as it stands, then what is new in `more`."""
    have = {i.lower() for i in known}
    return (*known, *(i for i in dict.fromkeys(more) if i.lower() not in have))


def claim(files: Mapping[str, bytes], ids: Sequence[str], drivers: Sequence[str]) -> dict[str, bytes]:
    """The files that must change so that vfio-pci has these ids and is loaded before these drivers, by path.

    An admin's own list that is in effect grows in its place: a second ids= would silence it.
    """
    changed = dict(files)
    where, now = claimed(files)
    wanted = joined(now, ids)
    if wanted != now:
        option = f"ids={','.join(wanted)}"
        if where:
            changed[where] = _encode(_set_ids(_decode(files[where]), option))
        else:
            changed[OURS] = _encode(_append(_decode(files.get(OURS, b"")), f"options vfio-pci {option}"))
    for driver in dict.fromkeys(drivers):
        path, text = _with_softdep(changed, driver)
        changed[path] = _encode(text)
    return {path: content for path, content in changed.items() if content != files.get(path)}


def _order(files: Mapping[str, bytes]) -> list[str]:
    """As kmod reads them."""
    return sorted((p for p in files if p.endswith(".conf")), key=lambda path: path.rpartition("/")[2])


def _with_softdep(files: Mapping[str, bytes], driver: str) -> tuple[str, str]:
    """Which file must hold what, so that vfio-pci comes before `driver`. kmod heeds only the first softdep of a
    module (kmod_module_get_softdeps): where an admin has one that is read before ours, that line grows."""
    for path in _order({OURS: b"", **files}):
        text = _decode(files.get(path, b""))
        for line in lines(text):
            # One that names nothing counts too.
            pattern = line.words[1].replace("-", "_") if len(line.words) > 1 and line.words[0] == "softdep" else ""
            if fnmatchcase(driver.replace("-", "_"), pattern):
                more = () if before(line.words[2:]) else ("pre:", "vfio-pci")
                if HEARD.match(text[line.start : line.end].replace("\\\n", "")):
                    return path, " ".join((text[: line.end], *more)) + text[line.end :]
                return path, text[: line.start] + " ".join((*line.words, *more)) + text[line.end :]
        if path == OURS:
            return path, _append(text, f"softdep {driver} pre: vfio-pci")
    raise AssertionError("OURS is among them")


def before(words: Sequence[str]) -> bool:
    """True where vfio-pci is among the modules named after ``pre:``."""
    pre = False
    for word in words:
        if word in ("pre:", "post:"):
            pre = word == "pre:"
        elif pre and same(word, "vfio-pci"):
            return True
    return False


def _set_ids(text: str, option: str) -> str:
    """The last ids= of the file becomes `option`; a line that is carried on in the middle of it becomes one."""
    line = [line for line in lines(text) if _is_vfio_options(line) and any(w.startswith("ids=") for w in line.words)][
        -1
    ]
    old = [word for word in line.words if word.startswith("ids=")][-1]
    at = text.rfind(old, line.start, line.end)
    if at < 0:
        words = " ".join(option if word is old else word for word in line.words)
        return text[: line.start] + words + text[line.end :]
    return text[:at] + option + text[at + len(old) :]


def _append(text: str, line: str) -> str:
    text = text or _HEAD
    return text + ("" if text.endswith("\n") else "\n") + line + "\n"


def _decode(content: bytes) -> str:
    return content.decode("utf-8", "surrogateescape")


def _encode(text: str) -> bytes:
    return text.encode("utf-8", "surrogateescape")
