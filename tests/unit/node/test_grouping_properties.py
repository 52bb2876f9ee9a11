"""What holds of the groups of any tree."""

from __future__ import annotations

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st
from pci_trees import OFF, ON, bridge, function, node

from backend.node.acs import REQUIRED, Flag, Override
from backend.node.address import PciAddress
from backend.node.express import Acs, PortType
from backend.node.function import Function
from backend.node.grouping import Predicted, predict
from backend.node.node import Node

ALL = Override.parse("downstream,multifunction")
HALF = Acs(REQUIRED, REQUIRED & ~Flag.COMPLETION_REDIRECT)
BRIDGES = (PortType.ROOT, PortType.UPSTREAM, PortType.DOWNSTREAM, PortType.PCIE_TO_PCI, None)
DEVICES = (PortType.ENDPOINT, PortType.LEGACY_ENDPOINT, PortType.INTEGRATED, None)


@st.composite
def trees(draw: st.DrawFn) -> Node:
    """Bridges at random below one another, each with a bus of its own, and devices on every bus."""
    buses: list[PciAddress | None] = [None]
    functions: list[Function] = []
    for bus in range(draw(st.integers(1, 6))):
        above = buses[bus] if bus < len(buses) else None
        places = draw(st.lists(st.tuples(st.integers(0, 3), st.integers(0, 2)), unique=True, min_size=1, max_size=5))
        several = {device for device, number in places if number}
        for device, number in places:
            leads_down = draw(st.booleans())
            build = bridge if leads_down else function
            found = build(
                f"0000:{bus:02x}:{device:02x}.{number}",
                draw(st.sampled_from(BRIDGES if leads_down else DEVICES)),
                parent=above,
                multifunction=device in several,
                acs=draw(st.sampled_from((None, ON, OFF, HALF))),
                capabilities_known=draw(st.sampled_from((True, True, True, False))),
            )
            functions.append(found)
            if leads_down:
                buses.append(found.address)
    return node(*functions, active=draw(st.booleans()))


def finer(some: tuple[Predicted, ...], others: tuple[Predicted, ...]) -> bool:
    """Whether each of `some` lies within one of `others`."""
    of = {address: set(group.functions) for group in others for address in group.functions}
    return all(set(group.functions) <= of[group.functions[0]] for group in some)


@given(trees())
def test_every_function_is_in_one_group(tree: Node) -> None:
    placed = [address for group in predict(tree) for address in group.functions]
    assert sorted(placed) == [f.address for f in tree.functions]


@given(trees())
def test_reasons_hold_a_group_together(tree: Node) -> None:
    for group in predict(tree):
        reached = {group.functions[0]}
        for _ in group.functions:
            for reason in group.reasons:
                ends = {reason.function, reason.because}
                reached |= ends if ends & reached else set()
        assert reached == set(group.functions)


@given(trees())
def test_an_override_only_tears_apart(tree: Node) -> None:
    assert finer(predict(tree, ALL), predict(tree))


@given(trees())
def test_so_does_acs_where_there_was_none(tree: Node) -> None:
    better = replace(tree, functions=tuple(replace(f, acs=ON) for f in tree.functions))
    assert finer(predict(better), predict(tree))


@given(trees())
def test_what_is_certain_stays_when_all_is_known(tree: Node) -> None:
    """However the capabilities that were not read may be."""
    for acs in (None, ON):
        known = tuple(f if f.capabilities_known else _told(f, acs) for f in tree.functions)
        made = {group.functions for group in predict(replace(tree, functions=known))}
        assert {group.functions for group in predict(tree) if group.certain} <= made


def _told(function: Function, acs: Acs | None) -> Function:
    return replace(function, capabilities_known=True, acs=function.acs or acs)
