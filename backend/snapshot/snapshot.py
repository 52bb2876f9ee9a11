"""A sparse copy of a node's own files and of what some commands printed."""

from __future__ import annotations

import posixpath
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from types import MappingProxyType


@dataclass(frozen=True, slots=True)
class CommandOutput:
    """What a command on the node printed. `exit` is None where it was missing or ended by its time limit."""

    exit: int | None
    stdout: bytes
    stderr: bytes


@dataclass(frozen=True)
class Snapshot:
    """Absolute POSIX paths of the node; contents as bytes; links with their targets as readlink gives them; `stats`
    with the size in bytes and the time of last writing in nanoseconds since 1970, by the node's clock.

    `problems` maps a path (or "command: ARGV") to a code: "missing", "denied", "cut" (too large, kept in part),
    "timeout", "failed", "budget". `taken` is ISO 8601 UTC. Nothing here is interpreted.
    """

    files: Mapping[str, bytes]
    links: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))
    commands: Mapping[tuple[str, ...], CommandOutput] = field(default_factory=lambda: MappingProxyType({}))
    problems: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))
    directories: frozenset[str] = frozenset()  # directories seen, also empty ones
    taken: str | None = None
    origin: str = "node"  # "node", or "foreign" for a copy of /sys made by another tool
    stats: Mapping[str, tuple[int, int]] = field(default_factory=lambda: MappingProxyType({}))

    @cached_property
    def _entries(self) -> Mapping[str, tuple[str, ...]]:
        found: dict[str, set[str]] = {}
        for path in (*self.files, *self.links, *self.directories):
            while path not in ("/", ""):
                parent, _, name = path.rpartition("/")
                names = found.get(parent or "/")
                if names is None:
                    found[parent or "/"] = {name}
                elif name in names:
                    break
                else:
                    names.add(name)
                path = parent
        return MappingProxyType({path: tuple(sorted(names)) for path, names in found.items()})

    def resolve(self, path: str) -> str:
        """The path with every symbolic link of the snapshot followed, as the node's kernel would. Loops end."""
        done = "/"
        rest = [part for part in path.split("/") if part]
        hops = 0
        while rest:
            part = rest.pop(0)
            if part == ".":
                continue
            if part == "..":
                done = posixpath.dirname(done)
                continue
            step = posixpath.join(done, part)
            target = self.links.get(step)
            if target is None or hops > 40:
                done = step
                continue
            hops += 1
            rest = [p for p in target.split("/") if p] + rest
            if target.startswith("/"):
                done = "/"
        return done

    def listdir(self, path: str) -> tuple[str, ...]:
        """Names in a directory, sorted; empty where the snapshot has none."""
        return self._entries.get(path) or self._entries.get(self.resolve(path), ())

    def read(self, path: str) -> bytes | None:
        """Content, following links; None where the snapshot lacks it."""
        found = self.files.get(path)
        return found if found is not None else self.files.get(self.resolve(path))

    def text(self, path: str) -> str | None:
        """Content as text (UTF-8, damaged bytes replaced), white space at the end cut."""
        found = self.read(path)
        return None if found is None else found.decode("utf-8", "replace").rstrip()

    def link_name(self, path: str) -> str | None:
        """Last part of a link's target: the driver of ``.../driver``, the number of ``.../iommu_group``."""
        target = self.links.get(path)
        if target is None:
            directory, name = posixpath.split(path)
            target = self.links.get(posixpath.join(self.resolve(directory), name))
        return None if target is None else posixpath.basename(target.rstrip("/"))

    def under(self, directory: str) -> Iterator[str]:
        """Paths of files right in `directory`, sorted."""
        base = self.resolve(directory)
        for name in self.listdir(base):
            path = posixpath.join(base, name)
            if self.read(path) is not None:
                yield path

    def output(self, *argv: str) -> str | None:
        """Standard output of a command as text; None where it was not run, missing or failed to start."""
        found = self.commands.get(argv)
        if found is None or found.exit is None:
            return None
        return found.stdout.decode("utf-8", "replace")
