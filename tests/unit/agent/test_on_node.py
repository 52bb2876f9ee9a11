"""The program itself, as a node runs it: a process of its own, started by what is sent over SSH."""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import select
import shutil
import signal
import stat
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import pytest

from backend.agent.protocol import Frame, FrameReader, bootstrap_argv, encode_request
from backend.agent.request import collect_request
from backend.snapshot import file
from backend.snapshot.readers import read_node

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="the program runs on Linux")

PCI = Path("/sys/bus/pci/devices")
GRUB = "/etc/default/grub"
CONF = "/etc/modprobe.d/x.conf"
STATE = "var/lib/lanewright"
OLD = b'GRUB_CMDLINE_LINUX_DEFAULT="quiet"\n'
NEW = b'GRUB_CMDLINE_LINUX_DEFAULT="quiet iommu=pt"\n'
Request = dict[str, Any]


def digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A node's files, with the shell's commands reachable below it."""
    for folder in ("etc/default", "etc/modprobe.d", "etc/modules-load.d", "usr/bin", "proc/sys/kernel/random"):
        (tmp_path / folder).mkdir(parents=True)
    (tmp_path / GRUB[1:]).write_bytes(OLD)
    (tmp_path / "proc/sys/kernel/random/boot_id").write_text("first-boot\n")
    return tmp_path


def script(root: Path, name: str, body: str) -> None:
    """A command of the node. Its shell sees the node's PATH alone: it uses built-ins, or absolute paths."""
    place = root / "usr/bin" / name
    place.write_text(f"#!/bin/sh\n{body}\n")
    place.chmod(0o755)


def carry_out(root: Path, steps: list[Request], push: Any = "push-1") -> Request:
    return {"verb": "carry-out", "push": push, "meta": {"who": "me@here"}, "steps": steps, "root": str(root)}


def ask(request: Request, *attachments: bytes) -> list[Frame]:
    """Run it to its end."""
    ran = subprocess.run(
        bootstrap_argv(root=True),
        input=encode_request(request, attachments),
        capture_output=True,
        timeout=90,
        check=False,
    )
    assert (ran.returncode, ran.stderr) == (0, b"")
    return list(FrameReader().feed(ran.stdout))


