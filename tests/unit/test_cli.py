"""The command line without a network: usage, texts, exit status, output."""

from __future__ import annotations

import ast
import json
import subprocess
import sys
from pathlib import Path

import pytest

import backend.cli as cli
from backend.cli_text import ERRORS, sentence
from backend.demo.machines import catalogue
from backend.demo.world import World
from backend.errors import (
    ConnectError,
    HostKeyChanged,
    IntentError,
    LanewrightError,
    LoginError,
    Refused,
    StalePlan,
    StepFailed,
)
from backend.node.as_json import node_json
from backend.progress import CancelToken
from backend.snapshot import file
from backend.snapshot.readers import read_node

BACKEND = Path(__file__).resolve().parents[2] / "backend"
OWN = {"error", "file-unwritable", "not-text", "not-confirmed", "no-secret", "cancelled"}
ERROR_NAMES = {
    name
    for name, value in vars(sys.modules["backend.errors"]).items()
    if isinstance(value, type) and issubclass(value, LanewrightError)
}


def codes() -> dict[str, str]:
    """Every code that backend raises, with where: the first argument of an error's call, and each class's own code."""
    found: dict[str, str] = {}
    for path in BACKEND.rglob("*.py"):
        if path.name == "on_node.py":
            continue  # its errors are its own: they come as `reason` of a StepFailed
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            where = f"{path.name}:{getattr(node, 'lineno', 0)}"
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in ERROR_NAMES:
                first = node.args[0] if node.args else None
                if isinstance(first, ast.Constant) and isinstance(first.value, str):
                    found[first.value] = where
            elif isinstance(node, ast.ClassDef) and node.name in ERROR_NAMES:
                for line in node.body:
                    if isinstance(line, ast.Assign) and isinstance(line.value, ast.Constant):
                        found[str(line.value.value)] = where
    return found


def test_every_code_has_a_sentence() -> None:
    found = codes()
    assert len(found) > 30  # the search itself works
    assert {code: where for code, where in found.items() if code not in ERRORS} == {}


def test_every_code_named_in_a_docstring_of_errors_has_a_sentence() -> None:
    tree = ast.parse((BACKEND / "errors.py").read_text(encoding="utf-8"))
    named: set[str] = set()
    for node in tree.body:
        text = ast.get_docstring(node) if isinstance(node, ast.ClassDef) else None
        if text and "Codes:" in text:
            named |= set(text.split("Codes:")[1].split("Details")[0].split('"')[1::2])
    assert "snapshot-cut" in named
    assert sorted(named - set(ERRORS)) == []


def test_sentences_say_what_to_do_and_lack_nothing() -> None:
    for code, text in ERRORS.items():
        assert code == "cancelled" or text.count(".") + text.count(":") >= 1, code
        said = sentence(LanewrightError(code))
        assert "{" not in said, code
        assert "\n" not in said, code


def test_refusal_of_a_port_and_of_a_plan_share_a_code_but_no_sentence() -> None:
    assert "sshd" in sentence(ConnectError("not-ssh", node="n"))
    assert sentence(ConnectError("refused", node="n")) != sentence(Refused(node="n", hazards="root"))


def test_unknown_code_is_told_with_its_details() -> None:
    said = sentence(LanewrightError("brand-new", path="/etc/x"))
    assert "brand-new" in said
    assert "/etc/x" in said


def test_text_of_a_node_moves_no_cursor() -> None:
    assert "\x1b" not in sentence(StepFailed(step="0", what="x", output="\x1b[2Jgone"))


