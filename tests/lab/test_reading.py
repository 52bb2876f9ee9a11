"""What `show --json` says of a machine is what the machine's own tools say."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from .machine import Machine
from .topologies import SRIOV, TOPOLOGIES, Topology


def cli(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "backend.cli", *map(str, arguments)], capture_output=True, text=True, check=False
    )


def own_words(machine: Machine) -> dict[str, dict[str, str | None]]:
    """Address -> ids, class, driver by lspci, group by /sys/kernel/iommu_groups."""
    found: dict[str, dict[str, str | None]] = {}
    for block in machine.run(["lspci", "-D", "-n", "-vmm", "-k"]).stdout.split("\n\n"):
        fields = dict(line.split(":\t", 1) for line in block.splitlines() if ":\t" in line)
        if fields:
            found[fields["Slot"]] = {
                "class": fields["Class"],
                "vendor": fields["Vendor"],
                "device": fields["Device"],
                "driver": fields.get("Driver"),
                "group": None,
            }
    links = machine.run(["sh", "-c", "ls -d /sys/kernel/iommu_groups/*/devices/* 2>/dev/null || true"]).stdout
    for line in links.split():
        parts = line.split("/")
        found[parts[-1]]["group"] = parts[4]
    return found


@pytest.mark.parametrize("topology", TOPOLOGIES.values(), ids=lambda t: t.name)
def test_show_agrees_with_the_machine(lab_machine: Callable[..., Machine], topology: Topology, tmp_path: Path) -> None:
    machine = lab_machine(topology, ready=True)
    if topology is SRIOV:
        machine.run(["sh", "-c", "echo 2 > /sys/bus/pci/devices/0000:01:00.0/sriov_numvfs"])
    snapshot = tmp_path / "lab.snapshot"
    reach = ("--identity", machine.identity, "--known-hosts", machine.known_hosts)
    done = cli("snapshot", f"root@{machine.host}:{machine.port}", *reach, "-o", snapshot)
    assert done.returncode == 0, done.stderr
    shown = json.loads(cli("show", snapshot, "--json").stdout)
    assert shown["schema"] == "lanewright/node/1"
    said = {
        f["address"]: {
            "class": f["class"][:4],
            "vendor": f["vendor"],
            "device": f["device"],
            "driver": f["driver"],
            "group": None if f["group"] is None else str(f["group"]),
        }
        for f in shown["functions"]
    }
    assert said == own_words(machine)
    assert shown["iommu"]["active"] is True
    assert shown["iommu"]["vendor"] == topology.iommu
    grouped = {a: str(g["id"]) for g in shown["groups"] for a in g["functions"]}
    assert grouped == {a: words["group"] for a, words in own_words(machine).items() if words["group"] is not None}
