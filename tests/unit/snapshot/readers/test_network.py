"""What bonds, bridges and VLANs need of the NICs below them."""

from __future__ import annotations

import pytest
from hand_made import ROOT, World, at, uses

from backend.node.blast_radius import blast_radius

FIRST, SECOND = "01:00.0", "02:00.0"


@pytest.fixture
def world() -> World:
    """Two NICs in one bond that the bridge with the address lies on."""
    world = World()
    for short, name in ((FIRST, "eno1"), (SECOND, "eno2")):
        world.net(name, world.device(short, "", "0x020000", int(short[1])), master="bond0")
    world.net("bond0", master="vmbr0")
    world.files["/sys/devices/virtual/net/bond0/bonding/slaves"] = b"eno1 eno2\n"
    world.net("vmbr0")
    world.addresses(vmbr0="192.0.2.5")
    world.says("ssh-connection", stdout="192.0.2.9 5555 192.0.2.5 22\n")
    return world


def state(world: World, name: str, state: str, below: str) -> None:
    world.files[f"{ROOT}/0000:{below}/net/{name}/operstate"] = f"{state}\n".encode()


def test_a_bond_goes_on_with_its_other_port(world: World) -> None:
    node = world.node()
    assert uses(node, FIRST) == {
        ("this-connection", ("eno1", "bond0", "vmbr0")),
        ("management", ("eno1", "bond0", "vmbr0")),
    }
    for short in (FIRST, SECOND):
        radius = blast_radius(node, at(short))
        assert radius.verdict == "costs"
        assert all(loss.is_spared for loss in radius.losses)


def test_a_port_without_a_carrier_is_no_other_port(world: World) -> None:
    state(world, "eno2", "down", SECOND)
    node = world.node()
    assert blast_radius(node, at(FIRST)).verdict == "refused"
    assert blast_radius(node, at(SECOND)).verdict == "costs"


def test_where_nothing_has_a_carrier_all_may_be_needed(world: World) -> None:
    state(world, "eno1", "down", FIRST)
    state(world, "eno2", "down", SECOND)
    assert blast_radius(world.node(), at(FIRST)).verdict == "costs"  # still a bond of two
    del world.files["/sys/devices/virtual/net/bond0/bonding/slaves"]
    assert blast_radius(world.node(), at(FIRST)).verdict == "refused"


def test_a_bond_on_one_card(world: World) -> None:
    world.net("eno2", f"{ROOT}/0000:{FIRST}", master="bond0")
    assert blast_radius(world.node(), at(FIRST)).verdict == "refused"


def test_ports_of_a_bridge_do_not_replace_each_other() -> None:
    world = World()
    for short, name in ((FIRST, "eno1"), (SECOND, "eno2")):
        world.net(name, world.device(short, "", "0x020000", int(short[1])), master="vmbr0")
    world.net("vmbr0")
    world.net("tap101i0", master="vmbr0")
    world.addresses(vmbr0="192.0.2.5")
    assert [blast_radius(world.node(), at(short)).verdict for short in (FIRST, SECOND)] == ["refused", "refused"]
    state(world, "eno2", "down", SECOND)
    assert [blast_radius(world.node(), at(short)).verdict for short in (FIRST, SECOND)] == ["refused", "costs"]


def test_a_vlan_needs_what_it_lies_on() -> None:
    world = World()
    world.net("eno1", world.device(FIRST, "", "0x020000", 1))
    world.net("eno1.7", on="eno1")
    world.addresses(**{"eno1.7": "192.0.2.5"})
    world.says("ssh-connection", stdout="192.0.2.9 5555 192.0.2.5 22\n")
    (loss,) = blast_radius(world.node(), at(FIRST)).losses
    assert loss.chain == ("0000:01:00.0", "eno1", "eno1.7", "this-connection")
    assert loss.refuses


def test_a_network_without_address_only_costs() -> None:
    world = World()
    world.net("eno1", world.device(FIRST, "", "0x020000", 1), master="vmbr1")
    world.net("vmbr1")
    radius = blast_radius(world.node(), at(FIRST))
    assert [loss.chain[1:] for loss in radius.losses] == [("eno1", "vmbr1", "network")]
    assert radius.verdict == "costs"


def test_loops_end(world: World) -> None:
    world.net("bond0", master="bond0")
    world.net("a", master="b")
    world.net("b", master="a")
    assert world.node().uses_of[at(FIRST)]
