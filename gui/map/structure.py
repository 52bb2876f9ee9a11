"""How a node's functions hang together, whatever the arrangement: bridges, cards, tiles."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

from backend.node.address import PciAddress
from backend.node.function import Function
from backend.node.node import Node
from gui.map.pieces import Measures, Rect, Row, Tile


def is_system(function: Function) -> bool:
    """Host bridges and IOMMUs: they never leave the host, and dozens of them say nothing."""
    return function.class_code is not None and function.class_code >> 8 in (0x0600, 0x0806)


def parents_of(node: Node) -> dict[PciAddress, PciAddress]:
    """The bridge above each function: as the snapshot tells, else from the bridges' secondary buses."""
    told = {f.address: f.parent for f in node.functions if f.parent in node.by_address and f.parent != f.address}
    if told:
        return {a: p for a, p in told.items() if p is not None}
    above = {
        (f.address.domain, f.secondary_bus): f.address for f in node.functions if f.is_pci_bridge and f.secondary_bus
    }
    return {f.address: above[key] for f in node.functions if (key := (f.address.domain, f.address.bus)) in above}


def numa_of(functions: Iterable[Function]) -> int | None:
    """The node that most of them are near to; the kernel's -1 says nothing."""
    counted = Counter(f.numa_node for f in functions if f.numa_node is not None and f.numa_node >= 0)
    return min(counted, key=lambda numa: (-counted[numa], numa)) if counted else None


@dataclass(slots=True)
class Card:
    """Functions of one bus and device, bridges and system functions left out."""

    key: str
    functions: list[Function]
    frame: int | None = None  # number of the set of cards it shares groups with, None: no group

    def parts(self) -> list[tuple[str, list[Function]]]:
        """Key and functions of each of its tiles, one for each group."""
        found: dict[int | None, list[Function]] = {}
        for function in self.functions:
            found.setdefault(function.group, []).append(function)
        first = next(iter(found))
        return [(self.key if g == first else f"{self.key} group {g}", there) for g, there in found.items()]


class Structure:
    """What both arrangements draw: cards as tiles, bridges as what leads to them."""

    def __init__(self, node: Node) -> None:
        self.node = node
        self.parents = parents_of(node)
        self.below: dict[PciAddress, list[Function]] = {}
        for function in node.functions:
            parent = self.parents.get(function.address)
            if parent is not None:
                self.below.setdefault(parent, []).append(function)
        self.vfs: dict[PciAddress, list[PciAddress]] = {}
        for function in node.functions:
            if function.physical_function in node.by_address and function.physical_function is not None:
                self.vfs.setdefault(function.physical_function, []).append(function.address)
        self.hidden = {vf for vfs in self.vfs.values() for vf in vfs}

    @property
    def is_flat(self) -> bool:
        """No chain of bridges is known."""
        return not self.parents

    def leads_on(self, function: Function) -> bool:
        """A bridge by its class, or (CardBus, listings without classes) by what is below it."""
        return function.is_pci_bridge or function.address in self.below

    def is_faint(self, function: Function) -> bool:
        """Nothing that a guest could get."""
        return is_system(function) or self.leads_on(function)

    def cards(self, functions: Iterable[Function]) -> list[Card]:
        cards: dict[str, Card] = {}
        for function in functions:
            if function.address not in self.hidden and not self.is_faint(function):
                key = function.address.card
                cards.setdefault(key, Card(key, [])).functions.append(function)
        return list(cards.values())

    def path(self, address: PciAddress) -> tuple[PciAddress, ...]:
        """Bridges from the root port down to it, itself left out."""
        way: list[PciAddress] = []
        at = self.parents.get(address)
        while at is not None and at not in way:
            way.append(at)
            at = self.parents.get(at)
        return tuple(reversed(way))

    def numa(self, functions: Sequence[Function]) -> int | None:
        """The node that they are near to; where they do not tell, the node of their root complex."""
        told = numa_of(functions)
        if told is not None or not functions:
            return told
        return self._numa_of_root.get(self.root(functions[0]))

    def root(self, function: Function) -> str:
        """Name of its root complex (``0000:00``); where no chain of bridges is known, of its domain."""
        at = next(iter(self.path(function.address)), function.address)
        return f"{at.domain:04x}" if self.is_flat else f"{at.domain:04x}:{at.bus:02x}"

    @cached_property
    def _numa_of_root(self) -> Mapping[str, int | None]:
        found: dict[str, list[Function]] = {}
        for function in self.node.functions:
            if function.address not in self.hidden:
                found.setdefault(self.root(function), []).append(function)
        return {root: numa_of(functions) for root, functions in found.items()}

    def height(self, measures: Measures, functions: Sequence[Function], width: float, *, head: bool) -> float:
        """Of the tile that `tile` would make."""
        vfs = sum(f.address in self.vfs for f in functions)
        rows = len(functions) * measures.row("function", width) + vfs * measures.row("vfs", width)
        return rows + (measures.head if head else 0)

    def tile(
        self,
        measures: Measures,
        key: str,
        functions: Sequence[Function],
        x: float,
        y: float,
        width: float,
        *,
        head: bool,
    ) -> Tile:
        top = y
        rows: list[Row] = []
        y += measures.head if head else 0

        def add(kind: str, addresses: tuple[PciAddress, ...]) -> None:
            nonlocal y
            rows.append(Row(kind, addresses, Rect(x, y, width, measures.row(kind, width))))
            y = rows[-1].rect.bottom

        for function in functions:
            add("function", (function.address,))
            if function.address in self.vfs:
                add("vfs", tuple(self.vfs[function.address]))
        path = self.path(functions[0].address)
        return Tile(key, Rect(x, top, width, y - top), measures.head if head else 0, tuple(rows), path)


def faint_tile(
    measures: Measures, key: str, kind: str, functions: Sequence[Function], x: float, y: float, w: float
) -> Tile:
    """All of `functions` in one row."""
    row = Row(kind, tuple(f.address for f in functions), Rect(x, y, w, measures.row(kind, w)))
    return Tile(key, row.rect, 0, (row,), ())


class Sharing:
    """Sets of cards that share a group with one another, directly or through a third."""

    def __init__(self, cards: Sequence[Card]) -> None:
        leader: dict[str, str] = {card.key: card.key for card in cards}

        def find(key: str) -> str:
            while leader[key] != key:
                key = leader[key]
            return key

        seen: dict[int, str] = {}
        for card in cards:
            for function in card.functions:
                if function.group is None:
                    continue
                if function.group in seen:
                    leader[find(card.key)] = find(seen[function.group])
                else:
                    seen[function.group] = card.key
        numbers: dict[str, int] = {}
        self.members: dict[int, list[Card]] = {}
        for card in cards:
            if any(f.group is not None for f in card.functions):
                card.frame = numbers.setdefault(find(card.key), len(numbers))
                self.members.setdefault(card.frame, []).append(card)
        shared = [number for number in numbers.values() if len(self.members[number]) > 1]
        self.hues: Mapping[int, int] = {number: hue for hue, number in enumerate(shared)}
