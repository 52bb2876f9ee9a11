"""``lanewright-cli doctor``: findings, symptoms, the checklist; as text and as JSON; exit status."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

import backend.cli as cli
import backend.cli_doctor as cli_doctor
import backend.doctor.examine as examining
from backend.demo.machines import catalogue
from backend.demo.world import World
from backend.doctor.checklist import checklist
from backend.doctor.finding import Rule, Severity, Subject, Told
from backend.node.address import PciAddress
from backend.node.evidence import Evidence
from backend.node.node import Iommu, Node
from backend.plan.intents.iommu_on import IommuOn
from backend.snapshot import file
from resources.doctor import Sentences, sentences

ADDRESS = PciAddress.parse("0000:01:00.0")
FILE = Evidence("/etc/default/grub", 'GRUB_CMDLINE_LINUX_DEFAULT="quiet"', 6)
LOG = "noise\nkvm: vfio 0000:01:00.0: group 1 is not viable\n"
LOG += "Please ensure all devices within the iommu_group are bound to their vfio bus driver.\n"


def _grave(_node: Node) -> Iterator[Told]:
    yield Told((FILE,), ADDRESS, 101, {"what": "grub"}, IommuOn())


def _from_log(node: Node) -> Iterator[Told]:
    yield from (Told((line,)) for line in node.log if "not viable" in (line.text or ""))


GRAVE = Rule("test-grave", Severity.ERROR, Subject.KERNEL, _grave)
HEARD = Rule("group-member-on-host-driver", Severity.WARNING, Subject.GROUPS, _from_log)
WORDS = {
    "test-grave": Sentences(
        "The {what} is wrong", "It means something that takes more words to tell. " * 4, "Mend it."
    ),
    "group-member-on-host-driver": Sentences("A member is held", "Nothing starts.", "Take it."),
}


@pytest.fixture(scope="module")
def snapshot(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("snapshot") / "node.lwsnap"
    file.save(path, World(catalogue.workstation()).snapshot())
    return path


@pytest.fixture
def log(tmp_path: Path) -> Path:
    path = tmp_path / "task.log"
    path.write_bytes(LOG.encode() + b"\xff\n")  # a log may hold anything
    return path


@pytest.fixture
def rules(monkeypatch: pytest.MonkeyPatch) -> None:
    """Two rules in place of all."""
    both = (HEARD, GRAVE)
    monkeypatch.setattr(examining, "RULES", both)
    monkeypatch.setattr(cli_doctor, "RULES", both)
    monkeypatch.setattr(cli_doctor, "sentences", lambda: {**sentences(), **WORDS})
    monkeypatch.setenv("COLUMNS", "72")


def asked(capsys: pytest.CaptureFixture[str], *argv: object) -> tuple[int, str]:
    status = cli.main(["doctor", *map(str, argv)])
    said = capsys.readouterr()
    assert said.err == ""
    return status, said.out


@pytest.mark.usefixtures("rules")
def test_text(snapshot: Path, log: Path, capsys: pytest.CaptureFixture[str]) -> None:
    status, shown = asked(capsys, snapshot, "--log", log)
    assert status == 1
    assert shown.index("ERRORS (1)") < shown.index("WARNINGS (1)") < shown.index("IN THE LOGS (1)")
    assert "NOTES" not in shown
    for text in ("test-grave 0000:01:00.0 VM 101", "The grub is wrong", "Do: Mend it.", f"| {FILE.source}:6: "):
        assert text in shown
    assert "1. group-member-on-host-driver (this node shows it): A member is held" in " ".join(shown.split())
    ordinary = [line for line in shown.splitlines() if "/" not in line and "HOW FAR" not in line]
    assert max(map(len, ordinary)) <= 72
    assert max(map(len, ordinary)) > 60  # it is not narrower than it must be


@pytest.mark.usefixtures("rules")
def test_json(snapshot: Path, log: Path, capsys: pytest.CaptureFixture[str]) -> None:
    status, shown = asked(capsys, snapshot, "--log", log, "--json")
    told = json.loads(shown)
    assert status == 1
    assert told["schema"] == "lanewright/doctor/1"
    grave, heard = told["findings"]
    assert grave == {
        "code": "test-grave",
        "severity": "error",
        "subject": "kernel",
        "address": "0000:01:00.0",
        "vmid": 101,
        "title": "The grub is wrong",
        "means": WORDS["test-grave"].means,
        "do": "Mend it.",
        "evidence": [{"source": FILE.source, "line": 6, "text": FILE.text}],
        "remedy": {"kind": "iommu-on"},
    }
    assert (heard["severity"], heard["evidence"][0]["source"], heard["remedy"]) == ("warning", str(log), None)
    (symptom,) = told["symptoms"]
    assert (symptom["code"], symptom["address"], symptom["count"]) == ("symptom-group-not-viable", "0000:01:00.0", 2)
    assert [evidence["line"] for evidence in symptom["evidence"]] == [2, 3]
    assert (symptom["causes"][0]["code"], symptom["causes"][0]["fit"]) == ("group-member-on-host-driver", "seen")
    assert symptom["causes"][0]["findings"] == [1]
    assert {cause["fit"] for cause in symptom["causes"][1:]} == {"open"}  # its IOMMU is off: no groups to look at
    assert [step["code"] for step in told["checklist"]] == [step.code for step in checklist(Node(), ())]
    assert [step["state"] for step in told["checklist"] if 0 in step["findings"]] == ["todo"]


@pytest.mark.usefixtures("rules")
def test_rules(capsys: pytest.CaptureFixture[str]) -> None:
    status, shown = asked(capsys, "--rules", "--json")
    assert status == 0
    told = json.loads(shown)
    assert told["schema"] == "lanewright/doctor-rules/1"
    assert told["rules"][1] == {
        "code": "test-grave",
        "severity": "error",
        "subject": "kernel",
        "title": "The <what> is wrong",
    }
    status, shown = asked(capsys, "--rules")
    assert [line.split()[:2] for line in shown.splitlines()] == [[r.severity, r.code] for r in (HEARD, GRAVE)]


def test_every_rule_is_listed(capsys: pytest.CaptureFixture[str]) -> None:
    _, shown = asked(capsys, "--rules", "--json")
    assert [rule["code"] for rule in json.loads(shown)["rules"]] == [rule.code for rule in examining.RULES]


def test_no_finding_of_severity_error_is_no_failure(
    snapshot: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(examining, "RULES", ())
    status, shown = asked(capsys, snapshot)
    assert status == 0
    assert "Nothing found." in shown
    monkeypatch.setattr(examining, "RULES", (replace(GRAVE, severity=Severity.WARNING),))
    monkeypatch.setattr(cli_doctor, "sentences", lambda: {**sentences(), **WORDS})
    assert asked(capsys, snapshot)[0] == 0


@pytest.mark.usefixtures("rules")
def test_several_logs_are_told_apart(
    snapshot: Path, log: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    more = tmp_path / "journal"
    more.write_text("Jan 01 10:00:00 pve kernel: irq 16: nobody cared\n")
    _, shown = asked(capsys, snapshot, "--log", log, "--log", more, "--json")
    sources = {one["code"]: one["evidence"][0]["source"] for one in json.loads(shown)["symptoms"]}
    assert sources == {"symptom-group-not-viable": str(log), "symptom-irq-nobody-cared": str(more)}


@pytest.mark.parametrize(
    ("node", "lacking"),
    [
        (Node(), ("log", "files", "iommu")),
        (Node(log=(FILE,), files={"/etc/x": b""}, iommu=Iommu(active=False)), ()),
    ],
)
def test_what_was_not_looked_at_is_said(node: Node, lacking: tuple[str, ...]) -> None:
    answer = cli_doctor.ask(replace(node, problems=("/etc/fstab: denied",)), ())
    assert answer.lacking == lacking
    shown = cli_doctor.answer_text(answer, 80)
    told = shown.partition("NOT LOOKED AT")[2]
    assert "/etc/fstab: denied" in told
    assert ("There is no kernel log" in told) == ("log" in lacking)


def test_names_of_the_node_move_no_cursor(tmp_path: Path, capsys: pytest.CaptureFixture[str], snapshot: Path) -> None:
    path = tmp_path / "log"
    path.write_text("irq 16: nobody cared \x1b[2J\n")
    _, shown = asked(capsys, snapshot, "--log", path)
    assert "nobody cared" in shown
    assert "\x1b" not in shown


@pytest.mark.parametrize("argv", [[], ["--json"], ["file", "--rules"], ["file", "--bogus"]], ids=" ".join)
def test_usage_of_doctor(argv: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["doctor", *argv]) == 2
    assert "--help" in capsys.readouterr().err


def test_log_that_is_not_there(snapshot: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["doctor", str(snapshot), "--log", str(tmp_path / "none")]) == 1
    assert str(tmp_path / "none") in capsys.readouterr().err
