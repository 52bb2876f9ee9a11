"""The snapshot file: exactly the bytes that the node sends (format: docs/architecture.md)."""

from __future__ import annotations

import json
import os
import tempfile
import zlib
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any

from backend.errors import SnapshotError
from backend.snapshot.snapshot import CommandOutput, Snapshot

FAMILY = b"lanewright/snapshot/"
MAGIC = FAMILY + b"1\n"
MAX_UNPACKED = 512 << 20  # bytes; the node keeps to far less (backend/agent/request.py)


def dumps(snapshot: Snapshot) -> bytes:
    """The file's bytes. Files are grouped by directory in the header, and their contents follow in that order."""
    folders: dict[str, dict[str, int]] = {}
    contents: dict[str, list[bytes]] = {}
    for path, content in snapshot.files.items():
        folder, _, name = path.rpartition("/")
        folders.setdefault(folder or "/", {})[name] = len(content)
        contents.setdefault(folder or "/", []).append(content)
    header = {
        "taken": snapshot.taken,
        "origin": snapshot.origin,
        "files": folders,
        "stats": dict(snapshot.stats),
        "links": dict(snapshot.links),
        "directories": sorted(snapshot.directories),
        "commands": [
            {"argv": argv, "exit": output.exit, "stdout": len(output.stdout), "stderr": len(output.stderr)}
            for argv, output in snapshot.commands.items()
        ],
        "problems": dict(snapshot.problems),
    }
    text = json.dumps(header, separators=(",", ":")).encode("ascii")
    pieces = [len(text).to_bytes(8, "big"), text]
    for folder in folders:
        pieces += contents[folder]
    for output in snapshot.commands.values():
        pieces += (output.stdout, output.stderr)
    return MAGIC + zlib.compress(b"".join(pieces), 3)


def loads(data: bytes) -> Snapshot:
    """Raises SnapshotError: "not-a-snapshot", "snapshot-cut" or "snapshot-newer"."""
    body = _unpack(data)
    if len(body) < 8:
        raise SnapshotError("not-a-snapshot", found="no header")
    start = 8 + int.from_bytes(body[:8], "big")
    if start > len(body):
        raise SnapshotError("snapshot-cut", found="header")
    try:
        header = json.loads(body[8:start])
        return _build(header, _Contents(body, start))
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
        raise SnapshotError("not-a-snapshot", found=f"header: {type(error).__name__}") from error


def save(path: Path, snapshot: Snapshot) -> None:
    """Write it whole or not at all, readable by its owner only: it holds guests' configuration.

    Raises SnapshotError "file-unwritable"."""
    try:
        fd, temporary = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
        try:
            with open(fd, "wb") as file:  # noqa: PTH123 - a descriptor, no path
                file.write(dumps(snapshot))
                file.flush()
                os.fsync(fd)
            Path(temporary).replace(path)
        except BaseException:
            Path(temporary).unlink(missing_ok=True)
            raise
    except OSError as error:
        raise SnapshotError("file-unwritable", path=str(path), found=error.strerror or str(error)) from error


def open_file(path: Path) -> Snapshot:
    """Raises SnapshotError: as `loads`, or "file-unreadable"."""
    try:
        data = path.read_bytes()
    except OSError as error:
        raise SnapshotError("file-unreadable", path=str(path), found=error.strerror or str(error)) from error
    try:
        return loads(data)
    except SnapshotError as error:
        error.details["path"] = str(path)
        raise


def _unpack(data: bytes) -> bytes:
    if not data.startswith(MAGIC):
        if MAGIC.startswith(data):
            raise SnapshotError("snapshot-cut", found="first line")
        version = data[len(FAMILY) : len(FAMILY) + 12].partition(b"\n")[0]
        if data.startswith(FAMILY) and version.isdigit():
            raise SnapshotError("snapshot-newer", found=version.decode("ascii"))
        raise SnapshotError("not-a-snapshot", found=data[:40].decode("ascii", "replace"))
    unpacker = zlib.decompressobj()
    try:
        body = unpacker.decompress(memoryview(data)[len(MAGIC) :], MAX_UNPACKED)
    except zlib.error as error:
        raise SnapshotError("not-a-snapshot", found=str(error)) from error
    if unpacker.unconsumed_tail:
        raise SnapshotError("not-a-snapshot", found="too large")
    if not unpacker.eof:
        raise SnapshotError("snapshot-cut", found="contents")
    if unpacker.unused_data:
        raise SnapshotError("not-a-snapshot", found="more behind the end")
    return body


class _Contents:
    """Hands out the contents in order."""

    def __init__(self, body: bytes, start: int) -> None:
        self._body = body
        self._at = start

    def take(self, size: object) -> bytes:
        if type(size) is not int or size < 0:
            raise ValueError("size")
        end = self._at + size
        if end > len(self._body):
            raise SnapshotError("snapshot-cut", found="contents")
        found = self._body[self._at : end]
        self._at = end
        return found

    def finish(self) -> None:
        if self._at != len(self._body):
            raise ValueError("contents left over")


def _build(header: Any, contents: _Contents) -> Snapshot:
    files = {}
    for folder, sizes in header["files"].items():
        prefix = "/" if folder == "/" else folder + "/"
        if not prefix.startswith("/"):
            raise ValueError("path")
        for name, size in sizes.items():
            files[prefix + name] = contents.take(size)
    commands = {}
    for entry in header["commands"]:
        status = entry["exit"]
        if status is not None and type(status) is not int:
            raise ValueError("exit")
        argv = tuple(_texts(entry["argv"]))
        commands[argv] = CommandOutput(status, contents.take(entry["stdout"]), contents.take(entry["stderr"]))
    contents.finish()
    taken, origin = header["taken"], header["origin"]
    if not isinstance(origin, str) or not (taken is None or isinstance(taken, str)):
        raise ValueError("taken or origin")
    return Snapshot(
        files=MappingProxyType(files),
        links=_text_map(header["links"]),
        stats=_stats(header.get("stats", {})),  # files of before 2026-11-23 have none
        commands=MappingProxyType(commands),
        problems=_text_map(header["problems"]),
        directories=frozenset(_texts(header["directories"])),
        taken=taken,
        origin=origin,
    )


def _stats(value: Any) -> Mapping[str, tuple[int, int]]:
    found = {path: (size, written) for path, (size, written) in value.items()}
    if any(type(number) is not int for pair in found.values() for number in pair):
        raise ValueError("stats")
    return MappingProxyType(found)


def _texts(value: Any) -> list[str]:
    if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
        raise ValueError("not a list of texts")
    return value


def _text_map(value: Any) -> Mapping[str, str]:
    if not isinstance(value, dict) or not all(isinstance(item, str) for item in value.values()):
        raise ValueError("not a map of texts")
    return MappingProxyType(value)
