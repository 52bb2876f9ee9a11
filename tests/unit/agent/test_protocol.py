"""What goes to the node and what comes back, however it is cut into pieces."""

from __future__ import annotations

import json
import shlex
import shutil
import subprocess
import sys
import zlib
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backend.agent.protocol import (
    FRAMES as FIRST_LINE,
)
from backend.agent.protocol import (
    Frame,
    FrameReader,
    bootstrap_argv,
    encode_request,
    explain_failure,
    source,
)
from backend.errors import NodeError

MAGIC = FIRST_LINE.rstrip(b"\n")

VALUES = st.none() | st.booleans() | st.integers() | st.text(max_size=8)
FIELDS = st.dictionaries(st.text(max_size=6).filter(lambda key: key not in ("type", "size")), VALUES, max_size=3)
FRAMES = st.lists(st.builds(Frame, st.text(max_size=8), FIELDS, st.binary(max_size=40)), max_size=6)
NOISE = st.lists(st.binary(max_size=30).filter(lambda line: b"\n" not in line and MAGIC not in line), max_size=4)
LINUX = pytest.mark.skipif(sys.platform != "linux", reason="the shells of a node")


def stream(frames: list[Frame], noise: list[bytes] | None = None) -> bytes:
    parts = [line + b"\n" for line in (*(noise or ()), MAGIC)]
    for frame in frames:
        head = {**frame.fields, "type": frame.type, "size": len(frame.body)}
        parts += [json.dumps(head).encode() + b"\n", frame.body]
    return b"".join(parts)


@given(FRAMES, NOISE, st.data())
def test_frames_in_pieces(frames: list[Frame], noise: list[bytes], data: st.DataObject) -> None:
    sent = stream(frames, noise)
    cuts = data.draw(st.lists(st.integers(0, len(sent)), max_size=8))
    reader = FrameReader()
    found = [frame for start, end in pairwise(sorted([0, *cuts, len(sent)])) for frame in reader.feed(sent[start:end])]
    assert found == frames


@given(FRAMES, NOISE)
def test_frames_byte_by_byte(frames: list[Frame], noise: list[bytes]) -> None:
    reader = FrameReader()
    sent = stream(frames, noise)
    assert [frame for at in range(len(sent)) for frame in reader.feed(sent[at : at + 1])] == frames


def test_a_body_may_look_like_frames() -> None:
    inner = stream([Frame("end", {}, b"")])
    assert list(FrameReader().feed(stream([Frame("output", {"index": 0}, inner)]))) == [
        Frame("output", {"index": 0}, inner)
    ]


def test_a_login_banner_with_carriage_returns() -> None:
    sent = b"Linux pve 6.8\r\n\r\nYou have mail.\r\n" + MAGIC + b"\n"
    assert list(FrameReader().feed(sent + b'{"type": "end", "size": 0}\n')) == [Frame("end", {})]


@pytest.mark.parametrize(
    "line",
    [
        b"Killed",
        b"[]",
        b"{}",
        b"null",
        b'{"type": "x"}',
        b'{"size": 0}',
        b'{"type": 1, "size": 0}',
        b'{"type": "x", "size": -1}',
        b'{"type": "x", "size": 1.5}',
        b'{"type": "x", "size": true}',
        b'{"type": "x", "size": 1099511627776}',
        b"\xff\xfe\x00",
        b"[" * 100_000,
    ],
)
def test_garbage_after_the_first_line(line: bytes) -> None:
    with pytest.raises(NodeError) as caught:
        list(FrameReader().feed(MAGIC + b"\n" + line + b"\n"))
    assert caught.value.code == "agent-garbled"


def test_noise_without_end() -> None:
    reader = FrameReader()
    with pytest.raises(NodeError) as caught:
        for _ in range(10_000):
            list(reader.feed(b"this menu has no way out\n"))
    assert caught.value.code == "agent-garbled"


def test_a_line_without_end() -> None:
    reader = FrameReader()
    with pytest.raises(NodeError) as caught:
        for _ in range(100):
            list(reader.feed(bytes(65536)))
    assert caught.value.code == "agent-garbled"


def test_what_is_sent() -> None:
    sent = encode_request({"verb": "collect", "who": "Jürgen"}, [b"one\n", b"", b"three"])
    program, rest = sent[: len(source())], sent[len(source()) :]
    compile(zlib.decompress(program), "on_node.py", "exec")
    line, _, attached = rest.partition(b"\n")
    assert json.loads(line) == {"verb": "collect", "who": "Jürgen", "attachments": [4, 0, 5]}
    assert attached == b"one\nthree"


# ----------------------------------------------------------------------- why nothing came, from real shells


def shell(command: str, path: Path, name: str = "sh") -> NodeError:
    """As sshd does it: the login shell with -c and a line, and no answer in frames."""
    program = shutil.which(name)
    if program is None:
        pytest.skip(f"no {name} here")
    ran = subprocess.run(
        [program, "-c", command],
        input=encode_request({"verb": "collect"}),
        capture_output=True,
        env={"PATH": str(path), "LC_ALL": "C"},
        timeout=60,
        check=False,
    )
    assert ran.returncode != 0
    return explain_failure(ran.returncode, ran.stderr)


def stand_in(folder: Path, name: str, body: str) -> None:
    place = folder / name
    place.write_text(f"#!/bin/sh\n{body}\n")
    place.chmod(0o755)


@LINUX
@pytest.mark.parametrize("name", ["sh", "dash", "bash", "zsh"])
def test_no_python(tmp_path: Path, name: str) -> None:
    assert shell(shlex.join(bootstrap_argv(root=True)), tmp_path, name).code == "no-python"


@LINUX
@pytest.mark.parametrize("name", ["sh", "dash", "bash", "zsh"])
def test_no_sudo(tmp_path: Path, name: str) -> None:
    assert shell(shlex.join(bootstrap_argv(root=False)), tmp_path, name).code == "no-root"


@LINUX
@pytest.mark.parametrize(
    ("said", "status", "code"),
    [
        ("sudo: a password is required", 1, "no-root"),
        ("sudo: I'm sorry admin. I'm afraid I can't do that", 1, "no-root"),
        ("admin is not in the sudoers file.", 1, "no-root"),
        ("sudo: python3: command not found", 1, "no-python"),
    ],
)
def test_sudo_that_refuses(tmp_path: Path, said: str, status: int, code: str) -> None:
    stand_in(tmp_path, "sudo", f"echo {shlex.quote(said)} >&2; exit {status}")
    error = shell(shlex.join(bootstrap_argv(root=False)), tmp_path)
    assert (error.code, error.details["found"]) == (code, said)


@LINUX
def test_a_python_that_breaks(tmp_path: Path) -> None:
    stand_in(tmp_path, "python3", "echo 'Fatal Python error: init_fs_encoding' >&2; exit 1")
    error = shell(shlex.join(bootstrap_argv(root=True)), tmp_path)
    assert error.code == "agent-failed"
    assert error.details == {"found": "Fatal Python error: init_fs_encoding", "status": "1"}


def test_ended_by_a_signal() -> None:
    error = explain_failure(None, b"")
    assert (error.code, error.details) == ("agent-failed", {"found": "", "status": ""})


def test_a_login_that_is_not_allowed_a_command() -> None:
    error = explain_failure(1, b"This account is currently not available.\n")
    assert (error.code, error.details["found"]) == (
        "agent-failed",
        "This account is currently not available.",
    )
