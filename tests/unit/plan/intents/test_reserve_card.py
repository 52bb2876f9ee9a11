"""What reserving a card refuses, and what it warns of."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest

from backend.demo.machines import catalogue
from backend.demo.machines.parts import Machine
from backend.demo.world import World
from backend.errors import IntentError
from backend.node.address import PciAddress
from backend.node.node import Node
from backend.plan.build import build
from backend.plan.intents import ReserveCard
from backend.snapshot.readers import read_node


def node_of(make: Callable[[], Machine]) -> Node:
    return read_node(World(make()).snapshot())


def reserve(address: str, *ids: str) -> ReserveCard:
    return ReserveCard(PciAddress.parse(address), ids)


@pytest.mark.parametrize(
    ("make", "intent", "code"),
    [
        (catalogue.workstation, reserve("0000:00:01.0"), "is-a-bridge"),
        (catalogue.workstation, reserve("0000:1f:00.0"), "no-such-device"),
        (catalogue.workstation, reserve("0000:01:00.0", "10de:9999"), "device-moved"),
        (catalogue.server, reserve("0000:81:00.2"), "is-a-virtual-function"),
    ],
)
def test_refused(make: Callable[[], Machine], intent: ReserveCard, code: str) -> None:
    node = node_of(make)
    with pytest.raises(IntentError) as caught:
        build(node, (intent,))
    assert caught.value.code == code
    verdict = intent.holds(node)
    assert (verdict.holds, verdict.code) == (False, code)


@pytest.mark.parametrize(
    ("make", "address", "expected"),
    [
        (catalogue.workstation, "0000:01:00.0", set()),
        (catalogue.workstation, "0000:00:02.0", {("console", "0000:00:02.0", True)}),
        (
            catalogue.workstation,
            "0000:05:00.0",
            {("this-connection", "0000:05:00.0", True), ("management", "0000:05:00.0", True)},
        ),
        (
            catalogue.workstation,
            "0000:03:00.0",
            {("same-ids", "0000:02:00.0", True), ("same-ids", "0000:07:00.0", False)},
        ),
        (catalogue.server, "0000:04:00.0", {("zfs", "0000:04:00.0", True)}),
        (
            catalogue.small,
            "0000:03:00.0",
            {
                ("group-mate", "0000:01:00.0", False),
                ("group-mate", "0000:01:00.1", True),
                ("group-mate", "0000:05:00.0", True),
            },
        ),
    ],
)
def test_hazards(make: Callable[[], Machine], address: str, expected: set[tuple[str, str, bool]]) -> None:
    hazards = reserve(address).hazards(node_of(make))
    assert {(hazard.code, str(hazard.address), hazard.blocks) for hazard in hazards} == expected


def test_a_twin_of_the_nic_that_carries_the_management_blocks() -> None:
    node = node_of(catalogue.workstation)
    nic = node.by_address[PciAddress.parse("0000:05:00.0")]
    twin = replace(nic, address=PciAddress.parse("0000:08:00.0"), slot=None)
    hazards = ReserveCard(twin.address).hazards(replace(node, functions=(*node.functions, twin)))
    assert [(h.code, h.address, h.blocks) for h in hazards] == [("same-ids", nic.address, True)]


def test_the_verdict_shows_the_driver_of_each_function() -> None:
    verdict = reserve("0000:01:00.0").holds(node_of(catalogue.workstation))
    assert verdict.code == "other-driver"
    assert [(e.source, e.text) for e in verdict.evidence] == [
        ("/sys/bus/pci/devices/0000:01:00.0/driver", "nouveau"),
        ("/sys/bus/pci/devices/0000:01:00.1/driver", "snd_hda_intel"),
    ]


def test_a_wish_names_the_card_by_its_ids() -> None:
    intent = ReserveCard.of(node_of(catalogue.workstation), PciAddress.parse("0000:01:00.1"))
    assert intent == reserve("0000:01:00.0", "10de:2786", "10de:22bc")
