"""lanewright-cli groups."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from backend.cli import main
from backend.demo.machines import catalogue
from backend.demo.world import World
from backend.snapshot import file


@pytest.fixture
def workstation(tmp_path: Path) -> str:
    path = tmp_path / "pve1"
    file.save(path, World(catalogue.workstation()).snapshot())
    return str(path)


@pytest.fixture
def server(tmp_path: Path) -> str:
    path = tmp_path / "pve2"
    file.save(path, World(catalogue.server()).snapshot())
    return str(path)


def test_groups_are_expected_while_the_iommu_is_off(workstation: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["groups", workstation]) == 0
    told = capsys.readouterr().out
    assert "expected: 0000:00:01.0 0000:01:00.0 0000:01:00.1\n    0000:00:01.0 lets devices below it" in told


def test_the_kernels_groups_are_held_against_the_rules(server: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["groups", server]) == 0
    told = capsys.readouterr().out
    assert "group 23 (as the rules make it): 0000:04:00.0" in told
    assert "NOT" not in told


def test_what_if(workstation: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["groups", workstation, "--card", "01:00.0"]) == 0
    told = capsys.readouterr().out
    assert "with pcie_acs_override=downstream,multifunction: 0000:01:00.0 (not isolated: said, not so)" in told
    assert "behind port 0000:00:1c.0: 0000:01:00.0 0000:01:00.1 (addresses may change" in told


def test_as_json(workstation: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["groups", workstation, "--card", "0000:01:00.0", "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["schema"] == "lanewright/groups/1"
    (group,) = (g for g in told["predicted"] if "0000:01:00.0" in g["functions"])
    assert {reason["code"] for reason in group["reasons"]} == {"no-acs"}
    assert "request-redirect" in group["reasons"][0]["missing"]
    assert told["what_if"]["slots"]


@pytest.mark.parametrize(("card", "status"), [("0000:ff:00.0", 1), ("nonsense", 2)])
def test_a_card_that_is_not_there(workstation: str, card: str, status: int, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["groups", workstation, "--card", card]) == status
    assert capsys.readouterr().err
