"""What is different between two nodes, and which device is which."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backend.demo.machines import catalogue
from backend.demo.machines.parts import Machine
from backend.demo.world import World
from backend.node.address import PciAddress
from backend.node.compare import Difference, compare
from backend.node.function import Bar, Function, Link
from backend.node.identity import match
from backend.node.node import Group, Guest, Iommu, Node, Use
from backend.snapshot.foreign import open_any
from backend.snapshot.readers import read_node

at = PciAddress.parse


def nic(address: str, **more: object) -> Function:
    made = Function(at(address), class_code=0x020000, vendor=0x8086, device=0x10D3, subsystem_vendor=0x8086)
    return replace(made, **more)  # type: ignore[arg-type]


def said(before: Node, after: Node) -> set[tuple[str, str | None, str | None]]:
    return {(d.what, d.was, d.now) for d in compare(before, after)}


@pytest.mark.parametrize("make", [catalogue.workstation, catalogue.server, catalogue.small])
def test_nothing_differs_from_itself(make: Callable[[], Machine]) -> None:
    node = read_node(World(make()).snapshot())
    assert compare(node, node) == ()


@given(st.sets(st.tuples(st.integers(0, 4), st.integers(0, 1), st.sampled_from((None, "a", "b"))), max_size=8))
def test_whoever_is_matched_is_of_the_same_kind_and_only_once(cards: set[tuple[int, int, str | None]]) -> None:
    def node(shift: int) -> Node:
        places = sorted({(bus, device): serial for bus, device, serial in cards}.items())
        return Node(functions=tuple(nic(f"{b + shift:02x}:0{d}.0", serial=serial) for (b, d), serial in places))

    before, after = node(1), node(3)
    found = match(before, after)
    assert len(set(found.values())) == len(found) == len(before.functions)
    for was, now in found.items():
        assert before.by_address[was].ids == after.by_address[now].ids


def test_a_card_added_moves_the_buses_behind_it() -> None:
    before = Node(
        functions=(nic("04:00.0", serial="00-aa"), nic("05:00.0", slot="PCIEX1")), interfaces={"enp4s0": at("04:00.0")}
    )
    gpu = Function(at("04:00.0"), class_code=0x030000, vendor=0x10DE, device=0x2204)
    after = Node(
        functions=(gpu, nic("05:00.0", serial="00-aa"), nic("06:00.0", slot="PCIEX1")),
        interfaces={"enp5s0": at("05:00.0")},
    )
    assert said(before, after) == {
        ("moved", "0000:04:00.0", "0000:05:00.0"),
        ("interface", "enp4s0", "enp5s0"),
        ("moved", "0000:05:00.0", "0000:06:00.0"),
        ("appeared", None, "10de:2204"),
    }


def test_a_card_below_the_same_bridges_is_the_same() -> None:
    bridge = Function(at("00:1c.0"), class_code=0x060400, vendor=0x8086, device=0xA110)
    twins = nic("02:00.0", parent=at("00:1c.0")), nic("03:00.0", parent=at("00:1d.0"))
    other = replace(bridge, address=at("00:1d.0"), device=0xA111)
    before = Node(functions=(bridge, other, *twins))
    after = Node(
        functions=(bridge, other, replace(twins[1], address=at("02:00.0")), replace(twins[0], address=at("01:00.0")))
    )
    assert match(before, after)[at("02:00.0")] == at("02:00.0")  # the kind at its old address comes first
    gone = Node(
        functions=(bridge, other, replace(twins[1], address=at("07:00.0")), replace(twins[0], address=at("06:00.0")))
    )
    assert match(before, gone)[at("02:00.0")] == at("06:00.0")
    assert match(before, gone)[at("03:00.0")] == at("07:00.0")


def test_the_same_group_under_another_number_is_told_as_a_number() -> None:
    def node(number: int, *members: str) -> Node:
        functions = tuple(nic(a, group=number if a in members else 9, serial=a) for a in ("01:00.0", "02:00.0"))
        groups = (Group(number, tuple(map(at, members))),)
        return Node(functions=functions, groups=groups, iommu=Iommu(True))

    both = "01:00.0", "02:00.0"
    assert said(node(3, *both), node(4, *both)) == {("group-number", "3", "4")}
    assert ("group", "0000:02:00.0", "") in said(node(3, *both), node(3, "01:00.0"))


def test_groups_that_come_with_the_iommu_are_one_difference() -> None:
    before = Node(functions=(nic("01:00.0"),), iommu=Iommu(False))
    after = Node(functions=(nic("01:00.0", group=1),), groups=(Group(1, (at("01:00.0"),)),), iommu=Iommu(True))
    assert said(before, after) == {("iommu", "off", "on")}


@pytest.mark.parametrize(
    ("change", "what", "was", "now"),
    [
        ({"driver": "vfio-pci"}, "driver", None, "vfio-pci"),
        ({"link": Link(8.0, 4, 16.0, 8)}, "link", None, "8 GT/s x4"),
        ({"slot": "PCIEX16"}, "slot", None, "PCIEX16"),
        ({"sriov_vfs": 4}, "vfs", None, "4"),
        ({"reset_methods": ("flr", "bus")}, "reset", None, "flr bus"),
        ({"reset_methods": ()}, "reset", None, "none"),
        ({"bars": (Bar(0, 0, 0x1000, 0x200), Bar(6, 0, 9, 0x200))}, "bar", None, "0: 0x1000"),
    ],
)
def test_what_a_device_may_differ_in(change: dict[str, object], what: str, was: str | None, now: str | None) -> None:
    before, after = Node(functions=(nic("01:00.0"),)), Node(functions=(nic("01:00.0", **change),))
    assert compare(before, after) == (Difference(what, was, now, at("01:00.0"), at("01:00.0")),)
    assert compare(after, before) == (Difference(what, now, was, at("01:00.0"), at("01:00.0")),)


def test_a_display_at_rest_is_no_difference() -> None:
    gpu = nic("01:00.0", class_code=0x030000, link=Link(2.5, 16, 16.0, 16))
    assert said(Node(functions=(gpu,)), Node(functions=(replace(gpu, link=Link(16.0, 16, 16.0, 16)),))) == set()


def test_the_machine_itself() -> None:
    before = Node(
        kernel="6.8.4-2-pve", cmdline="BOOT_IMAGE=/a root=x quiet", firmware="A 1", guests=(Guest(101, "win", True),)
    )
    after = Node(kernel="6.8.12-1-pve", cmdline="BOOT_IMAGE=/b root=x iommu=pt", files={"/etc/modprobe.d/a.conf": b"x"})
    assert said(before, after) == {
        ("kernel", "6.8.4-2-pve", "6.8.12-1-pve"),
        ("firmware", "A 1", None),
        ("parameter", "quiet", None),
        ("parameter", None, "iommu=pt"),
        ("module-options", None, "/etc/modprobe.d/a.conf"),
    }


def test_a_guest_that_names_a_device() -> None:
    one = Node(functions=(nic("01:00.0"),))
    two = replace(one, uses=(Use(at("01:00.0"), "guest", ("101", "hostpci0")),))
    assert said(one, two) == {("guest", None, "101 hostpci0")}


@pytest.mark.corpus
def test_any_two_machines_can_be_compared(corpus: Path) -> None:
    nodes = [open_any(path) for path in sorted((corpus / "sysfs-rebuilt").glob("*.tar.gz"))[:4]]
    for before in nodes:
        for after in nodes:
            found = compare(before, after)
            assert bool(found) is (before is not after)
            moved = [d.after for d in found if d.what == "moved"]
            assert len(moved) == len(set(moved))
