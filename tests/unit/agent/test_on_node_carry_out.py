"""Carrying out, for real, below a folder that stands for a node's root."""

from __future__ import annotations

import hashlib
import json
import os
import select
import signal
import stat
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from backend.agent.protocol import Frame, FrameReader, bootstrap_argv, encode_request

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="the program runs on Linux only")

ID = "2026-10-01-a1"


def sha(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


class Machine:
    """A folder that stands for a node, and pushes to it."""

    def __init__(self, root: Path) -> None:
        self.root = root
        for folder in ("etc", "usr/sbin", "var/lib"):
            (root / folder).mkdir(parents=True)
        self.boot("boot-1")

    def boot(self, boot_id: str) -> None:
        self.file("/proc/sys/kernel/random/boot_id", f"{boot_id}\n".encode())

    def file(self, path: str, content: bytes, mode: int = 0o644) -> Path:
        place = self.root / path[1:]
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_bytes(content)
        place.chmod(mode)
        return place

    def read(self, path: str) -> bytes:
        return (self.root / path[1:]).read_bytes()

    def command(self, name: str, script: str) -> None:
        self.file(f"/usr/sbin/{name}", f"#!/bin/sh\nPATH=/usr/bin:/bin\n{script}\n".encode(), 0o755)

    def fifo(self, name: str) -> Path:
        os.mkfifo(self.root / name)
        return self.root / name

    def request(self, steps: list[dict[str, Any]], *attachments: bytes, push: str = ID, who: str = "ann") -> bytes:
        request = {"verb": "carry-out", "push": push, "meta": {"who": who}, "steps": steps, "root": str(self.root)}
        return encode_request(request, attachments)

    def start(self, stdin: bytes) -> subprocess.Popen[bytes]:
        process = subprocess.Popen(
            bootstrap_argv(True), stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE
        )
        assert process.stdin is not None
        process.stdin.write(stdin)
        process.stdin.close()
        process.stdin = None  # communicate() would flush it
        return process

    def push(self, steps: list[dict[str, Any]], *attachments: bytes, **more: str) -> list[Frame]:
        done = subprocess.run(
            bootstrap_argv(True),
            input=self.request(steps, *attachments, **more),
            capture_output=True,
            check=True,
            timeout=60,
        )
        assert done.stderr == b""
        return list(FrameReader().feed(done.stdout))

    @property
    def folder(self) -> Path:
        return self.root / "var/lib/lanewright/pushes" / ID

    def journal(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in (self.folder / "journal.jsonl").read_bytes().splitlines()]

    def states(self) -> list[tuple[Any, str]]:
        return [(line.get("step"), line["state"]) for line in self.journal()]


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    return Machine(tmp_path / "node")


def write_step(path: str, before: bytes | None, attachment: int = 0, mode: int = 0o644) -> dict[str, Any]:
    digest = None if before is None else sha(before)
    return {"op": "write", "path": path, "before": digest, "mode": mode, "attachment": attachment}


def run_step(*argv: str, timeout: float = 30) -> dict[str, Any]:
    return {"op": "run", "argv": argv, "timeout": timeout}


def seen(frames: list[Frame]) -> list[tuple[Any, ...]]:
    return [
        (frame.fields["index"], frame.fields["state"]) if frame.type == "step" else (frame.type, *_outcome(frame))
        for frame in frames
        if frame.type != "output"
    ]


def _outcome(frame: Frame) -> tuple[Any, ...]:
    return (frame.fields.get("state", frame.fields.get("code")),)


def frames_of(process: subprocess.Popen[bytes]) -> Iterator[Frame]:
    assert process.stdout is not None
    reader = FrameReader()
    while chunk := os.read(process.stdout.fileno(), 65536):
        yield from reader.feed(chunk)


def finish(process: subprocess.Popen[bytes]) -> None:
    """What was started has ended too, and its pipes are closed."""
    process.wait(30)
    for pipe in (process.stdout, process.stderr):
        assert pipe is not None
        pipe.close()


def wait_gone(fd: int) -> None:
    """Until the process behind this pidfd has ended."""
    assert select.select([fd], [], [], 30)[0], "still running"
    os.close(fd)


def holder(machine: Machine) -> int:
    """A pidfd of the process that does the steps: it says who it is in the lock."""
    return os.pidfd_open(json.loads((machine.root / "var/lib/lanewright/lock").read_text())["pid"])


def test_write_create_remove_and_run(machine: Machine) -> None:
    old = machine.file("/etc/old", b"one\n", 0o640)
    os.utime(old, ns=(5, 1_700_000_000_123_456_789))
    machine.file("/etc/gone", b"bye\n", 0o600)
    machine.command("update-grub", 'echo "$LC_ALL $1"; echo oops >&2')
    steps = [
        write_step("/etc/old", b"one\n"),
        write_step("/etc/new", None, 1, 0o600),
        {"op": "remove", "path": "/etc/gone", "before": sha(b"bye\n")},
        run_step("update-grub", "a b"),
    ]
    frames = machine.push(steps, b"two\n", b"new\n")
    done = [(i, state) for i in range(4) for state in ("started", "done")]
    assert seen(frames) == [*done, ("end", "done")]
    assert b"".join(frame.body for frame in frames if frame.type == "output") == b"C a b\noops\n"
    assert machine.read("/etc/old") == b"two\n"
    assert stat.S_IMODE(old.stat().st_mode) == 0o640
    assert machine.read("/etc/new") == b"new\n"
    assert stat.S_IMODE((machine.root / "etc/new").stat().st_mode) == 0o600
    assert sorted(p.name for p in (machine.root / "etc").iterdir()) == ["new", "old"]

    assert (machine.folder / "originals/0").read_bytes() == b"one\n"
    assert (machine.folder / "originals/2").read_bytes() == b"bye\n"
    begun, started, *rest = machine.journal()
    assert begun["meta"] == {"who": "ann"}
    assert begun["boot_id"] == "boot-1"
    assert begun["steps"][0] == {
        "op": "write",
        "path": "/etc/old",
        "before": sha(b"one\n"),
        "after": sha(b"two\n"),
        "mode": 0o644,
    }
    assert started["mode"] == 0o640
    assert started["original"] == "originals/0"
    assert started["mtime_ns"] == 1_700_000_000_123_456_789
    assert (started["uid"], started["gid"]) == (old.stat().st_uid, old.stat().st_gid)
    assert rest[-2]["output"] == "C a b\noops\n"
    assert rest[-1]["state"] == "done"
    for path, mode in (
        (machine.folder, 0o700),
        (machine.folder / "originals", 0o700),
        (machine.folder / "journal.jsonl", 0o600),
        (machine.folder / "originals/0", 0o600),
    ):
        assert stat.S_IMODE(path.stat().st_mode) == mode, path


@pytest.mark.skipif(os.geteuid() != 0, reason="only root gives files away")
def test_the_owner_stays(machine: Machine) -> None:
    old = machine.file("/etc/old", b"1")
    os.chown(old, 12, 34)
    machine.push([write_step("/etc/old", b"1")], b"2")
    assert (old.read_bytes(), old.stat().st_uid, old.stat().st_gid) == (b"2", 12, 34)


@pytest.mark.parametrize(("before", "there"), [(b"x", b"y"), (None, b"y"), (b"x", None)])
def test_a_stale_digest_stops_all_before_the_first_write(
    machine: Machine, before: bytes | None, there: bytes | None
) -> None:
    machine.file("/etc/first", b"1")
    if there is not None:
        machine.file("/etc/second", there)
    frames = machine.push([write_step("/etc/first", b"1"), write_step("/etc/second", before)], b"new")
    assert [(f.type, f.fields) for f in frames] == [("refused", {"code": "stale", "path": "/etc/second"})]
    assert machine.read("/etc/first") == b"1"
    assert not machine.folder.exists()


def test_a_link_is_written_through(machine: Machine) -> None:
    machine.file("/usr/share/real", b"1", 0o604)
    (machine.root / "etc/link").symlink_to("/usr/share/real")
    frames = machine.push([write_step("/etc/link", b"1")], b"2")
    assert seen(frames)[-1] == ("end", "done")
    assert (machine.root / "etc/link").is_symlink()
    assert machine.read("/usr/share/real") == b"2"
    assert stat.S_IMODE((machine.root / "usr/share/real").stat().st_mode) == 0o604
    assert machine.journal()[1]["real"] == "/usr/share/real"


@pytest.mark.parametrize(
    ("steps", "code"),
    [
        ([write_step("/etc", None)], "not-a-file"),
        ([write_step("/etc/none/x", None)], "no-directory"),
        ([write_step("etc/x", None)], "malformed"),
        ([write_step("/etc/../x", None)], "malformed"),
        ([write_step("/etc/x", None, 7)], "malformed"),
        ([{"op": "write"}], "malformed"),
        ([{"op": "dance"}], "malformed"),
        ([{"op": "reboot"}, run_step("true")], "malformed"),
        ([run_step()], "malformed"),
    ],
)
def test_what_cannot_be_done_is_refused(machine: Machine, steps: list[dict[str, Any]], code: str) -> None:
    frames = machine.push(steps, b"x")
    assert seen(frames) == [("refused", code)]
    assert not machine.folder.exists()


@pytest.mark.parametrize("push", ["", "../x", "a/b", "a b", "a\n"])
def test_a_push_id_is_a_plain_name(machine: Machine, push: str) -> None:
    assert seen(machine.push([], push=push)) == [("refused", "malformed")]


def test_half_a_request_does_nothing(machine: Machine) -> None:
    whole = machine.request([write_step("/etc/new", None)], b"content")
    done = subprocess.run(bootstrap_argv(True), input=whole[:-1], capture_output=True, check=True, timeout=60)
    assert seen(list(FrameReader().feed(done.stdout))) == [("refused", "request-cut")]
    assert not (machine.root / "etc/new").exists()


@pytest.mark.parametrize(
    ("script", "step", "code", "output"),
    [
        ("echo no; exit 3", run_step("tool"), "exit", "no\n"),
        ("echo slow; cat /dev/zero >/dev/null", run_step("tool", timeout=0.5), "timeout", "slow\n"),
        ("", run_step("no-such-tool"), "os-error", None),
    ],
)
def test_a_failing_step_stops_the_push(
    machine: Machine, script: str, step: dict[str, Any], code: str, output: str | None
) -> None:
    machine.command("tool", script)
    machine.file("/etc/later", b"1")
    frames = machine.push([step, write_step("/etc/later", b"1")], b"2")
    assert seen(frames) == [(0, "started"), (0, "failed"), ("end", "failed")]
    assert machine.read("/etc/later") == b"1"
    failed = machine.journal()[2]
    assert (failed["code"], failed.get("output")) == (code, output)
    assert machine.states()[-1] == (None, "failed")


def test_what_failed_is_tried_again(machine: Machine) -> None:
    machine.file("/etc/a", b"1")
    machine.command("tool", 'test -e "$LANEWRIGHT_ROOT/etc/ready"')
    steps = [write_step("/etc/a", b"1"), run_step("tool")]
    assert seen(machine.push(steps, b"2"))[-1] == ("end", "failed")
    machine.file("/etc/ready", b"")
    assert seen(machine.push(steps, b"2")) == [(0, "done"), (1, "started"), (1, "done"), ("end", "done")]


def test_the_journal_keeps_the_end_of_long_output(machine: Machine) -> None:
    machine.command("talk", "head -c 200000 /dev/zero | tr '\\0' x; echo end")
    frames = machine.push([run_step("talk")])
    assert sum(len(frame.body) for frame in frames if frame.type == "output") == 200_004
    output = machine.journal()[2]["output"]
    assert len(output) == 65536
    assert output.endswith("xend\n")


def test_a_second_push_meanwhile_is_told_who_holds_the_lock(machine: Machine) -> None:
    gate = machine.fifo("gate")
    machine.command("wait", 'read x < "$LANEWRIGHT_ROOT/gate"')
    first = machine.start(machine.request([run_step("wait")], who="ann"))
    frames = frames_of(first)
    assert next(frames).fields["state"] == "started"
    (refused,) = machine.push([], push="other", who="bob")
    assert (refused.type, refused.fields["code"]) == ("refused", "locked")
    assert (refused.fields["owner"], refused.fields["push"]) == ("ann", ID)
    assert refused.fields["age"] >= 0
    gate.write_text("go\n")
    assert seen(list(frames)) == [(0, "done"), ("end", "done")]
    finish(first)
    assert seen(machine.push([], push="other")) == [("end", "done")]


@pytest.mark.parametrize("how", ["pipe", "hangup", "kill"])
def test_a_lost_connection_does_not_stop_it(machine: Machine, how: str) -> None:
    """The pipe breaks; or what sshd started is hung up or killed together with its process group."""
    gate = machine.fifo("gate")
    machine.command("wait", 'read x < "$LANEWRIGHT_ROOT/gate"; head -c 300000 /dev/zero')
    process = machine.start(machine.request([run_step("wait"), write_step("/etc/new", None)], b"new"))
    assert next(frames_of(process)).fields["state"] == "started"
    child = holder(machine)
    assert process.stdout is not None
    process.stdout.close()
    if how != "pipe":
        process.send_signal(signal.SIGHUP if how == "hangup" else signal.SIGKILL)
        signal.pidfd_send_signal(child, signal.SIGHUP)
    gate.write_text("go\n")
    wait_gone(child)
    finish(process)
    assert machine.read("/etc/new") == b"new"
    assert machine.states()[-1] == (None, "done")


def test_killed_in_the_middle_it_goes_on_where_it_was(machine: Machine) -> None:
    machine.file("/etc/a", b"1")
    machine.file("/etc/b", b"1")
    machine.fifo("gate")
    machine.command("wait", 'echo up; read x < "$LANEWRIGHT_ROOT/gate"')
    steps = [write_step("/etc/a", b"1"), run_step("wait"), write_step("/etc/b", b"1")]
    process = machine.start(machine.request(steps, b"2"))
    frames = frames_of(process)
    assert [next(frames).fields["state"] for _ in range(3)] == ["started", "done", "started"]
    assert next(frames).body == b"up\n"  # the command runs: it will be left behind at the gate
    child = holder(machine)
    signal.pidfd_send_signal(child, signal.SIGKILL)
    wait_gone(child)
    finish(process)
    (machine.root / "gate").write_text("go\n")  # let the orphaned step end: it, too, waits at the gate
    machine.command("wait", "exit 0")
    with (machine.folder / "journal.jsonl").open("ab") as journal:
        journal.write(b'{"step": 1, "sta')  # as a power cut leaves it
    assert seen(machine.push(steps, b"2")) == [
        (0, "done"),
        (1, "started"),
        (1, "done"),
        (2, "started"),
        (2, "done"),
        ("end", "done"),
    ]
    assert machine.read("/etc/b") == b"2"
    assert (machine.folder / "originals/0").read_bytes() == b"1"


def begun_but_not_done(machine: Machine) -> None:
    """The journal as it is when the machine went down within the first step."""
    lines = (machine.folder / "journal.jsonl").read_bytes().splitlines(keepends=True)
    (machine.folder / "journal.jsonl").write_bytes(b"".join(lines[:2]))


def test_a_started_write_that_took_place_is_found(machine: Machine) -> None:
    machine.file("/etc/a", b"1")
    steps = [write_step("/etc/a", b"1")]
    machine.push(steps, b"2")
    begun_but_not_done(machine)
    assert seen(machine.push(steps, b"2")) == [(0, "done"), ("end", "done")]
    assert (machine.folder / "originals/0").read_bytes() == b"1"
    assert machine.read("/etc/a") == b"2"


def test_a_started_write_that_did_not_take_place_is_done(machine: Machine) -> None:
    machine.file("/etc/a", b"1")
    steps = [write_step("/etc/a", b"1")]
    machine.push(steps, b"2")
    begun_but_not_done(machine)
    machine.file("/etc/a", b"1")
    machine.file(f"/etc/.a.lanewright-{ID}", b"half")
    assert seen(machine.push(steps, b"2")) == [(0, "started"), (0, "done"), ("end", "done")]
    assert machine.read("/etc/a") == b"2"
    assert [p.name for p in (machine.root / "etc").iterdir()] == ["a"]


def test_changed_by_somebody_else_since(machine: Machine) -> None:
    machine.file("/etc/a", b"1")
    steps = [write_step("/etc/a", b"1"), run_step("true")]
    machine.push(steps, b"2")
    machine.file("/etc/a", b"3")
    assert seen(machine.push(steps, b"2")) == [("refused", "stale")]
    begun_but_not_done(machine)
    assert seen(machine.push(steps, b"2")) == [("refused", "stale")]
    assert machine.read("/etc/a") == b"3"


def test_one_id_is_one_push(machine: Machine) -> None:
    machine.push([write_step("/etc/a", None)], b"1")
    assert seen(machine.push([write_step("/etc/a", None)], b"2")) == [("refused", "another-push")]


def test_two_writes_of_one_file(machine: Machine) -> None:
    steps = [write_step("/etc/a", None), write_step("/etc/a", b"1", 1)]
    assert seen(machine.push(steps, b"1", b"2"))[-1] == ("end", "done")
    assert machine.read("/etc/a") == b"2"
    assert seen(machine.push(steps, b"1", b"2")) == [(0, "done"), (1, "done"), ("end", "done")]


def test_reboot(machine: Machine) -> None:
    machine.command("systemctl", 'echo "$@" > "$LANEWRIGHT_ROOT/asked"')
    assert seen(machine.push([{"op": "reboot"}])) == [(0, "started"), (0, "done"), ("end", "done")]
    assert machine.read("/asked") == b"reboot\n"
    assert machine.journal()[1]["boot_id"] == "boot-1"


def test_a_reboot_that_is_refused(machine: Machine) -> None:
    machine.command("systemctl", "echo inhibited >&2; exit 1")
    *_, failed, end = machine.push([{"op": "reboot"}])
    assert (failed.fields["code"], failed.fields["exit"], end.fields["state"]) == ("exit", 1, "failed")
    assert machine.journal()[-2]["output"] == "inhibited\n"


def test_a_reboot_that_cut_its_own_journal_short(machine: Machine) -> None:
    machine.command("systemctl", 'echo x >> "$LANEWRIGHT_ROOT/asked"')
    machine.push([{"op": "reboot"}])
    begun_but_not_done(machine)
    assert seen(machine.push([{"op": "reboot"}])) == [(0, "started"), (0, "done"), ("end", "done")]
    assert machine.read("/asked") == b"x\nx\n"
    begun_but_not_done(machine)
    machine.boot("boot-2")
    assert seen(machine.push([{"op": "reboot"}])) == [(0, "done"), ("end", "done")]
    assert machine.read("/asked") == b"x\nx\n"


def test_a_step_left_in_the_background_does_not_hold_it_up(machine: Machine) -> None:
    machine.fifo("gate")
    machine.command("daemon", '(read x < "$LANEWRIGHT_ROOT/gate") & echo started')
    assert seen(machine.push([run_step("daemon")]))[-1] == ("end", "done")
    (machine.root / "gate").write_text("go\n")
