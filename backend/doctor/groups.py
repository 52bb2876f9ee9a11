"""IOMMU groups: what goes along with a device that a guest gets."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import replace

from backend.doctor.finding import Severity, Subject, Told, rule
from backend.doctor.passed import Claim, attribute, claims, given, lost_with, membership, name_of, taken_along
from backend.node.evidence import Evidence
from backend.node.function import Function
from backend.node.node import Node
from backend.plan.intents.reserve_card import ReserveCard

# Storage, network, display, multimedia, co-processors, accelerators: what people give to guests. USB: class 0c03.
_WORTH_PASSING = (0x01, 0x02, 0x03, 0x04, 0x0B, 0x12)
_USB = 0x0C03
_FILLER = 0x13  # "Non-Essential Instrumentation": AMD's dummy functions, which nobody misses
# Drivers beside which VFIO hands a group out (vfio_iommu_group viability, drivers/vfio/group.c).
_HARMLESS = (None, "vfio-pci", "pci-stub", "pcieport")


@rule("group-not-isolated", Severity.WARNING, Subject.GROUPS)
def _not_isolated(node: Node) -> Iterator[Told]:
    """Once a group, at its first device worth passing. Functions of one card, and bridges, do not count."""
    for group in node.groups:
        members = [node.by_address[a] for a in group.functions if a in node.by_address]
        members = [f for f in members if not f.has_pci_bus and not f.is_bridge]
        worth = [f for f in members if _is_worth_passing(f)]
        if worth and len({_card(f) for f in members if f.base_class != _FILLER}) > 1:
            values = {"group": str(group.id), "devices": ", ".join(map(name_of, members))}
            yield Told(tuple(map(membership, members)), worth[0].address, values=values)


@rule("group-takes-host-device", Severity.ERROR, Subject.GROUPS)
def _takes_host_device(node: Node) -> Iterator[Told]:
    """The claimed function itself counts too, its console apart: giving the only picture away can be meant."""
    for claim in claims(node):
        losses = lost_with(node, claim)
        if losses:
            functions = {loss: node.by_address[loss.use.address] for loss in losses}
            chains = (attribute(function, "", " -> ".join(loss.chain)) for loss, function in functions.items())
            evidence = (claim.evidence, membership(claim.function), *chains)
            lost = ", ".join(dict.fromkeys(map(name_of, functions.values())))
            yield _told(claim, evidence, lost=lost)


@rule("group-split-over-guests", Severity.WARNING, Subject.GROUPS)
def _split_over_guests(node: Node) -> Iterator[Told]:
    """Guests that name different functions of one group. (The same function twice is another rule's matter.)"""
    by_group: defaultdict[int, list[tuple[Claim, Function]]] = defaultdict(list)
    for claim in claims(node):
        for function in claim.functions:
            if function.group is not None:
                by_group[function.group].append((claim, function))
    for group, inside in by_group.items():
        named: defaultdict[int, set[Function]] = defaultdict(set)
        for claim, function in inside:
            named[claim.guest.vmid].add(function)
        if len(named) > 1 and not set.intersection(*named.values()):
            evidence = (e for c, f in inside for e in (c.evidence, membership(f)))
            guests = ", ".join(f"VM {vmid}" for vmid in sorted(named))
            first = inside[0][1].address
            yield Told(tuple(dict.fromkeys(evidence)), first, values={"group": str(group), "guests": guests})


@rule("group-member-on-host-driver", Severity.WARNING, Subject.GROUPS)
def _member_on_host_driver(node: Node) -> Iterator[Told]:
    """Members that go along unasked: on a host driver, and of no use that another rule names."""
    for claim in claims(node):
        named = given(node, claim.guest) | {loss.use.address for loss in lost_with(node, claim)}
        unasked = [
            mate for mate in taken_along(node, claim) if mate.address not in named and mate.driver not in _HARMLESS
        ]
        if unasked:
            drivers = (attribute(mate, "driver", mate.driver) for mate in unasked)
            evidence = (claim.evidence, membership(claim.function), *drivers)
            told = _told(claim, evidence, members=", ".join(map(name_of, unasked)))
            yield replace(told, remedy=_reserving(node, unasked))


@rule("group-bridge-warning-moot", Severity.NOTE, Subject.GROUPS)
def _bridge_warning_moot(node: Node) -> Iterator[Told]:
    """PVE's mapping dialog counts every member of a group; bridges stay with the host."""
    for claim in claims(node):
        others = [m for m in node.mates(claim.function.address) if m.address.card != claim.function.address.card]
        if others and all(mate.has_pci_bus for mate in others) and not claim.function.has_pci_bus:
            evidence = (membership(claim.function), *(attribute(mate, "pci_bus", None) for mate in others))
            yield _told(claim, evidence, bridges=", ".join(str(mate.address) for mate in others))


@rule("bridge-named", Severity.ERROR, Subject.GROUPS)
def _bridge_named(node: Node) -> Iterator[Told]:
    """vfio-pci takes functions with a device's header only (vfio_pci_core.c)."""
    for claim in claims(node):
        bridges = tuple(f for f in claim.functions if f.is_pci_bridge or f.has_pci_bus)
        if bridges:
            kinds = (attribute(f, "class", None if f.class_code is None else f"0x{f.class_code:06x}") for f in bridges)
            evidence = (claim.evidence, *kinds)
            yield _told(claim, evidence, bridges=", ".join(map(name_of, bridges)))


def _told(claim: Claim, evidence: tuple[Evidence, ...], **values: str) -> Told:
    values |= {
        "device": name_of(claim.function),
        "group": "-" if claim.function.group is None else str(claim.function.group),
        "slot": claim.slot,
        "vmid": str(claim.guest.vmid),
    }
    return Told(evidence, claim.function.address, claim.guest.vmid, values)


def _reserving(node: Node, functions: list[Function]) -> ReserveCard | None:
    """Where they are one card and the host can do without it."""
    intent = ReserveCard.of(node, functions[0].address)
    whole = {function.address.card for function in functions} == {functions[0].address.card}
    can_go = functions[0].physical_function is None and not any(h.blocks for h in intent.hazards(node))
    return intent if whole and can_go else None


def _is_worth_passing(function: Function) -> bool:
    code = function.class_code
    return code is not None and (code >> 16 in _WORTH_PASSING or code >> 8 == _USB)


def _card(function: Function) -> str:
    """Virtual functions are part of the card that makes them."""
    return (function.physical_function or function.address).card


RULES = (
    _not_isolated,
    _takes_host_device,
    _split_over_guests,
    _member_on_host_driver,
    _bridge_warning_moot,
    _bridge_named,
)
