"""The groups as they would be: with an ACS override, or with a card in another slot. And what each would cost."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace

from backend.node.acs import NO_OVERRIDE, PORTS, Override, understood
from backend.node.address import PciAddress
from backend.node.function import Function
from backend.node.grouping import Predicted, predict
from backend.node.node import Node


@dataclass(frozen=True, slots=True)
class Cost:
    """What one pays or does not get. ``code``:

    "not-isolated": `functions` count as apart by the override's word alone: nothing keeps them from reaching one
    another's memory, and so the memory of the guest or host that has the other;
    "no-effect": it changes no group;
    "not-in-kernel": this kernel does not know the parameter;
    "addresses-shift": bus numbers are given anew, so addresses, interface names and mappings may change;
    "narrower": the slot has fewer lanes than the card.
    """

    code: str
    functions: tuple[PciAddress, ...] = ()


@dataclass(frozen=True, slots=True)
class Outcome:
    """`groups` name functions by the addresses they have now."""

    groups: tuple[Predicted, ...]
    costs: tuple[Cost, ...]

    def of(self, address: PciAddress) -> Predicted | None:
        return next((group for group in self.groups if address in group.functions), None)


@dataclass(frozen=True, slots=True)
class Answers:
    """What one may ask about a card: `overrides` by what pcie_acs_override= would be given, `slots` by the empty port
    that it would be moved to."""

    overrides: tuple[tuple[str, Outcome], ...]
    slots: tuple[tuple[PciAddress, Outcome], ...]


class CannotMove(ValueError):
    """``code``: "no-such-card", "on-board" (part of the processor or chipset), "conventional" (not a PCI Express
    card), "not-a-port", "occupied", "below-itself"."""

    def __init__(self, code: str) -> None:
        self.code = code
        super().__init__(code)


def ask(node: Node, card: PciAddress) -> Answers:
    """Every form of the override (its ids are those of the devices that make the card's group what it is), and every
    port that is free for it."""
    group = Outcome(predict(node, NO_OVERRIDE), ()).of(card)
    to_blame = (node.by_address[reason.because].ids for reason in (() if group is None else group.reasons))
    by_id = ",".join(f"id:{ids}" for ids in dict.fromkeys(to_blame) if ids is not None)
    forms = ("downstream", "multifunction", "downstream,multifunction", *((by_id,) if by_id else ()))
    return Answers(tuple((form, with_acs_override(node, form.split(","))) for form in forms), tuple(_slots(node, card)))


def _slots(node: Node, card: PciAddress) -> Iterator[tuple[PciAddress, Outcome]]:
    for function in node.functions:
        if function.is_pci_bridge and function.address != node.by_address[card].parent:
            try:
                yield function.address, moved(node, card, function.address)
            except CannotMove:
                continue


def with_acs_override(node: Node, forms: Iterable[str]) -> Outcome:
    """With ``pcie_acs_override=`` given exactly these forms: "downstream", "multifunction", "id:8086:1901"."""
    groups = predict(node, Override.parse(",".join(forms)))
    return Outcome(groups, tuple(_override_costs(node, groups)))


def _override_costs(node: Node, groups: tuple[Predicted, ...]) -> Iterator[Cost]:
    of = {address: group for group in groups for address in group.functions}
    torn = [group for group in predict(node, NO_OVERRIDE) if len({of[a] for a in group.functions}) > 1]
    yield from (Cost("not-isolated", group.functions) for group in torn)
    if not torn:
        yield Cost("no-effect")
    if understood(node) is False:
        yield Cost("not-in-kernel")


def moved(node: Node, card: PciAddress, port: PciAddress) -> Outcome:
    """With the card that has the function `card`, and all below it, behind the empty `port`. Raises CannotMove.

    Firmware hides many ports while nothing is in their slot: only those that Linux sees can be asked about.
    """
    there = tuple(f for f in node.functions if _of_card(f) == card.card)
    target = node.by_address.get(port)
    refused = _refusal(node, there, target)
    if refused is not None or target is None:
        raise CannotMove(refused or "not-a-port")
    changed = {function.address: replace(function, parent=port) for function in there}
    after = replace(node, functions=tuple(changed.get(f.address, f) for f in node.functions))
    costs = [Cost("addresses-shift", tuple(changed))]
    if _lanes(target) and any(_lanes(function) > _lanes(target) for function in there):
        costs.append(Cost("narrower", tuple(changed)))
    return Outcome(predict(after), tuple(costs))


def _refusal(node: Node, there: tuple[Function, ...], port: Function | None) -> str | None:
    if not there:
        return "no-such-card"
    if any(function.parent is None for function in there):
        return "on-board"
    if any(function.port_type is None and function.capabilities_known for function in there):
        return "conventional"
    if port is None or not _leads_down(port):
        return "not-a-port"
    card = {function.address for function in there}
    step: Function | None = port
    while step is not None:
        if step.address in card:
            return "below-itself"
        step = None if step.parent is None else node.by_address.get(step.parent)
    return "occupied" if {child.address for child in node.children.get(port.address, ())} - card else None


def _leads_down(port: Function) -> bool:
    untold = port.port_type is None and port.is_pci_bridge and not port.capabilities_known
    return port.port_type in PORTS or untold


def _of_card(function: Function) -> str:
    """Virtual functions are part of the card that makes them."""
    return (function.physical_function or function.address).card


def _lanes(function: Function) -> int:
    return 0 if function.link is None else function.link.max_width or 0
