"""What an override or another slot would change, and cost."""

from __future__ import annotations

from dataclasses import replace

import pytest
from pci_trees import ON, at, bridge, endpoint, function, node, pair, sets

from backend.node.express import PortType
from backend.node.function import Link
from backend.node.what_if import CannotMove, Cost, moved, with_acs_override

BARE = bridge("00:01.0", PortType.ROOT)
CARD, AUDIO = pair(endpoint("01:00.0", "00:01.0"), endpoint("01:00.1", "00:01.0"))
GOOD = bridge("00:1c.0", PortType.ROOT, acs=ON)
TAKEN = bridge("00:1c.1", PortType.ROOT, acs=ON)
DISK = endpoint("03:00.0", "00:1c.1")
ON_BOARD = function("00:1f.6", PortType.INTEGRATED)
MACHINE = node(BARE, CARD, AUDIO, GOOD, TAKEN, DISK, ON_BOARD, active=True, kernel="6.8.12-4-pve")
OTHERS = {"00:1c.0", "00:1c.1", "03:00.0", "00:1f.6"}


def test_an_override_tears_a_group_apart_and_isolates_nothing() -> None:
    outcome = with_acs_override(MACHINE, ["downstream"])
    assert sets(outcome.groups) == {"00:01.0", "01:00.0 01:00.1"} | OTHERS
    assert outcome.costs == (Cost("not-isolated", (BARE.address, CARD.address, AUDIO.address)),)
    both = with_acs_override(MACHINE, ["downstream", "multifunction"])
    assert sets(both.groups) == {"00:01.0", "01:00.0", "01:00.1"} | OTHERS


def test_an_override_without_effect() -> None:
    outcome = with_acs_override(MACHINE, ["id:8086:1901"])
    assert outcome.costs == (Cost("no-effect"),)
    assert sets(outcome.groups) == {"00:01.0 01:00.0 01:00.1"} | OTHERS


def test_an_override_that_is_in_force_costs_what_it_costs() -> None:
    running = replace(MACHINE, cmdline="pcie_acs_override=downstream")
    assert with_acs_override(running, ["downstream"]).costs[0].code == "not-isolated"
    assert sets(with_acs_override(running, []).groups) == {"00:01.0 01:00.0 01:00.1"} | OTHERS


def test_an_override_in_a_kernel_that_does_not_know_it() -> None:
    costs = with_acs_override(replace(MACHINE, kernel="6.12.0-amd64"), ["downstream"]).costs
    assert [cost.code for cost in costs] == ["not-isolated", "not-in-kernel"]


def test_a_card_in_a_better_slot() -> None:
    outcome = moved(MACHINE, CARD.address, GOOD.address)
    assert sets(outcome.groups) == {"00:01.0", "01:00.0 01:00.1"} | OTHERS
    assert outcome.costs == (Cost("addresses-shift", (CARD.address, AUDIO.address)),)


def test_a_card_in_a_worse_slot() -> None:
    worse = replace(MACHINE, functions=tuple(f for f in MACHINE.functions if f.address.bus != 1))
    assert sets(moved(worse, DISK.address, BARE.address).groups) == {
        "00:01.0 03:00.0",
        "00:1c.0",
        "00:1c.1",
        "00:1f.6",
    }


def test_what_is_below_a_card_moves_along() -> None:
    switch = bridge("01:00.0", PortType.UPSTREAM, parent="00:01.0")
    port = bridge("02:00.0", PortType.DOWNSTREAM, parent="01:00.0", acs=ON)
    machine = node(BARE, switch, port, endpoint("03:00.0", "02:00.0"), GOOD, active=True)
    outcome = moved(machine, switch.address, GOOD.address)
    assert sets(outcome.groups) == {"00:01.0", "00:1c.0", "01:00.0", "02:00.0", "03:00.0"}
    with pytest.raises(CannotMove, match="below-itself"):
        moved(machine, switch.address, port.address)


def test_virtual_functions_move_with_their_card() -> None:
    virtual = endpoint("01:00.2", "00:01.0", physical_function="01:00.0")
    machine = node(BARE, endpoint("01:00.0", "00:01.0"), virtual, GOOD, active=True)
    assert sets(moved(machine, virtual.address, GOOD.address).groups) == {"00:01.0", "00:1c.0", "01:00.0", "01:00.2"}


def test_a_slot_with_fewer_lanes() -> None:
    wide, narrow = Link(8.0, 16, 8.0, 16), Link(8.0, 4, 8.0, 4)
    machine = node(BARE, replace(CARD, link=wide), AUDIO, replace(GOOD, link=narrow), active=True)
    assert [cost.code for cost in moved(machine, CARD.address, GOOD.address).costs] == ["addresses-shift", "narrower"]
    machine = node(BARE, replace(CARD, link=narrow), AUDIO, replace(GOOD, link=wide), active=True)
    assert [cost.code for cost in moved(machine, CARD.address, GOOD.address).costs] == ["addresses-shift"]


@pytest.mark.parametrize(
    ("card", "port", "code"),
    [
        ("05:00.0", "00:1c.0", "no-such-card"),
        ("00:1f.6", "00:1c.0", "on-board"),
        ("01:00.0", "00:1c.1", "occupied"),
        ("01:00.0", "00:1f.6", "not-a-port"),
        ("01:00.0", "00:1d.0", "not-a-port"),
    ],
)
def test_what_cannot_be_moved(card: str, port: str, code: str) -> None:
    with pytest.raises(CannotMove) as refused:
        moved(MACHINE, at(card), at(port))
    assert refused.value.code == code


def test_a_conventional_card_fits_no_express_slot() -> None:
    machine = node(bridge("00:1e.0", None), function("01:00.0", parent="00:1e.0"), GOOD, active=True)
    with pytest.raises(CannotMove, match="conventional"):
        moved(machine, at("01:00.0"), GOOD.address)


def test_its_own_slot_changes_nothing() -> None:
    assert sets(moved(MACHINE, CARD.address, BARE.address).groups) == {"00:01.0 01:00.0 01:00.1"} | OTHERS