@pytest.mark.parametrize(
    ("error", "status"),
    [
        (ConnectError("timeout"), 3),
        (HostKeyChanged(), 3),
        (LoginError("key-passphrase"), 3),
        (Refused("hazards"), 4),
        (StalePlan(), 4),
        (IntentError("intent-file"), 2),
        (StepFailed(), 1),
    ],
    ids=lambda value: getattr(value, "code", str(value)),
)
def test_exit_status(
    error: LanewrightError, status: int, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def fail(_path: Path) -> None:
        raise error

    monkeypatch.setattr(cli, "open_file", fail)
    assert cli.main(["show", "x"]) == status
    said = capsys.readouterr()
    assert said.out == ""
    assert said.err.startswith("lanewright-cli: ")


@pytest.mark.parametrize(
    "argv",
    [
        [],
        ["bogus"],
        ["show"],
        ["plan", "file"],
        ["snapshot", "host"],
        ["push", "ho st", "--intents", "x"],
        ["verify", "host:70000", "--intents", "x"],
        ["rollback"],
    ],
    ids=" ".join,
)
def test_usage(argv: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(argv) == 2
    assert "--help" in capsys.readouterr().err


def test_interrupt_and_own_errors_give_no_traceback(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def interrupt(_path: Path) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(cli, "open_file", interrupt)
    assert cli.main(["show", "x"]) == 130

    def stumble(_path: Path) -> None:
        raise ValueError("hush-hush")

    monkeypatch.setattr(cli, "open_file", stumble)
    assert cli.main(["show", "x"]) == 1
    said = capsys.readouterr().err
    assert "Traceback" not in said
    assert "hush-hush" not in said
    assert "ValueError" in said


@pytest.fixture(scope="module")
def snapshot(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("snapshot") / "node.lwsnap"
    file.save(path, World(catalogue.small()).snapshot())
    return path


def test_show_json_is_the_node(snapshot: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["show", str(snapshot), "--json"]) == 0
    expected = node_json(read_node(file.open_file(snapshot)))
    assert json.loads(capsys.readouterr().out) == json.loads(json.dumps(expected))


def test_show_names_every_function(snapshot: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["show", str(snapshot)]) == 0
    shown = capsys.readouterr().out
    for function in read_node(file.open_file(snapshot)).functions:
        assert str(function.address) in shown


def test_half_a_snapshot(snapshot: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    half = tmp_path / "half"
    half.write_bytes(snapshot.read_bytes()[:2000])
    assert cli.main(["show", str(half)]) == 1
    said = capsys.readouterr().err
    assert str(half) in said
    assert "ends in the middle" in said


def test_reader_that_has_enough(snapshot: Path) -> None:
    """A pipe whose reading end is closed: no traceback, also not at the interpreter's own end."""
    program = (
        "import os, sys\n"
        "read, write = os.pipe(); os.close(read); os.dup2(write, 1)\n"
        "from backend.cli import main\n"
        f"sys.exit(main(['show', {str(snapshot)!r}, '--json']))\n"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (141, "")


INTENTS = '[[intent]]\nkind = "iommu-on"\n'


def test_plan_json(snapshot: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    wanted = tmp_path / "wanted.toml"
    wanted.write_text(INTENTS)
    status = cli.main(["plan", str(snapshot), "--intents", str(wanted), "--json"])
    shown = json.loads(capsys.readouterr().out)
    assert shown["schema"] == "lanewright/plan/1"
    assert shown["intents"] == [{"kind": "iommu-on"}]
    assert status == (4 if shown["refused"] else 0)
    plan = cli.open_file(snapshot).plan(CancelToken(), intents=cli.loads(INTENTS))
    assert len(shown["steps"]) == len(plan.steps)
    assert shown["reboot"] == plan.reboots
    for step in shown["steps"]:
        assert {"write": "diff", "run": "argv", "reboot": "reasons"}[step["do"]] in step


@pytest.mark.parametrize("text", ['[[intent]]\nkind = "bogus"\n', "not toml", ""], ids=["kind", "syntax", "empty"])
def test_intents_that_cannot_be_read(
    text: str, snapshot: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    wanted = tmp_path / "wanted.toml"
    wanted.write_text(text)
    assert cli.main(["plan", str(snapshot), "--intents", str(wanted)]) == 2
    assert str(wanted) in capsys.readouterr().err
