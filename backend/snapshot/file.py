"""The snapshot file: the line ``lanewright/snapshot/1``, then one zlib stream of an 8-byte big-endian header length, a
JSON header, and all contents in the header's order (files by folder, then each command's stdout and stderr)."""

from __future__ import annotations

import json
import os
import struct
import tempfile
import zlib
from pathlib import Path
from types import MappingProxyType
from typing import Any

from backend.errors import SnapshotError
from backend.snapshot.snapshot import CommandOutput, Snapshot

MAGIC = b"lanewright/snapshot/1\n"
_FAMILY = b"lanewright/snapshot/"
_LIMIT = 512 << 20  # bytes unpacked: far above any node, far below a bomb


def loads(data: bytes) -> Snapshot:
    """Raises SnapshotError: "not-a-snapshot", "snapshot-newer", "snapshot-cut"."""
    if not data.startswith(MAGIC):
        if data.startswith(_FAMILY):
            raise SnapshotError("snapshot-newer", found=data.split(b"\n", 1)[0][:40].decode("ascii", "replace"))
        if data and _FAMILY.startswith(data[: len(_FAMILY)]):
            raise SnapshotError("snapshot-cut")
        raise SnapshotError("not-a-snapshot")
    raw = _unpack(data[len(MAGIC) :])
    try:
        (length,) = struct.unpack_from(">Q", raw)
        header = json.loads(raw[8 : 8 + length])
        return _read(header, raw, 8 + length)
    except (struct.error, ValueError, KeyError, TypeError, AttributeError):
        raise SnapshotError("snapshot-cut") from None


def _unpack(packed: bytes) -> bytes:
    stream = zlib.decompressobj()
    try:
        raw = stream.decompress(packed, _LIMIT)
    except zlib.error:
        raise SnapshotError("snapshot-cut") from None
    if stream.unconsumed_tail:
        raise SnapshotError("snapshot-too-large")
    if not stream.eof:
        raise SnapshotError("snapshot-cut")
    return raw


def _read(header: dict[str, Any], raw: bytes, at: int) -> Snapshot:
    files: dict[str, bytes] = {}
    for folder, sizes in header["files"].items():
        prefix = folder if folder.endswith("/") else folder + "/"
        for name, size in sizes.items():
            files[prefix + name] = raw[at : at + size]
            at += size
    commands: dict[tuple[str, ...], CommandOutput] = {}
    for spec in header["commands"]:
        middle = at + spec["stdout"]
        end = middle + spec["stderr"]
        commands[tuple(spec["argv"])] = CommandOutput(spec["exit"], raw[at:middle], raw[middle:end])
        at = end
    if at != len(raw):
        raise SnapshotError("snapshot-cut")
    return Snapshot(
        files=MappingProxyType(files),
        links=MappingProxyType(header["links"]),
        commands=MappingProxyType(commands),
        problems=MappingProxyType(header["problems"]),
        directories=frozenset(header["directories"]),
        taken=header["taken"],
        origin=header["origin"],
    )


def dumps(snapshot: Snapshot) -> bytes:
    """The bytes of the file. `loads(dumps(s)) == s`."""
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
        "links": dict(snapshot.links),
        "directories": sorted(snapshot.directories),
        "commands": [
            {"argv": argv, "exit": output.exit, "stdout": len(output.stdout), "stderr": len(output.stderr)}
            for argv, output in snapshot.commands.items()
        ],
        "problems": dict(snapshot.problems),
    }
    text = json.dumps(header, separators=(",", ":")).encode("ascii")
    pieces = [struct.pack(">Q", len(text)), text]
    for folder in folders:
        pieces += contents[folder]
    for output in snapshot.commands.values():
        pieces += [output.stdout, output.stderr]
    return MAGIC + zlib.compress(b"".join(pieces), 6)


def save(path: Path, snapshot: Snapshot) -> None:
    """Write it whole or not at all. Raises OSError."""
    handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(dumps(snapshot))
        Path(temporary).replace(path)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise


def open_file(path: Path) -> Snapshot:
    """Raises SnapshotError, with `path` in its details."""
    try:
        return loads(path.read_bytes())
    except OSError as error:
        raise SnapshotError("file-unreadable", path=str(path), found=error.strerror or "") from None
    except SnapshotError as error:
        raise SnapshotError(error.code, **{**error.details, "path": str(path)}) from None
