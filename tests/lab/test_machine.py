"""Every topology is on a real kernel what its description says."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from .machine import Machine
from .topologies import SLOTS_NAMED, SRIOV, TOPOLOGIES, TWO_NICS_AND_CARD, Topology

Start = Callable[..., Machine]


def said(machine: Machine, *argv: str, user: str = "root") -> str:
    done = machine.run(argv, user=user)
    assert done.returncode == 0, f"{argv}: {done.stderr}"
    return done.stdout


def cards(machine: Machine) -> dict[str, str]:
    """Address: "vendor:device" of every PCI function."""
    lines = said(machine, "lspci", "-Dn").splitlines()
    return {words[0]: words[2] for words in map(str.split, lines)}


def groups(machine: Machine) -> set[frozenset[str]]:
    found: dict[str, set[str]] = {}
    for path in said(machine, "find", "/sys/kernel/iommu_groups", "-type", "l").split():
        *_, number, _, address = path.split("/")
        found.setdefault(number, set()).add(address)
    return {frozenset(group) for group in found.values()}


@pytest.mark.parametrize("topology", TOPOLOGIES.values(), ids=TOPOLOGIES)
def test_topology_is_as_described(lab_machine: Start, topology: Topology) -> None:
    machine = lab_machine(topology, ready=True)

    assert topology.cards.items() <= cards(machine).items()
    assert groups(machine) >= set(topology.groups)
    own = said(machine, "readlink", "-f", "/sys/class/net/enp0s2")
    assert f"/{topology.own_nic}/" in own
    assert said(machine, "ls", "/sys/bus/pci/slots").split()  # there are slots, and one is empty
    vendor = "GenuineIntel" if topology.iommu == "intel" else "AuthenticAMD"
    assert vendor in said(machine, "cat", "/proc/cpuinfo")
    if topology is SLOTS_NAMED:
        _check_named_slots(machine)
    if topology is SRIOV:
        _check_virtual_functions(machine)


def _check_named_slots(machine: Machine) -> None:
    records = said(machine, "dmidecode", "-t", "slot").split("\n\n")
    for slot in SLOTS_NAMED.smbios_slots:
        (record,) = (r for r in records if f"Designation: {slot.designation}\n" in r)
        assert f"Current Usage: {'In Use' if slot.address else 'Available'}" in record
        assert (slot.address is None) or f"Bus Address: {slot.address}" in record


def _check_virtual_functions(machine: Machine) -> None:
    said(machine, "sh", "-c", "echo 2 >/sys/bus/pci/devices/0000:01:00.0/sriov_numvfs")
    virtual = {frozenset({"0000:01:00.1"}), frozenset({"0000:01:00.2"})}
    assert groups(machine) >= virtual


def test_nothing_done_yet_then_grub_edit_power_cut_and_reboot(lab_machine: Start) -> None:
    machine = lab_machine(TWO_NICS_AND_CARD)
    assert not groups(machine)
    assert said(machine, "sudo", "-n", "id", "-u", user="admin").strip() == "0"

    # The kernel writes by itself after a while; on a slow computer that would be before the power is cut.
    said(machine, "sysctl", "-q", "-w", "vm.dirty_writeback_centisecs=0")
    said(machine, "sh", "-c", "echo kept >/root/kept; sync; echo lost >/root/lost")
    before = machine.boot_id()
    machine.power_cut()
    machine.start()
    assert machine.boot_id() != before
    assert said(machine, "cat", "/root/kept") == "kept\n"
    assert not machine.run(["cat", "/root/lost"]).stdout

    said(machine, "sed", "-i", "s/intel_iommu=off/intel_iommu=on/", "/etc/default/grub")
    said(machine, "update-grub")
    before = machine.boot_id()
    machine.run(["systemctl", "reboot"])
    machine.wait_for_ssh(after=before)
    assert "intel_iommu=on" in said(machine, "cat", "/proc/cmdline")
    assert groups(machine) >= set(TWO_NICS_AND_CARD.groups)
