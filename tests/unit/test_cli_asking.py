"""Where the command line asks, is interrupted, or must not go on."""

from __future__ import annotations

import json
import signal
import socket
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import paramiko
import pytest

import backend.cli as cli
from backend.demo.machines import catalogue
from backend.demo.world import World
from backend.node.node import Node
from backend.plan.plan import Plan, WriteFile
from backend.progress import CancelToken
from backend.snapshot import file
from backend.snapshot.readers import read_node

PLAN = Plan("pve1", None, (), (WriteFile("/etc/modules", b"old\n", b"new\n"),), ())


class Opened:
    """An open node that has one plan, and remembers whether it was pushed."""

    name = "pve1"
    node = Node()

    def __init__(self) -> None:
        self.pushed: list[Plan] = []
        self.closed = False

    def plan(self, *_: object, **__: object) -> Plan:
        return PLAN

    rollback_plan = plan

    def push(self, plan: Plan, *, reboot: bool, token: CancelToken, report: object) -> SimpleNamespace:
        self.pushed.append(plan)
        return SimpleNamespace(push_id="1", rebooted=reboot, verdicts=(), differing=())

    def close(self) -> None:
        self.closed = True


@pytest.fixture
def opened(monkeypatch: pytest.MonkeyPatch) -> Opened:
    node = Opened()
    monkeypatch.setattr(cli, "open_live", lambda *_args: node)
    return node


def argv(command: str, tmp_path: Path, *more: str) -> list[str]:
    wanted = tmp_path / "wanted.toml"
    wanted.write_text('[[intent]]\nkind = "iommu-on"\n')
    return [command, "pve1", *(["--intents", str(wanted)] if command == "push" else []), *more]


class Terminal:
    def __init__(self, answer: str) -> None:
        self.answer = answer

    def isatty(self) -> bool:
        return True

    def readline(self) -> str:
        return self.answer


@pytest.mark.parametrize("command", ["push", "rollback"])
def test_nobody_to_ask_is_a_matter_of_usage(
    command: str, opened: Opened, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "stdin", SimpleNamespace(isatty=lambda: False))
    assert cli.main(argv(command, tmp_path)) == 2
    said = capsys.readouterr()
    assert "+new" in said.out  # the plan is shown all the same
    assert "--yes" in said.err
    assert opened.pushed == []
    assert opened.closed


@pytest.mark.parametrize(
    ("answer", "status", "pushes"), [("y\n", 0, 1), ("Yes\n", 0, 1), ("\n", 130, 0), ("n\n", 130, 0), ("", 130, 0)]
)
def test_answer_on_a_terminal(
    answer: str, status: int, pushes: int, opened: Opened, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "stdin", Terminal(answer))
    assert cli.main(argv("push", tmp_path)) == status
    assert len(opened.pushed) == pushes


def test_yes_asks_nothing(opened: Opened, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", None)
    assert cli.main(argv("push", tmp_path, "--yes")) == 0
    assert opened.pushed == [PLAN]


@pytest.mark.parametrize("more", [("--agent", "--identity", "key"), ("--agent", "--password-stdin")], ids=" ".join)
def test_ways_to_log_in_that_exclude_each_other(
    more: tuple[str, ...], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.main(["snapshot", "pve1", "-o", str(tmp_path / "out"), *more]) == 2
    assert "--agent" in capsys.readouterr().err


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no SIGINT for one process")
def test_interrupt_while_a_silent_server_is_waited_for(tmp_path: Path) -> None:
    paramiko.ECDSAKey.generate().write_private_key_file(str(tmp_path / "key"))
    with socket.create_server(("127.0.0.1", 0)) as server:
        command = [sys.executable, "-m", "backend.cli", "snapshot", f"127.0.0.1:{server.getsockname()[1]}"]
        command += ["--identity", str(tmp_path / "key"), "--known-hosts", str(tmp_path / "known")]
        process = subprocess.Popen(
            [*command, "-o", str(tmp_path / "out")], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )
        line, _ = server.accept()
        with line:
            line.recv(4)
            process.send_signal(signal.SIGINT)
            out, err = process.communicate(timeout=60)
    assert (process.returncode, out) == (130, "")
    assert "Stopped." in err
    assert "Traceback" not in err
    assert not (tmp_path / "out").exists()


def test_show_has_groups_drivers_and_slots(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "node.lwsnap"
    file.save(path, World(catalogue.small()).snapshot())
    assert cli.main(["show", str(path)]) == 0
    lines = capsys.readouterr().out.splitlines()
    node = read_node(file.open_file(path))
    for function in node.functions:
        row = next(line.split() for line in lines if line.startswith(str(function.address)))
        assert row[1] == function.ids
        assert row[2] == ("-" if function.group is None else str(function.group))
        assert (function.driver or "-") in row
    below = lines[next(at for at, line in enumerate(lines) if line.startswith("SLOT")) :]
    for slot in node.slots:
        assert any(line.startswith(slot.name) and (slot.address or "-") in line for line in below)


def test_plan_json_gives_addresses_and_ids_as_they_are_written(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "node.lwsnap"
    file.save(path, World(catalogue.small()).snapshot())
    node = read_node(file.open_file(path))
    address = next(f for f in node.functions if f.base_class == 3).address
    ids = [f.ids for f in node.card(address)]
    wanted = tmp_path / "wanted.toml"
    wanted.write_text(f'[[intent]]\nkind = "reserve-card"\naddress = "{address}"\nids = {json.dumps(ids)}\n')
    cli.main(["plan", str(path), "--intents", str(wanted), "--json"])
    shown = json.loads(capsys.readouterr().out)["intents"]
    assert shown == [{"kind": "reserve-card", "address": str(address), "ids": ids}]
