"""What ZFS pools and MD arrays are made of, and how many of their parts they can do without."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import pairwise

_CLASSES = ("logs", "cache", "special", "dedup", "spares")
_MEMBER = re.compile(r"([^\s\[]+)\[\d+\]((?:\([A-Z]\))*)")  # sda1[0], sdc1[2](S)
_COUNTS = re.compile(r"\[(\d+)/(\d+)\]")
_RAIDZ = re.compile(r"(?:raidz|draid)(\d)?\b.*")


@dataclass(slots=True)
class Vdev:
    """A row of ``zpool status``: a pool, a group of devices, or a device by its path. ``is_whole``: ONLINE, and no copy
    of it is under way."""

    name: str
    is_whole: bool
    parts: list[Vdev] = field(default_factory=list)

    def needed(self) -> int:
        """How many parts it cannot do without."""
        if self.name.startswith(("mirror-", "replacing-", "spare-")):
            return 1
        match = _RAIDZ.fullmatch(self.name)
        return len(self.parts) - (int(match[1] or 1) if match else 0)

    def devices(self) -> Iterator[Vdev]:
        """Those right or further below; itself where it has none."""
        if not self.parts:
            yield self
        for part in self.parts:
            yield from part.devices()


@dataclass(frozen=True, slots=True)
class Pool:
    """``data``: what it cannot be imported without (its logs too: ``zpool import`` asks for -m). ``extra``: cache and
    spares, which it can."""

    name: str
    data: Vdev
    extra: tuple[Vdev, ...]


def read_pools(text: str) -> tuple[Pool, ...]:
    """From ``zpool status -LP``: rows below ``config:``, each level two spaces deeper."""
    found: list[Pool] = []
    name = ""
    stack: list[tuple[int, Vdev]] = []
    extra: list[Vdev] = []
    inside = False

    def close() -> None:
        if stack:
            found.append(Pool(name, stack[0][1], tuple(extra)))

    for line in text.splitlines():
        words = line.split()
        if words[:1] == ["pool:"] and len(words) > 1:
            close()
            name, stack, extra, inside = words[1], [], [], False
        elif words[:1] == ["config:"] or words[:1] == ["errors:"]:
            inside = words[0] == "config:"
        elif inside and words and words[0] != "NAME" and not words[0].startswith("indirect-"):  # was removed
            depth = len(line.expandtabs(8)) - len(line.expandtabs(8).lstrip())
            row = Vdev(words[0], words[1:2] == ["ONLINE"] and "resilver" not in line)
            if not stack:
                stack = [(depth, row)]
            elif words[0] in _CLASSES and depth <= stack[0][0]:
                # Devices of a class are one level below its head, as those of the pool are below the pool.
                if words[0] in ("cache", "spares"):
                    extra.append(row)
                    stack[1:] = [(depth, row)]
                else:
                    stack[1:] = []
            else:
                while len(stack) > 1 and stack[-1][0] >= depth:
                    stack.pop()
                stack[-1][1].parts.append(row)
                stack.append((depth, row))
    close()
    return tuple(found)


@dataclass(frozen=True, slots=True)
class Array:
    """An MD array of /proc/mdstat. ``members``: kernel names of those in use, spares and failed ones left out."""

    name: str
    members: tuple[str, ...]
    needed: int


def read_arrays(text: str) -> tuple[Array, ...]:
    """Blocks as ``md0 : active raid1 sdb1[1] sda1[0]`` with ``[2/2] [UU]`` on the next line (drivers/md/md.c).
    What is not there, or still being rebuilt, is redundancy already used up."""
    found: list[Array] = []
    lines = [*text.splitlines(), ""]
    for line, following in pairwise(lines):
        name, colon, rest = line.partition(" : ")
        words = rest.split()
        if not colon or words[:1] != ["active"]:
            continue
        level = next((word for word in words if word.startswith("raid")), "")
        members = tuple(m[1] for word in words if (m := _MEMBER.fullmatch(word)) and m[2] in ("", "(W)", "(R)"))
        counts = _COUNTS.search(following)
        missing = int(counts[1]) - int(counts[2]) if counts else 0
        every = int(counts[1]) if counts else len(members)
        can_lose = {"raid1": every - 1, "raid10": 1, "raid4": 1, "raid5": 1, "raid6": 2}.get(level, 0)
        found.append(Array(name.strip(), members, len(members) - max(0, can_lose - missing)))
    return tuple(found)
