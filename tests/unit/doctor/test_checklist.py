"""The checklist: each step's states, what blocks it, where findings go."""

from __future__ import annotations

from dataclasses import replace
from types import MappingProxyType

import pytest

from backend.demo.machines import catalogue
from backend.demo.machines.parts import Machine
from backend.demo.world import World
from backend.doctor.checklist import State, Step, checklist
from backend.doctor.examine import examine
from backend.doctor.finding import Finding, Rule, Severity, Subject, Told
from backend.node.address import PciAddress
from backend.node.function import Function
from backend.node.node import Group, Guest, Iommu, Node, Use
from backend.snapshot.readers import read_node
from resources.doctor import sentences

GPU = PciAddress.parse("0000:01:00.0")
NIC = PciAddress.parse("0000:02:00.0")
ON = Iommu(active=True, vendor="intel", interrupt_remapping=True, firmware_table=True, default_on=False)
FUNCTIONS = (Function(GPU, driver="vfio-pci", group=1), Function(NIC, driver="igb", group=1))
GROUPS = (Group(1, (GPU, NIC)),)
FILES = MappingProxyType({"/etc/hostname": b"pve1\n"})
HELD = (Use(GPU, "guest", ("101", "hostpci0")), Use(NIC, "this-connection", ("eno1",)))
GUEST = Guest(101, "win11", True, MappingProxyType({"hostpci0": "0000:01:00,pcie=1"}))


def finding(code: str, severity: Severity, subject: Subject) -> Finding:
    return Finding(Rule(code, severity, subject, lambda _node: iter(())), Told(()))


def steps(node: Node, *findings: Finding) -> dict[str, Step]:
    return {step.code: step for step in checklist(node, findings)}


@pytest.mark.parametrize(
    ("code", "node", "state"),
    [
        ("step-hardware", Node(), State.UNKNOWN),
        ("step-hardware", Node(iommu=Iommu(firmware_table=False)), State.UNKNOWN),
        ("step-hardware", Node(iommu=Iommu(active=True)), State.DONE),
        ("step-firmware", Node(), State.UNKNOWN),
        ("step-firmware", Node(iommu=Iommu(firmware_table=False)), State.TODO),
        ("step-firmware", Node(iommu=Iommu(firmware_table=True)), State.DONE),
        ("step-parameter", Node(), State.UNKNOWN),
        ("step-parameter", Node(iommu=Iommu(active=True)), State.DONE),
        ("step-parameter", Node(cmdline="ro quiet", iommu=Iommu(vendor="amd")), State.DONE),
        ("step-parameter", Node(cmdline="ro", iommu=Iommu(vendor="intel", default_on=True)), State.DONE),
        ("step-parameter", Node(cmdline="ro", iommu=Iommu(vendor="intel", default_on=False)), State.TODO),
        ("step-parameter", Node(cmdline="ro", iommu=Iommu(vendor="intel")), State.UNKNOWN),
        ("step-parameter", Node(cmdline="intel_iommu=on,sm_on", iommu=Iommu(vendor="intel")), State.DONE),
        ("step-parameter", Node(cmdline="ro iommu=off", iommu=Iommu(vendor="amd")), State.TODO),
        ("step-active", Node(), State.UNKNOWN),
        ("step-active", Node(iommu=Iommu(active=False, firmware_table=True)), State.TODO),
        ("step-active", Node(iommu=Iommu(active=False, firmware_table=False)), State.BLOCKED),
        ("step-active", Node(iommu=ON), State.DONE),
        ("step-remapping", Node(iommu=Iommu(interrupt_remapping=False)), State.TODO),
        ("step-remapping", Node(iommu=ON), State.DONE),
        ("step-modules", Node(), State.UNKNOWN),
        ("step-modules", Node(kernel="6.8.12-4-pve"), State.DONE),
        ("step-modules", Node(kernel="6.1.0-18-amd64", modules=("vfio_pci",)), State.DONE),
        ("step-groups", Node(), State.UNKNOWN),
        ("step-groups", Node(iommu=Iommu(active=False, firmware_table=True)), State.BLOCKED),
        ("step-groups", Node(iommu=ON, functions=FUNCTIONS, groups=GROUPS), State.DONE),
        ("step-groups", Node(iommu=ON, functions=FUNCTIONS, groups=GROUPS, uses=HELD), State.TODO),
        ("step-devices", Node(), State.UNKNOWN),
        ("step-devices", Node(iommu=ON, functions=FUNCTIONS), State.DONE),
        ("step-devices", Node(iommu=ON, functions=FUNCTIONS[1:]), State.TODO),
        ("step-devices", Node(iommu=Iommu(active=False), functions=FUNCTIONS[1:]), State.BLOCKED),
        ("step-guests", Node(functions=FUNCTIONS, guests=(GUEST,)), State.DONE),
        ("step-guests", Node(functions=FUNCTIONS), State.UNKNOWN),
        ("step-guests", Node(functions=FUNCTIONS, files=FILES), State.TODO),
        ("step-machine", Node(functions=FUNCTIONS, files=FILES), State.BLOCKED),
        ("step-mappings", Node(functions=FUNCTIONS), State.UNKNOWN),
        ("step-mappings", Node(functions=FUNCTIONS, files=FILES), State.DONE),
    ],
)
def test_state(code: str, node: Node, state: State) -> None:
    assert steps(node)[code].state is state


@pytest.mark.parametrize("severity", Severity)
def test_an_error_undoes_its_step_and_no_other(severity: Severity) -> None:
    node = Node(iommu=ON, cmdline="ro", functions=FUNCTIONS, guests=(GUEST,))
    found = finding("mapping-invalid", severity, Subject.GUESTS)
    without, with_it = steps(node), steps(node, found)
    assert with_it["step-mappings"].findings == (found,)
    assert (with_it["step-mappings"].state is State.TODO) == (severity is Severity.ERROR)
    assert {c: s for c, s in with_it.items() if c != "step-mappings"} == {
        c: s for c, s in without.items() if c != "step-mappings"
    }


@pytest.mark.parametrize("subject", Subject)
def test_a_finding_of_a_rule_that_no_step_names_is_under_its_subject(subject: Subject) -> None:
    found = finding("brand-new", Severity.NOTE, subject)
    holders = [step for step in checklist(Node(), (found,)) if found in step.findings]
    assert [step.subject for step in holders] == [subject]


def test_evidence_of_a_guest_is_its_line() -> None:
    guest = replace(GUEST, path="/etc/pve/nodes/pve1/qemu-server/101.conf", lines=MappingProxyType({"hostpci0": 2}))
    (line,) = steps(Node(guests=(guest,)))["step-guests"].evidence
    assert str(line) == "/etc/pve/nodes/pve1/qemu-server/101.conf:2: hostpci0: 0000:01:00,pcie=1"


def test_every_step_has_its_sentences_and_no_other() -> None:
    told = {code for code in sentences() if code.startswith("step-")}
    assert told == {step.code for step in checklist(Node(), ())}
    assert all(not sentences()[code].placeholders for code in told)


@pytest.mark.parametrize("machine", [catalogue.small(), catalogue.workstation()], ids=["small", "workstation"])
def test_simulated_machines_place_every_finding_once(machine: Machine) -> None:
    node = read_node(World(machine).snapshot())
    findings = examine(node)
    placed = [found for step in checklist(node, findings) for found in step.findings]
    assert sorted(map(id, placed)) == sorted(map(id, findings))
