"""lanewright-cli compare."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from backend.cli import main
from backend.demo.machines import catalogue
from backend.demo.world import World
from backend.snapshot import file

CARD = "0000:01:00.0"


@pytest.fixture
def pictures(tmp_path: Path) -> tuple[str, str]:
    """One machine, before a driver was taken off it, and after."""
    before, after = tmp_path / "before", tmp_path / "after"
    snapshot = World(catalogue.server()).snapshot()
    file.save(before, snapshot)
    links = {path: target for path, target in snapshot.links.items() if not path.endswith(f"{CARD}/driver")}
    assert len(links) < len(snapshot.links)
    file.save(after, replace(snapshot, links=links))
    return str(before), str(after)


def test_shown_under_their_device(pictures: tuple[str, str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["compare", *pictures]) == 1
    told = capsys.readouterr().out
    assert CARD in told
    assert "    driver: " in told
    assert "-> -" in told


def test_as_json(pictures: tuple[str, str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["compare", *pictures, "--json"]) == 1
    told = json.loads(capsys.readouterr().out)
    assert told["schema"] == "lanewright/comparison/1"
    (driver,) = (d for d in told["differences"] if d["what"] == "driver")
    assert driver["before"] == driver["after"] == CARD
    assert driver["now"] is None


def test_no_difference(pictures: tuple[str, str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["compare", pictures[0], pictures[0]]) == 0
    assert capsys.readouterr().out == "No difference.\n"
