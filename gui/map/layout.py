"""Where everything on the board lies: a pure function from a Node to rectangles.

No Qt here, so that the arrangement can be tested on every machine we have. Lengths are scene units (pixels at
100 %), derived from the line height of the font, so the board grows with the text.

The structure alternates. A *hub* is a root complex, or a bridge below a port (a switch's upstream port, a
bridge to conventional PCI); it is drawn as a bar. From a hub one *lane* goes to each port below it; at its
end are card tiles, or the next hub.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from backend.node.address import PciAddress
from backend.node.function import Function, Link
from backend.node.node import Node


@dataclass(frozen=True, slots=True)
class Rect:
    x: float
    y: float
    w: float
    h: float

    @property
    def right(self) -> float:
        return self.x + self.w

    @property
    def bottom(self) -> float:
        return self.y + self.h

    def overlaps(self, other: Rect) -> bool:
        return self.x < other.right and other.x < self.right and self.y < other.bottom and other.y < self.bottom


@dataclass(frozen=True, slots=True)
class Row:
    """One line of a tile. ``kind``: "function", "vfs" (all VFs of a PF) or "system" (never leaves)."""

    kind: str
    addresses: tuple[PciAddress, ...]
    rect: Rect


@dataclass(frozen=True, slots=True)
class Tile:
    """A card. ``head`` is the height above the rows for the card's name, 0 where the only row says it."""

    key: str
    rect: Rect
    head: float
    rows: tuple[Row, ...]
    path: tuple[PciAddress, ...]  # bridges from the root port down to the card


@dataclass(frozen=True, slots=True)
class Lane:
    """The link from a hub to what is below a port, at height ``y`` from ``x`` to ``end``.

    ``port`` is None for a card on the hub's own bus, and where bridges are not known (then ``bus`` names it).
    """

    key: str
    rect: Rect  # room for the lane and its two lines of text
    x: float
    end: float
    y: float
    thickness: float
    port: PciAddress | None
    bus: str | None
    slot: str | None
    link: Link | None
    card_width: int | None  # lanes that the card can
    card_speed: float | None
    below: bool  # runs below what the card can (a display's speed left out: it lowers it at rest)
    empty: bool


@dataclass(frozen=True, slots=True)
class Bar:
    """A hub: ``address`` is None for a root complex, which ``name`` tells (``0000:00``)."""

    key: str
    rect: Rect
    name: str
    address: PciAddress | None


@dataclass(frozen=True, slots=True)
class Frame:
    """Round tiles that share groups. ``hue`` numbers shared groups from 0; None: nothing is shared."""

    key: str
    rect: Rect
    groups: tuple[int, ...]
    tiles: tuple[str, ...]
    others: tuple[PciAddress, ...]  # members of shared groups, uses of the host first
    hue: int | None


@dataclass(frozen=True, slots=True)
class Zone:
    """``kind``: "slots" (a root complex and its ports) or "board" (functions on the root buses)."""

    key: str
    rect: Rect
    kind: str
    numa: int | None
    root: str | None


@dataclass(frozen=True, slots=True)
class MapLayout:
    width: float
    height: float
    zones: tuple[Zone, ...] = ()
    bars: tuple[Bar, ...] = ()
    lanes: tuple[Lane, ...] = ()
    frames: tuple[Frame, ...] = ()
    tiles: tuple[Tile, ...] = ()


def layout(node: Node, width: float, line: float = 16.0) -> MapLayout:
    """Arrange `node` on a board about `width` wide, wider where deep bridges need it; `line`: line height."""
    return _Board(node, line).build(width)


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


@dataclass(slots=True)
class _Card:
    """Functions of one bus and device that are drawn in one tile."""

    key: str
    functions: list[Function]
    frame: int | None = None  # number of the set of cards it shares groups with, None: no group


@dataclass(slots=True)
class _Port:
    """What one lane leads to."""

    bridge: Function | None
    bus: str | None
    cards: list[_Card]
    hubs: list[_Hub]

    def all_cards(self) -> Iterable[_Card]:
        yield from self.cards
        for hub in self.hubs:
            for port in hub.ports:
                yield from port.all_cards()


@dataclass(slots=True)
class _Hub:
    name: str
    bridge: Function | None
    ports: list[_Port]

    @property
    def depth(self) -> int:
        return 1 + max((hub.depth for port in self.ports for hub in port.hubs), default=0)