@contextmanager
def started(request: Request, *attachments: bytes) -> Iterator[subprocess.Popen[bytes]]:
    process = subprocess.Popen(
        bootstrap_argv(root=True),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    assert process.stdin is not None
    try:
        process.stdin.write(encode_request(request, attachments))
        process.stdin.close()
        yield process
    finally:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait(30)
        if process.stdout is not None:
            process.stdout.close()


def read_until(process: subprocess.Popen[bytes], wanted: bytes) -> None:
    """Until `wanted` was said; fails where it says nothing for a minute."""
    assert process.stdout is not None
    heard = b""
    while wanted not in heard:
        assert select.select([process.stdout], [], [], 60)[0], heard
        chunk = os.read(process.stdout.fileno(), 65536)
        assert chunk, heard
        heard += chunk


def steps_of(root: Path, push: str = "push-1") -> list[tuple[int, str]]:
    lines = (root / STATE / "pushes" / push / "journal.jsonl").read_bytes().splitlines()
    return [(e["step"], e["state"]) for e in map(json.loads, lines) if "step" in e]


def write(path: str, before: bytes | None, attachment: int = 0) -> Request:
    found = None if before is None else digest(before)
    return {"op": "write", "path": path, "before": found, "mode": 0o640, "attachment": attachment}


def run(*argv: str, timeout: float = 30) -> Request:
    return {"op": "run", "argv": list(argv), "timeout": timeout}


# ---------------------------------------------------------------------------------------------- collect


def test_this_machine() -> None:
    frames = ask(collect_request())
    assert [frame.type for frame in frames][-1] == "snapshot"
    told = [f.fields for f in frames if f.type == "progress"]
    assert {fields["total"] for fields in told} == {len(told)}
    assert max(fields["done"] for fields in told) == len(told)
    snapshot = file.loads(frames[-1].body)
    here = sorted(entry.name for entry in PCI.iterdir()) if PCI.is_dir() else []
    assert list(snapshot.listdir(str(PCI))) == here
    for name in here:
        for attribute in ("vendor", "device", "class"):
            assert snapshot.read(f"{PCI}/{name}/{attribute}") == (PCI / name / attribute).read_bytes()
    assert [str(f.address) for f in read_node(snapshot).functions] == here
    assert snapshot.text("/proc/sys/kernel/osrelease") == os.uname().release


def test_over_the_budget_is_told_and_the_rest_is_there(root: Path) -> None:
    (root / CONF[1:]).write_bytes(bytes(5000))
    request = {
        "verb": "collect",
        "max_bytes": 4096,
        "max_seconds": 30,
        "files": [{"glob": GRUB, "max": 4096}, {"glob": CONF, "max": 65536}],
        "root": str(root),
    }
    snapshot = file.loads(ask(request)[-1].body)
    assert dict(snapshot.files) == {GRUB: OLD}
    assert dict(snapshot.problems) == {CONF: "budget"}


def test_a_pipe_is_not_read(root: Path) -> None:
    os.mkfifo(root / CONF[1:])
    request = {
        "verb": "collect",
        "max_bytes": 4096,
        "max_seconds": 30,
        "files": [{"glob": CONF, "max": 64}],
        "root": str(root),
    }
    snapshot = file.loads(ask(request)[-1].body)
    assert dict(snapshot.problems) == {CONF: "failed"}


# -------------------------------------------------------------------------------------------- carry-out


def test_write_run_remove(root: Path) -> None:
    gone = root / "etc/modprobe.d/old.conf"
    gone.write_bytes(b"blacklist nouveau\n")
    (root / GRUB[1:]).chmod(0o600)
    script(root, "update-grub", 'echo "done in $LC_ALL"')
    removed = {"op": "remove", "path": "/etc/modprobe.d/old.conf", "before": digest(b"blacklist nouveau\n")}
    plan = [write(GRUB, OLD), write(CONF, None, 1), removed, run("update-grub")]
    frames = ask(carry_out(root, plan), NEW, b"options\n")
    assert frames[-1] == Frame("end", {"state": "done"})
    assert b"".join(f.body for f in frames if f.type == "output") == b"done in C\n"
    assert (root / GRUB[1:]).read_bytes() == NEW
    assert stat.S_IMODE((root / GRUB[1:]).stat().st_mode) == 0o600
    assert (root / CONF[1:]).read_bytes() == b"options\n"
    assert stat.S_IMODE((root / CONF[1:]).stat().st_mode) == 0o640
    assert not gone.exists()
    assert sorted(p.name for p in (root / "etc/modprobe.d").iterdir()) == ["x.conf"]  # nothing left behind
    assert steps_of(root) == [(n, state) for n in range(4) for state in ("started", "done")]


@pytest.mark.skipif(os.geteuid() != 0, reason="only root gives files away")
def test_owner_stays(root: Path) -> None:
    os.chown(root / GRUB[1:], 12, 34)
    ask(carry_out(root, [write(GRUB, OLD)]), NEW)
    now = (root / GRUB[1:]).stat()
    assert ((root / GRUB[1:]).read_bytes(), now.st_uid, now.st_gid) == (NEW, 12, 34)


def test_journal_and_originals_are_private(root: Path) -> None:
    ask(carry_out(root, [write(GRUB, OLD), write(CONF, None, 1)]), NEW, b"options\n")
    folder = root / STATE / "pushes/push-1"
    assert (folder / "originals/0").read_bytes() == OLD
    assert sorted(p.name for p in (folder / "originals").iterdir()) == ["0"]
    for private in (folder / "journal.jsonl", folder / "originals/0", root / STATE / "lock"):
        assert stat.S_IMODE(private.stat().st_mode) == 0o600
    for private in (root / STATE, folder / "originals"):
        assert stat.S_IMODE(private.stat().st_mode) & 0o077 == 0


def test_stale_is_refused_before_anything_is_written(root: Path) -> None:
    frames = ask(carry_out(root, [write(CONF, None), write(GRUB, b"as it was")]), NEW)
    assert frames == [Frame("refused", {"code": "stale", "path": GRUB})]
    assert (root / GRUB[1:]).read_bytes() == OLD
    assert not (root / CONF[1:]).exists()
    assert not (root / STATE / "pushes/push-1").exists()


def test_a_linked_file_is_written_through(root: Path) -> None:
    (root / "etc/modules").write_bytes(b"# old\n")
    link = root / "etc/modules-load.d/modules.conf"
    link.symlink_to("../modules")
    frames = ask(carry_out(root, [write("/etc/modules-load.d/modules.conf", b"# old\n")]), b"vfio\n")
    assert frames[-1].fields == {"state": "done"}
    assert link.readlink() == Path("../modules")
    assert (root / "etc/modules").read_bytes() == b"vfio\n"


def test_a_failing_command_stops_the_rest(root: Path) -> None:
    script(root, "update-grub", "echo no space left; echo really >&2; exit 3")
    frames = ask(carry_out(root, [write(GRUB, OLD), run("update-grub"), run("never")]), NEW)
    assert frames[-2].fields == {"index": 1, "state": "failed", "code": "exit", "exit": 3}
    assert frames[-1].fields == {"state": "failed"}
    assert b"".join(f.body for f in frames if f.type == "output") == b"no space left\nreally\n"
    assert steps_of(root) == [(0, "started"), (0, "done"), (1, "started"), (1, "failed")]


def test_a_command_out_of_time_is_ended(root: Path) -> None:
    script(root, "hang", "exec /bin/sleep 600")
    frames = ask(carry_out(root, [run("hang", timeout=0.2)]))
    assert frames[-2].fields == {"index": 0, "state": "failed", "code": "timeout"}


def test_killed_in_the_middle_then_taken_up_again(root: Path) -> None:
    script(root, "update-grub", f"echo working; test -e {root}/free || exec /bin/sleep 600")
    request = carry_out(root, [write(GRUB, OLD), run("update-grub"), write(CONF, None, 1)])
    with started(request, NEW, b"options\n") as process:
        read_until(process, b"working\n")
        held = json.loads((root / STATE / "lock").read_bytes())
        os.kill(held["pid"], signal.SIGKILL)
        assert process.wait(60) == 1
    assert steps_of(root) == [(0, "started"), (0, "done"), (1, "started")]
    assert not (root / CONF[1:]).exists()
    (root / "free").touch()
    frames = ask(request, NEW, b"options\n")
    told = [(f.fields["index"], f.fields["state"], f.fields.get("skipped")) for f in frames if f.type == "step"]
    assert told == [
        (0, "done", True),
        (1, "started", None),
        (1, "done", None),
        (2, "started", None),
        (2, "done", None),
    ]
    assert frames[-1].fields == {"state": "done"}
    assert (root / CONF[1:]).read_bytes() == b"options\n"
    assert (root / STATE / "pushes/push-1/originals/0").read_bytes() == OLD


def test_the_same_id_for_other_steps_is_refused(root: Path) -> None:
    ask(carry_out(root, [write(GRUB, OLD)]), NEW)
    frames = ask(carry_out(root, [write(CONF, None)]), b"options\n")
    assert frames == [Frame("refused", {"code": "another-push", "push": "push-1"})]
    assert not (root / CONF[1:]).exists()


def test_nobody_listens_any_more(root: Path) -> None:
    """The session ends, and with it the pipe; the steps go on."""
    go, over = root / "go", root / "over"
    os.mkfifo(go)
    os.mkfifo(over)
    script(root, "update-grub", f"echo working; read line < {go}; echo more; echo more")
    script(root, "finish", f"echo end > {over}")
    request = carry_out(root, [run("update-grub"), write(GRUB, OLD), run("finish")])
    with started(request, NEW) as process:
        read_until(process, b"working\n")
        assert process.stdout is not None
        process.stdout.close()
        os.killpg(process.pid, signal.SIGKILL)  # as sshd and sudo do with what hangs on the session
        process.wait(60)
        go.write_bytes(b"\n")
        assert over.read_bytes() == b"end\n"  # opens when the last step does: the steps before it are done
    assert (root / GRUB[1:]).read_bytes() == NEW
    with (root / STATE / "lock").open("rb") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # held until the journal is written
    assert steps_of(root)[-1] == (2, "done")


def test_locked_by_another_push(root: Path) -> None:
    script(root, "wait", "echo working; exec /bin/sleep 600")
    with started(carry_out(root, [run("wait")], push="first")) as process:
        read_until(process, b"working\n")
        held = json.loads((root / STATE / "lock").read_bytes())
        (refused,) = ask(carry_out(root, [write(GRUB, OLD)], push="second"), NEW)
        os.kill(held["pid"], signal.SIGKILL)
    assert refused.type == "refused"
    assert refused.fields.pop("age") >= 0
    assert refused.fields == {"code": "locked", "owner": "me@here", "push": "first"}
    assert (root / GRUB[1:]).read_bytes() == OLD


@pytest.mark.parametrize("push", ["", "../up", "a/b", "a b", "a\n", "x" * 101, "é", None, 7, ["a"]])
def test_ids_that_are_no_names(root: Path, push: Any) -> None:
    (refused,) = ask(carry_out(root, [write(GRUB, OLD)], push=push), NEW)
    assert (refused.type, refused.fields["code"]) == ("refused", "malformed")
    assert not (root / STATE).exists()
    assert (root / GRUB[1:]).read_bytes() == OLD


def test_a_request_cut_off_is_refused(root: Path) -> None:
    sent = encode_request(carry_out(root, [write(GRUB, OLD)]), [NEW])
    ran = subprocess.run(bootstrap_argv(root=True), input=sent[:-1], capture_output=True, timeout=60, check=True)
    assert list(FrameReader().feed(ran.stdout)) == [Frame("refused", {"code": "request-cut"})]
    assert (root / GRUB[1:]).read_bytes() == OLD


def test_reboot_is_ordered_after_the_journal(root: Path) -> None:
    journal = root / STATE / "pushes/push-1/journal.jsonl"
    cat = shutil.which("cat") or "/bin/cat"
    script(root, "systemctl", f'test "$1" = reboot && {cat} {journal} > {root}/seen')
    frames = ask(carry_out(root, [{"op": "reboot"}]))
    assert frames[-1].fields == {"state": "done"}
    last = json.loads((root / "seen").read_bytes().splitlines()[-1])
    assert (last["step"], last["state"], last["boot_id"]) == (0, "started", "first-boot")
