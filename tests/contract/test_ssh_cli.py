"""The command line and the workspace on this very machine, through a real OpenSSH server."""

from __future__ import annotations

import json
import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest
from sshd import Sshd, generate_key, public_key

from backend.cli import main
from backend.progress import CancelToken, Progress
from backend.remote.ssh import Credentials
from backend.workspace import open_file, open_live

pytestmark = [
    pytest.mark.skipif(sys.platform != "linux", reason="reads /sys"),
    pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() != 0, reason="without root it would need sudo -n"),
]


def login(sshd: Sshd) -> list[str]:
    return [str(sshd.target), "--identity", str(sshd.identity), "--known-hosts", str(sshd.known_hosts)]


def real_functions() -> set[str]:
    folder = Path("/sys/bus/pci/devices")
    return {path.name for path in folder.iterdir()} if folder.is_dir() else set()


def test_this_machine_is_read(sshd: Sshd, tmp_path: Path) -> None:
    seen: list[Progress] = []
    node = open_live(sshd.target, Credentials(sshd.identity), sshd.host_keys, CancelToken(), seen.append)
    try:
        assert node.live
        assert {str(f.address) for f in node.node.functions} == real_functions()
        assert node.node.kernel == os.uname().release
        assert seen[0].phase == "connect"
        node.save(tmp_path / "saved")
    finally:
        node.close()
    assert open_file(tmp_path / "saved").node == node.node


def test_snapshot_and_show(sshd: Sshd, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "node.lwsnap"
    assert main(["snapshot", *login(sshd), "-o", str(out)]) == 0
    assert stat.S_IMODE(out.stat().st_mode) == 0o600  # it holds files that only root may read
    assert main(["show", str(out), "--json"]) == 0
    said = capsys.readouterr()
    shown = json.loads(said.out)
    assert {f["address"] for f in shown["functions"]} == real_functions()
    assert said.err == ""  # progress is for terminals
    assert [path.name for path in tmp_path.iterdir() if path.name != "sshd"] == ["node.lwsnap"]


def test_password_for_an_encrypted_key_comes_from_stdin(sshd: Sshd, tmp_path: Path) -> None:
    locked = generate_key(tmp_path / "locked", "right-one")
    (sshd.folder / "authorized_keys").write_text(public_key(locked) + "\n")
    argv = [sys.executable, "-m", "backend.cli", "snapshot", str(sshd.target), "--identity", str(locked)]
    argv += ["--known-hosts", str(sshd.known_hosts), "-o", str(tmp_path / "out"), "--password-stdin"]
    wrong = subprocess.run(argv, input="wrong-one\n", capture_output=True, text=True, check=False)
    assert (wrong.returncode, wrong.stdout) == (3, "")
    assert "wrong-one" not in wrong.stderr
    assert not (tmp_path / "out").exists()
    right = subprocess.run(argv, input="right-one\n", capture_output=True, text=True, check=False)
    assert (right.returncode, right.stderr) == (0, "")


def test_unknown_host_key_is_accepted_by_its_print_alone(
    sshd: Sshd, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    known = tmp_path / "known"
    argv = ["snapshot", str(sshd.target), "--identity", str(sshd.identity), "--known-hosts", str(known)]
    argv += ["-o", str(tmp_path / "out")]
    assert main(argv) == 3
    said = capsys.readouterr().err
    shown = next(word for word in said.split() if word.startswith("SHA256:")).rstrip(".")
    assert main([*argv, "--accept-host-key", "SHA256:" + "A" * 43]) == 3
    assert not known.exists()
    assert not (tmp_path / "out").exists()
    assert main([*argv, "--accept-host-key", shown]) == 0
    assert known.exists()


def test_output_that_cannot_be_written(sshd: Sshd, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["snapshot", *login(sshd), "-o", str(tmp_path / "no" / "where")]) == 1
    said = capsys.readouterr().err
    assert "cannot be written" in said
    assert "Traceback" not in said


def test_refused_login(sshd: Sshd, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (sshd.folder / "authorized_keys").write_text("")
    assert main(["snapshot", *login(sshd), "-o", str(tmp_path / "out")]) == 3
    assert "refused the log-in" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


def test_redacted_snapshot_does_not_name_this_machine(sshd: Sshd, tmp_path: Path) -> None:
    assert main(["snapshot", *login(sshd), "-o", str(tmp_path / "plain")]) == 0
    assert main(["snapshot", *login(sshd), "-o", str(tmp_path / "redacted"), "--redact"]) == 0
    plain, redacted = open_file(tmp_path / "plain").node, open_file(tmp_path / "redacted").node
    assert plain.hostname
    assert redacted.hostname != plain.hostname
    assert [f.ids for f in redacted.functions] == [f.ids for f in plain.functions]
