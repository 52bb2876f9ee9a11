"""Every topology is on a real kernel what its description says, and `show --json` says the same as its own tools."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from backend.node.grouping import predict
from backend.snapshot.foreign import open_any

from .image import Image
from .machine import Machine
from .topologies import SLOTS_NAMED, SRIOV, TOPOLOGIES


@pytest.fixture(scope="module", params=TOPOLOGIES.values(), ids=TOPOLOGIES)
def machine(request: pytest.FixtureRequest, lab_image: Image) -> Iterator[Machine]:
    """One machine of each topology, its IOMMU on; where it has virtual functions, two of them."""
    with Machine(request.param, lab_image, ready=True) as started:
        if started.topology is SRIOV:
            started.says("sh", "-c", "echo 2 >/sys/bus/pci/devices/0000:01:00.0/sriov_numvfs")
        yield started


def functions(machine: Machine) -> dict[str, dict[str, str | None]]:
    """Address -> ids, class, driver as lspci has them, group as /sys/kernel/iommu_groups has it."""
    groups = {address: number for number, group in machine.groups().items() for address in group}
    found: dict[str, dict[str, str | None]] = {}
    for block in machine.says("lspci", "-D", "-n", "-vmm", "-k").strip().split("\n\n"):
        fields = dict(line.split(":\t", 1) for line in block.splitlines())
        found[fields["Slot"]] = {
            "class": fields["Class"],
            "vendor": fields["Vendor"],
            "device": fields["Device"],
            "driver": fields.get("Driver"),
            "group": groups.get(fields["Slot"]),
        }
    return found


def test_topology_is_as_described(machine: Machine) -> None:
    topology = machine.topology
    ids = {address: f"{words['vendor']}:{words['device']}" for address, words in functions(machine).items()}
    assert topology.cards.items() <= ids.items()
    assert set(machine.groups().values()) >= set(topology.groups)
    own = machine.says("readlink", "-f", "/sys/class/net/enp0s2")
    assert f"/{topology.own_nic}/" in own
    assert machine.says("ls", "/sys/bus/pci/slots").split()  # there are slots, and one is empty
    vendor = "GenuineIntel" if topology.iommu == "intel" else "AuthenticAMD"
    assert vendor in machine.says("cat", "/proc/cpuinfo")
    if topology is SLOTS_NAMED:
        _check_named_slots(machine)
    if topology is SRIOV:
        assert set(machine.groups().values()) >= {frozenset({"0000:01:00.1"}), frozenset({"0000:01:00.2"})}


def _check_named_slots(machine: Machine) -> None:
    records = machine.says("dmidecode", "-t", "slot").split("\n\n")
    for slot in SLOTS_NAMED.smbios_slots:
        (record,) = (r for r in records if f"Designation: {slot.designation}\n" in r)
        assert f"Current Usage: {'In Use' if slot.address else 'Available'}" in record
        assert (slot.address is None) or f"Bus Address: {slot.address}" in record


def cli(*arguments: str | Path) -> str:
    argv = [sys.executable, "-m", "backend.cli", *map(str, arguments)]
    done = subprocess.run(argv, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_show_agrees_with_the_machine(machine: Machine, tmp_path: Path) -> None:
    snapshot = tmp_path / "lab.snapshot"
    reach = ("--identity", machine.identity, "--known-hosts", machine.known_hosts)
    cli("snapshot", f"root@{machine.host}:{machine.port}", *reach, "-o", snapshot)
    shown = json.loads(cli("show", snapshot, "--json"))
    assert shown["schema"] == "lanewright/node/1"
    assert {
        function["address"]: {
            "class": function["class"][:4],
            "vendor": function["vendor"],
            "device": function["device"],
            "driver": function["driver"],
            "group": None if function["group"] is None else str(function["group"]),
        }
        for function in shown["functions"]
    } == functions(machine)
    assert {str(group["id"]): frozenset(group["functions"]) for group in shown["groups"]} == machine.groups()
    assert shown["iommu"]["active"] is True
    assert shown["iommu"]["vendor"] == machine.topology.iommu


def test_groups_are_predicted(machine: Machine, tmp_path: Path) -> None:
    """By the rules alone; each topology is there for one of them."""
    snapshot = tmp_path / "lab.snapshot"
    reach = ("--identity", machine.identity, "--known-hosts", machine.known_hosts)
    cli("snapshot", f"root@{machine.host}:{machine.port}", *reach, "-o", snapshot)
    predicted = predict(open_any(snapshot))
    assert {frozenset(map(str, group.functions)) for group in predicted} == set(machine.groups().values())
    assert all(group.certain for group in predicted)
