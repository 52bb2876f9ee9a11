"""The command line on the demo's nodes, over real SSH: there, looked at, and back."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from backend.cli import main
from backend.demo.cluster import DemoCluster, DemoNode

CARD = "0000:01:00.0"
INTENTS = f'[[intent]]\nkind = "iommu-on"\n\n[[intent]]\nkind = "reserve-card"\naddress = "{CARD}"\n'


@pytest.fixture(scope="module")
def demo() -> Iterator[DemoCluster]:
    with DemoCluster(boot_seconds=0.2) as cluster:
        yield cluster


@pytest.fixture
def node(demo: DemoCluster) -> DemoNode:
    return next(node for node in demo.nodes if node.name == "pve1")


def reach(node: DemoNode, folder: Path) -> list[str]:
    place = f"{node.user}@{node.host}:{node.port}"
    known = str(folder / "known_hosts")
    return [place, "--identity", str(node.identity), "--known-hosts", known, "--accept-host-key", node.fingerprint]


def test_push_verify_rollback(node: DemoNode, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    wanted = tmp_path / "intents.toml"
    wanted.write_text(INTENTS, encoding="utf-8")
    where = reach(node, tmp_path)
    assert main(["verify", *where, "--intents", str(wanted)]) == 1
    assert "DOES NOT HOLD" in capsys.readouterr().out

    assert main(["push", *where, "--intents", str(wanted), "--yes", "--reboot"]) == 0
    said = capsys.readouterr().out
    assert "+++ /etc/default/grub" in said
    assert said.count(": holds") == 2
    assert main(["verify", *where, "--intents", str(wanted)]) == 0
    capsys.readouterr()

    before, after = tmp_path / "pushed.snapshot", tmp_path / "back.snapshot"
    assert main(["snapshot", *where, "-o", str(before)]) == 0
    assert main(["rollback", *where, "--yes", "--reboot"]) == 0
    assert main(["snapshot", *where, "-o", str(after)]) == 0
    capsys.readouterr()
    drivers = []
    for file in (before, after):
        assert main(["show", str(file), "--json"]) == 0
        shown = json.loads(capsys.readouterr().out)
        drivers.append(next(f["driver"] for f in shown["functions"] if f["address"] == CARD))
    assert drivers[0] == "vfio-pci" != drivers[1]
    assert main(["verify", *where, "--intents", str(wanted)]) == 1
    assert main(["rollback", *where, "--yes"]) == 1  # nothing is left to undo


def test_a_card_that_the_host_needs_is_refused(
    node: DemoNode, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    wanted = tmp_path / "intents.toml"
    wanted.write_text('[[intent]]\nkind = "reserve-card"\naddress = "0000:05:00.0"\n', encoding="utf-8")
    assert main(["push", *reach(node, tmp_path), "--intents", str(wanted), "--yes"]) == 4
    assert "this-connection" in capsys.readouterr().out