class _Board:
    def __init__(self, node: Node, line: float) -> None:
        self.node = node
        self.line = line
        self.margin = line
        self.pad = round(0.6 * line)  # between a frame and its tiles
        self.row = round(1.75 * line)
        self.head = round(1.9 * line)
        self.gap = round(1.25 * line)  # between frames: the upper half of a header must fit
        self.bar = round(1.6 * line)
        self.lane = round(9.5 * line)
        self.tile_min = 22 * line
        self.tile_max = 56 * line

        self.parents = parents_of(node)
        self.flat = not self.parents  # no chain of bridges: arranged by bus
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
        self.slot_of = {slot.address: slot.name for slot in node.slots if slot.address is not None}

        self.zones: list[Zone] = []
        self.bars: list[Bar] = []
        self.lanes: list[Lane] = []
        self.frames: list[Frame] = []
        self.tiles: list[Tile] = []
        self.run: list[tuple[_Card, Tile]] = []  # tiles above the cursor that one frame will hold

    # --- structure --------------------------------------------------------------------------------

    def _leads_on(self, function: Function) -> bool:
        """A bridge by its class, or (CardBus, listings without classes) by what is below it."""
        return function.is_pci_bridge or function.address in self.below

    def _cards(self, functions: Iterable[Function]) -> list[_Card]:
        cards: dict[str, _Card] = {}
        for function in functions:
            if function.address not in self.hidden:
                key = function.address.card
                cards.setdefault(key, _Card(key, [])).functions.append(function)
        return list(cards.values())

    def _hub(self, name: str, bridge: Function | None, functions: Sequence[Function]) -> _Hub:
        ports = [self._port(f) for f in functions if self._leads_on(f)]
        ports += [_Port(None, None, [card], []) for card in self._cards(f for f in functions if not self._leads_on(f))]
        return _Hub(name, bridge, ports)

    def _port(self, bridge: Function) -> _Port:
        functions = self.below.get(bridge.address, [])
        hubs = [self._hub(f.address.card, f, self.below.get(f.address, [])) for f in functions if self._leads_on(f)]
        return _Port(bridge, None, self._cards(f for f in functions if not self._leads_on(f)), hubs)

    def _root_hub(self, name: str, functions: Sequence[Function]) -> tuple[_Hub, list[_Card]]:
        """A root complex: its ports, and the cards that sit on the root bus itself."""
        if self.flat:
            first = min(f.address.bus for f in functions)
            on_root = [f for f in functions if f.address.bus == first]
            buses = sorted({f.address.bus for f in functions} - {first})
            ports = [
                _Port(None, f"{bus:02x}", self._cards(f for f in functions if f.address.bus == bus), [])
                for bus in buses
            ]
            return _Hub(name, None, [p for p in ports if p.cards]), self._cards(on_root)
        ports = [self._port(f) for f in functions if self._leads_on(f)]
        return _Hub(name, None, ports), self._cards(f for f in functions if not self._leads_on(f))

    def _join(self, cards: Sequence[_Card]) -> None:
        """Number sets of cards that share a group with one another, directly or through a third."""
        leader: dict[str, str] = {card.key: card.key for card in cards}

        def find(key: str) -> str:
            while leader[key] != key:
                key = leader[key]
            return key

        seen: dict[int, str] = {}
        for card in cards:
            for function in card.functions:
                if function.group is None or is_system(function):
                    continue
                if function.group in seen:
                    leader[find(card.key)] = find(seen[function.group])
                else:
                    seen[function.group] = card.key
        numbers: dict[str, int] = {}
        for card in cards:
            if any(f.group is not None and not is_system(f) for f in card.functions):
                card.frame = numbers.setdefault(find(card.key), len(numbers))
        sizes = Counter(card.frame for card in cards if card.frame is not None)
        shared = [number for number in numbers.values() if sizes[number] > 1]
        self.hues = {number: hue for hue, number in enumerate(shared)}
        self.members: dict[int, list[_Card]] = {}
        for card in cards:
            if card.frame is not None:
                self.members.setdefault(card.frame, []).append(card)

    def _ordered(self, ports: Sequence[_Port]) -> list[_Port]:
        """As they come, but ports that share a group side by side, and the empty ones last."""
        place: dict[int, int] = {}

        def rank(item: tuple[int, _Port]) -> tuple[bool, int, int]:
            index, port = item
            frames = [card.frame for card in port.all_cards() if card.frame is not None]
            known = [place[frame] for frame in frames if frame in place]
            at = min(known, default=index)
            for frame in frames:
                place.setdefault(frame, at)
            return not (port.cards or port.hubs), at, index

        return [port for _, port in sorted(enumerate(ports), key=rank)]

    # --- placing ----------------------------------------------------------------------------------

    def build(self, width: float) -> MapLayout:
        roots: dict[str, list[Function]] = {}
        for function in self.node.functions:
            if function.address not in self.parents and function.address not in self.hidden:
                at = function.address
                name = f"{at.domain:04x}" if self.flat else f"{at.domain:04x}:{at.bus:02x}"
                roots.setdefault(name, []).append(function)
        hubs: list[tuple[int | None, _Hub]] = []
        board: dict[int | None, list[_Card]] = {}
        for name, functions in roots.items():
            hub, cards = self._root_hub(name, functions)
            numa = _numa(functions)
            if hub.ports:
                hubs.append((numa, hub))
            board.setdefault(numa, []).extend(cards)
        hubs.sort(key=lambda item: (item[0] is None, item[0] or 0))
        every = [card for _, hub in hubs for port in hub.ports for card in port.all_cards()]
        self._join(every + [card for cards in board.values() for card in cards])

        depth = max((hub.depth for _, hub in hubs), default=1)
        inset = self.margin + self.pad
        least = 2 * inset + depth * (self.bar + self.lane) + self.tile_min
        room = width - 2 * self.margin
        columns = 2 if room >= 2 * least + self.margin and len(hubs) > 1 else 1
        most = 2 * inset + depth * (self.bar + self.lane) + self.tile_max
        zone_width = min(max((room - (columns - 1) * self.margin) / columns, least), most)
        bottoms = [self.margin] * columns

        def column() -> int:
            return bottoms.index(min(bottoms))

        for numa, hub in hubs:
            n = column()
            x, y = self.margin + n * (zone_width + self.margin), bottoms[n]
            end = self._slots_zone(hub, numa, Rect(x, y, zone_width, 0))
            bottoms[n] = end + self.margin
        for numa in sorted(board, key=lambda n: (n is None, n or 0)):
            if board[numa]:
                n = column()
                x, y = self.margin + n * (zone_width + self.margin), bottoms[n]
                bottoms[n] = self._board_zone(board[numa], numa, Rect(x, y, zone_width, 0)) + self.margin
        return MapLayout(
            width=2 * self.margin + columns * zone_width + (columns - 1) * self.margin if self.zones else width,
            height=max(bottoms),
            zones=tuple(self.zones),
            bars=tuple(self.bars),
            lanes=tuple(self.lanes),
            frames=tuple(self.frames),
            tiles=tuple(self.tiles),
        )

    def _slots_zone(self, hub: _Hub, numa: int | None, at: Rect) -> float:
        inset = self.margin + self.pad
        top = at.y + 2 * self.line + self.gap
        self._place_hub(hub, at.x + self.margin, top, at.right - inset, ())
        end = self._below_run() + self.margin
        self.zones.append(Zone(f"slots {hub.name}", Rect(at.x, at.y, at.w, end - at.y), "slots", numa, hub.name))
        return end

    def _board_zone(self, cards: Sequence[_Card], numa: int | None, at: Rect) -> float:
        system = [f for card in cards for f in card.functions if is_system(f)]
        rest = [
            _Card(card.key, [f for f in card.functions if not is_system(f)], card.frame)
            for card in cards
            if any(not is_system(f) for f in card.functions)
        ]
        first: dict[int | None, int] = {}
        for index, card in enumerate(rest):
            first.setdefault(card.frame, index)
        rest.sort(key=lambda card: first[card.frame])
        units: list[list[_Card]] = []
        for card in rest:
            if units and units[-1][0].frame == card.frame:
                units[-1].append(card)
            else:
                units.append([card])
        inside = at.w - 2 * (self.margin + self.pad)
        columns = 2 if inside >= 2 * self.tile_min + 2 * self.pad + self.margin and len(units) > 1 else 1
        width = (inside - (columns - 1) * (2 * self.pad + self.margin)) / columns
        heights = [sum(self._tile_height(card) + self.gap for card in unit) + 2 * self.pad for unit in units]
        half, used = sum(heights) / columns, 0.0
        lists: list[list[list[_Card]]] = [[] for _ in range(columns)]
        for unit, height in zip(units, heights, strict=True):
            lists[min(int((used + height / 2) // half), columns - 1)].append(unit)
            used += height
        bottom = at.y + 2 * self.line
        for index, column in enumerate(lists):
            x = at.x + self.margin + self.pad + index * (width + 2 * self.pad + self.margin)
            self.cursor = at.y + 2 * self.line + self.gap
            for unit in column:
                for card in unit:
                    self._tile(card, x, x + width, (), same_lane=True)
                self.cursor = self._close_run(self.cursor)
            bottom = max(bottom, self.cursor)
        if system:
            # The cursor stands where the next frame would begin: too far below for a line without one.
            self.cursor = bottom - (self.gap if units else 0) + round(0.25 * self.line)
            x = at.x + self.margin
            row = Row(
                "system",
                tuple(f.address for f in system),
                Rect(x, self.cursor, at.w - 2 * self.margin, self.row),
            )
            self.tiles.append(Tile(f"system {numa}", row.rect, 0, (row,), ()))
            bottom = row.rect.bottom - self.pad
        else:
            bottom -= self.gap + self.pad
        end = bottom + self.margin
        self.zones.append(Zone(f"board {numa}", Rect(at.x, at.y, at.w, end - at.y), "board", numa, None))
        return end

    def _place_hub(self, hub: _Hub, x: float, top: float, right: float, path: tuple[PciAddress, ...]) -> float:
        """Place `hub` with all below it; returns the height at which a lane from above meets its bar."""
        self.cursor = top
        content = x + self.bar + self.lane
        heights: list[float] = []
        for port in self._ordered(hub.ports):
            here = (*path, port.bridge.address) if port.bridge else path
            key = str(port.bridge.address) if port.bridge else f"{hub.name} {port.bus or port.cards[0].key}"
            if not port.cards and not port.hubs:
                self.cursor = self._close_run(self.cursor)
                y = self.cursor + round(0.9 * self.line)
                self.cursor = y + round(1.1 * self.line)
            else:
                y = 0.0
                for card in port.cards:
                    tile = self._tile(card, content, right, here, same_lane=card is not port.cards[0])
                    y = y or tile.rect.y + (tile.head or self.row) / 2
                for below in port.hubs:
                    start = self._room_for(None)
                    met = self._place_hub(below, content, start, right, (*here, *self._address(below)))
                    y = y or met
            heights.append(y)
            self._lane(key, port, x + self.bar, right, y)
        if not hub.ports:
            self.cursor = self._close_run(self.cursor)
            heights = [self.cursor + self.row / 2]
            self.cursor += self.row
        first, last = heights[0] - self.line * 1.2, max(heights[-1] + self.line * 1.2, top + 4 * self.line)
        if hub.bridge is not None:
            last = heights[-1] + self.line
            first = heights[0] - self.line
        self.cursor = max(self.cursor, last if hub.bridge is None else self.cursor)
        address = hub.bridge.address if hub.bridge else None
        self.bars.append(Bar(f"bar {hub.name}", Rect(x, first, self.bar, last - first), hub.name, address))
        return heights[0]

    @staticmethod
    def _address(hub: _Hub) -> tuple[PciAddress, ...]:
        return (hub.bridge.address,) if hub.bridge is not None else ()

    def _room_for(self, card: _Card | None, *, same_lane: bool = False) -> float:
        """Top of the next tile, below the cursor: near its mates, or out of the frame before."""
        if not self.run:
            return self.cursor
        if card is not None and self.run[-1][0].frame == card.frame:
            return self.cursor + (round(0.5 * self.line) if same_lane else round(1.6 * self.line))
        if card is None:
            return self.cursor + self.gap
        self.cursor = self._close_run(self.cursor)
        return self.cursor

    def _tile_height(self, card: _Card) -> float:
        rows = len(card.functions) + sum(1 for f in card.functions if f.address in self.vfs)
        return rows * self.row + (self.head if len(card.functions) > 1 else 0)

    def _tile(self, card: _Card, x: float, right: float, path: tuple[PciAddress, ...], *, same_lane: bool) -> Tile:
        top = self._room_for(card, same_lane=same_lane)
        head = self.head if len(card.functions) > 1 else 0
        rows: list[Row] = []
        y = top + head
        for function in card.functions:
            rows.append(Row("function", (function.address,), Rect(x, y, right - x, self.row)))
            y += self.row
            if function.address in self.vfs:
                rows.append(Row("vfs", tuple(self.vfs[function.address]), Rect(x, y, right - x, self.row)))
                y += self.row
        tile = Tile(card.key, Rect(x, top, right - x, y - top), head, tuple(rows), path)
        self.tiles.append(tile)
        self.run.append((card, tile))
        self.cursor = y
        return tile

    def _close_run(self, cursor: float) -> float:
        """Draw the frame of the tiles placed since the last; returns where the next tile may begin."""
        if not self.run:
            return cursor
        card = self.run[0][0]
        tiles = [tile for _, tile in self.run]
        x, y = min(tile.rect.x for tile in tiles) - self.pad, tiles[0].rect.y - self.pad
        rect = Rect(x, y, max(tile.rect.right for tile in tiles) + self.pad - x, tiles[-1].rect.bottom + self.pad - y)
        groups = {f.group for c, _ in self.run for f in c.functions if f.group is not None and not is_system(f)}
        hue = None if card.frame is None else self.hues.get(card.frame)
        others: list[PciAddress] = []
        if card.frame is not None and hue is not None:
            others = [f.address for c in self.members[card.frame] for f in c.functions if not is_system(f)]
            others.sort(key=lambda a: a not in self.node.uses_of)
        self.frames.append(
            Frame(
                f"frame {tiles[0].key}",
                rect,
                tuple(sorted(groups)),
                tuple(tile.key for tile in tiles),
                tuple(others),
                hue,
            )
        )
        self.run = []
        return rect.bottom + self.gap + self.pad

    def _below_run(self) -> float:
        """Close the run; returns the bottom of what has been drawn."""
        running = bool(self.run)
        end = self._close_run(self.cursor)
        return max(end - self.gap - self.pad, self.cursor) if running else self.cursor

    def _lane(self, key: str, port: _Port, x: float, right: float, y: float) -> None:
        device = port.cards[0].functions[0] if port.cards else port.hubs[0].bridge if port.hubs else None
        links = [f.link for f in (device, port.bridge) if f is not None and f.link is not None]
        link = links[0] if links else None
        own = device.link if device is not None else None
        display = device is not None and device.base_class == 3
        narrow = own is not None and None not in (own.width, own.max_width) and own.width < own.max_width  # type: ignore[operator]
        slow = own is not None and None not in (own.speed, own.max_speed) and own.speed < own.max_speed  # type: ignore[operator]
        empty = device is None
        rect = Rect(x, y - 1.35 * self.line, right - x if empty else self.lane, 2.7 * self.line)
        width = (link.max_width if empty else link.width) if link is not None else None
        slot = next((f.slot for f in (device, port.bridge) if f is not None and f.slot), None)
        if slot is None:
            slot = self.slot_of.get(port.cards[0].key) if port.cards else None
        self.lanes.append(
            Lane(
                key=f"lane {key}",
                rect=rect,
                x=x,
                end=x + self.lane,
                y=y,
                thickness=_thickness(width) * self.line / 16,
                port=port.bridge.address if port.bridge else None,
                bus=port.bus,
                slot=slot or (device.label if device is not None else None),
                link=link,
                card_width=own.max_width if own is not None and narrow else None,
                card_speed=own.max_speed if own is not None and slow else None,
                below=narrow or (slow and not display),
                empty=empty,
            )
        )


def _numa(functions: Iterable[Function]) -> int | None:
    """The node that most of them are near to; the kernel's -1 says nothing."""
    counted = Counter(f.numa_node for f in functions if f.numa_node is not None and f.numa_node >= 0)
    return min(counted, key=lambda numa: (-counted[numa], numa)) if counted else None


def _thickness(width: int | None) -> float:
    for lanes, thick in ((16, 12.0), (8, 8.5), (4, 5.5), (2, 3.5)):
        if width is not None and width >= lanes:
            return thick
    return 2.0
