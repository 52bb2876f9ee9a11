"""The machine as a tree of hubs and ports: what the slots' arrangement draws, before it has places."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from backend.node.function import Function
from gui.map.structure import Card, Structure, is_system, numa_of


@dataclass(slots=True)
class Port:
    """What one lane leads to."""

    bridge: Function | None
    bus: str | None
    cards: list[Card]
    hubs: list[Hub]

    def all_cards(self) -> Iterable[Card]:
        yield from self.cards
        for hub in self.hubs:
            for port in hub.ports:
                yield from port.all_cards()


@dataclass(slots=True)
class Hub:
    """A root complex, or a bridge below a port."""

    name: str
    bridge: Function | None
    ports: list[Port]

    @property
    def depth(self) -> int:
        return 1 + max((hub.depth for port in self.ports for hub in port.hubs), default=0)


@dataclass(slots=True)
class Root:
    """A root complex, the cards on its own bus, and what never leaves the host: bridges and IOMMUs."""

    numa: int | None
    hub: Hub
    cards: list[Card]
    system: list[Function]


def roots(structure: Structure) -> list[Root]:
    """In the order of their addresses."""
    found: dict[str, list[Function]] = {}
    for function in structure.node.functions:
        if function.address not in structure.parents and function.address not in structure.hidden:
            found.setdefault(structure.root(function), []).append(function)
    tree = _Tree(structure)
    return [tree.root(name, functions) for name, functions in found.items()]


class _Tree:
    def __init__(self, structure: Structure) -> None:
        self.structure = structure
        self.below = structure.below

    def _hub(self, name: str, bridge: Function | None, functions: Sequence[Function]) -> Hub:
        ports = [self._port(f) for f in functions if self.structure.leads_on(f)]
        ports += [Port(None, None, [card], []) for card in self.structure.cards(functions)]
        return Hub(name, bridge, ports)

    def _port(self, bridge: Function) -> Port:
        functions = self.below.get(bridge.address, [])
        hubs = [
            self._hub(f.address.card, f, self.below.get(f.address, [])) for f in functions if self.structure.leads_on(f)
        ]
        return Port(bridge, None, self.structure.cards(functions), hubs)

    def root(self, name: str, functions: Sequence[Function]) -> Root:
        cards = self.structure.cards
        if self.structure.is_flat:
            first = min(f.address.bus for f in functions)
            buses = sorted({f.address.bus for f in functions} - {first})
            by_bus = {bus: cards(f for f in functions if f.address.bus == bus) for bus in (first, *buses)}
            ports = [Port(None, f"{bus:02x}", by_bus[bus], []) for bus in buses if by_bus[bus]]
            hub, on_bus = Hub(name, None, ports), by_bus[first]
        else:
            hub = Hub(name, None, [self._port(f) for f in functions if self.structure.leads_on(f)])
            on_bus = cards(functions)
        return Root(numa_of(functions), hub, on_bus, self._system(functions))

    def _system(self, functions: Iterable[Function]) -> list[Function]:
        """Host bridges and IOMMUs of a root complex; where no chain is known, its bridges too."""
        found: list[Function] = []
        for function in functions:
            if is_system(function) or (self.structure.is_flat and function.is_pci_bridge):
                found.append(function)
            found += self._system(self.below.get(function.address, ()))
        return found


def ordered(ports: Sequence[Port]) -> list[Port]:
    """As they come, but ports that share a group side by side, and the empty ones last."""
    place: dict[int, int] = {}

    def rank(item: tuple[int, Port]) -> tuple[bool, int, int]:
        index, port = item
        frames = [card.frame for card in port.all_cards() if card.frame is not None]
        known = [place[frame] for frame in frames if frame in place]
        at = min(known, default=index)
        for frame in frames:
            place.setdefault(frame, at)
        return not (port.cards or port.hubs), at, index

    return [port for _, port in sorted(enumerate(ports), key=rank)]
