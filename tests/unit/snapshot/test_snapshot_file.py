"""The snapshot file: what goes in comes out, and what is no whole file is told so."""

from __future__ import annotations

import json
import struct
import zlib
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backend.errors import SnapshotError
from backend.snapshot import file
from backend.snapshot.file import MAGIC, dumps, loads
from backend.snapshot.snapshot import CommandOutput, Snapshot

NAMES = st.text(st.characters(exclude_characters="/\0", exclude_categories=()), min_size=1, max_size=8)
PATHS = st.lists(NAMES, min_size=1, max_size=4).map(lambda names: "/" + "/".join(names))
OUTPUTS = st.builds(CommandOutput, st.none() | st.integers(-64, 255), st.binary(max_size=64), st.binary(max_size=64))
SNAPSHOTS = st.builds(
    Snapshot,
    files=st.dictionaries(PATHS, st.binary(max_size=64), max_size=12),
    links=st.dictionaries(PATHS, st.text(max_size=12), max_size=6),
    stats=st.dictionaries(PATHS, st.tuples(st.integers(0, 1 << 40), st.integers(-(1 << 62), 1 << 62)), max_size=4),
    commands=st.dictionaries(st.lists(st.text(max_size=8), min_size=1).map(tuple), OUTPUTS, max_size=4),
    problems=st.dictionaries(st.text(max_size=8), st.sampled_from(["missing", "denied", "cut"]), max_size=4),
    directories=st.frozensets(PATHS, max_size=6),
    taken=st.none() | st.just("2026-01-01T00:00:00Z"),
    origin=st.sampled_from(["node", "foreign"]),
)
SMALL = Snapshot(
    files={"/top": b"1", "/etc/modules": b"vfio\n", "/etc/empty": b""},
    links={"/etc/link": "modules"},
    stats={"/boot/initrd.img": (70_000_000, 1_767_225_600_000_000_001)},
    commands={("uname", "-a"): CommandOutput(0, b"Linux", b"!"), ("gone",): CommandOutput(None, b"", b"")},
    problems={"/etc/shadow": "denied"},
    directories=frozenset({"/sys/class/iommu"}),
    taken="2026-01-01T00:00:00Z",
)


@given(SNAPSHOTS)
def test_round_trip(snapshot: Snapshot) -> None:
    assert loads(dumps(snapshot)) == snapshot


def packed(header: Any, contents: bytes = b"") -> bytes:
    text = json.dumps(header).encode()
    return MAGIC + zlib.compress(struct.pack(">Q", len(text)) + text + contents)


def test_every_truncation_is_told() -> None:
    whole = dumps(SMALL)
    assert loads(whole) == SMALL
    for end in range(len(whole)):
        with pytest.raises(SnapshotError) as caught:
            loads(whole[:end])
        assert caught.value.code == "snapshot-cut"


def test_every_damaged_byte_is_told_or_harmless() -> None:
    whole = dumps(SMALL)
    for at in range(len(whole)):
        try:
            found = loads(whole[:at] + bytes([whole[at] ^ 0x55]) + whole[at + 1 :])
        except SnapshotError:
            continue
        assert found == SMALL  # zlib's own header has bits without meaning


@given(st.binary())
def test_foreign_bytes(data: bytes) -> None:
    with pytest.raises(SnapshotError):
        loads(data)
    with pytest.raises(SnapshotError):
        loads(MAGIC + data)
    with pytest.raises(SnapshotError):
        loads(MAGIC + zlib.compress(data))


def test_newer_version() -> None:
    with pytest.raises(SnapshotError) as caught:
        loads(b"lanewright/snapshot/2\nwhatever comes then")
    assert caught.value.code == "snapshot-newer"
    assert caught.value.details == {"found": "2"}


WHOLE: dict[str, Any] = {
    "taken": None,
    "origin": "node",
    "files": {"/etc": {"modules": 4}},
    "links": {},
    "directories": [],
    "commands": [],
    "problems": {},
}


@pytest.mark.parametrize(
    "changed",
    [
        {"files": {"/etc": {"modules": -1}}},
        {"files": {"/etc": {"modules": "4"}}},
        {"files": {"/etc": {"modules": 1 << 80}}},
        {"files": {"/etc": {"modules": 3}}},
        {"files": {"/etc": {"modules": 5}}},
        {"files": []},
        {"links": 7},
        {"links": {"/a": 7}},
        {"problems": {"/a": None}},
        {"stats": []},
        {"stats": {"/a": 7}},
        {"stats": {"/a": [7]}},
        {"stats": {"/a": [7, "8"]}},
        {"directories": [7]},
        {"directories": None},
        {"commands": [{"argv": ["x"], "exit": 0, "stdout": -3, "stderr": 3}]},
        {"commands": [{"argv": [1], "exit": 0, "stdout": 0, "stderr": 0}]},
        {"commands": [{"argv": ["x"], "exit": "no", "stdout": 0, "stderr": 0}]},
        {"taken": 5},
        {"origin": None},
    ],
)
def test_a_header_that_lies(changed: dict[str, Any]) -> None:
    assert loads(packed(WHOLE, b"vfio")).files == {"/etc/modules": b"vfio"}
    with pytest.raises(SnapshotError) as caught:
        loads(packed({**WHOLE, **changed}, b"vfio"))
    assert caught.value.code in ("snapshot-cut", "not-a-snapshot")


def test_a_file_from_before_there_were_stats() -> None:
    """WHOLE is such a file."""
    assert loads(packed(WHOLE, b"vfio")).stats == {}


def test_headers_nested_too_deep() -> None:
    text = b"[" * 200_000
    with pytest.raises(SnapshotError):
        loads(MAGIC + zlib.compress(struct.pack(">Q", len(text)) + text))


def test_a_bomb_is_not_unpacked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(file, "MAX_UNPACKED", 1 << 20)
    with pytest.raises(SnapshotError) as caught:
        loads(MAGIC + zlib.compress(bytes(64 << 20), 9))
    assert caught.value.details == {"found": "too large"}


def test_a_file_of_exactly_the_limit_opens(monkeypatch: pytest.MonkeyPatch) -> None:
    whole = dumps(SMALL)
    monkeypatch.setattr(file, "MAX_UNPACKED", len(zlib.decompress(whole[len(MAGIC) :])))
    assert loads(whole) == SMALL


def test_saved_whole_or_not_at_all(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "node.lanewright"
    file.save(path, SMALL)
    assert file.open_file(path) == SMALL

    def full(_snapshot: Snapshot) -> bytes:
        raise OSError("disk full")

    monkeypatch.setattr(file, "dumps", full)
    with pytest.raises(SnapshotError) as caught:
        file.save(path, Snapshot(files={}))
    assert (caught.value.code, caught.value.details["found"]) == ("file-unwritable", "disk full")
    assert file.open_file(path) == SMALL
    assert list(tmp_path.iterdir()) == [path]


def test_open_names_the_path(tmp_path: Path) -> None:
    with pytest.raises(SnapshotError) as caught:
        file.open_file(tmp_path / "absent")
    assert (caught.value.code, caught.value.details["path"]) == ("file-unreadable", str(tmp_path / "absent"))
    (tmp_path / "cut").write_bytes(dumps(SMALL)[:-9])
    with pytest.raises(SnapshotError) as caught:
        file.open_file(tmp_path / "cut")
    assert (caught.value.code, caught.value.details["path"]) == ("snapshot-cut", str(tmp_path / "cut"))
