"""The readers make of the demo's machines what their descriptions say."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from backend.demo.machines import catalogue
from backend.demo.machines.parts import Machine
from backend.demo.world import World
from backend.node.address import PciAddress
from backend.node.node import Node
from backend.snapshot.readers import read_node


def node_of(make: Callable[[], Machine]) -> tuple[World, Node]:
    world = World(make())
    return world, read_node(world.snapshot())


def kinds(node: Node, address: str) -> set[str]:
    return {use.kind for use in node.uses_of.get(PciAddress.parse(address), ())}


@pytest.mark.parametrize("make", [catalogue.workstation, catalogue.server, catalogue.small])
def test_every_function_is_read_as_described(make: Callable[[], Machine]) -> None:
    world, node = node_of(make)
    assert node.hostname == world.machine.name
    assert node.boot.loader == "grub"
    assert node.iommu.active is world.boot.iommu
    assert node.iommu.interrupt_remapping is True
    assert [str(f.address) for f in node.functions] == sorted(part.at for part in world.machine.parts)
    for part in world.machine.parts:
        found = node.by_address[PciAddress.parse(part.at)]
        assert found.ids == part.ids
        assert found.class_code == part.class_code
        assert found.driver == world.boot.drivers[part.at]
        assert found.group == (part.group if world.boot.iommu else None)
        assert (found.parent and str(found.parent)) == part.under
        assert found.device_name == part.name
        if part.buses:
            assert (found.secondary_bus, found.subordinate_bus) == part.buses
    names = {slot.name for slot in node.slots} | {slot.description for slot in node.slots}
    assert len(node.slots) >= len(world.machine.sockets), names


def test_what_the_host_uses() -> None:
    _, pve1 = node_of(catalogue.workstation)
    assert {"root", "boot", "swap", "lvm"} <= kinds(pve1, "0000:02:00.0")
    assert kinds(pve1, "0000:03:00.0") == set()
    assert {"management", "this-connection"} <= kinds(pve1, "0000:05:00.0")
    assert "console" in kinds(pve1, "0000:00:02.0")
    assert "guest" in kinds(pve1, "0000:06:00.0")
    _, pve2 = node_of(catalogue.server)
    assert "zfs" in kinds(pve2, "0000:04:00.0")
    assert "console" in kinds(pve2, "0000:07:00.0")
    assert len([f for f in pve2.functions if f.physical_function]) == 4
    _, pve3 = node_of(catalogue.small)
    gpu = PciAddress.parse("0000:03:00.0")
    mates = {str(mate.address) for mate in pve3.mates(gpu)}
    assert {"0000:05:00.0", "0000:01:00.1"} <= mates
    link = pve3.by_address[gpu].link
    assert link is not None
    assert link.degraded
