"""The slots' arrangement: a machine as its board is.

The structure alternates. A *hub* is a root complex, or a bridge below a port (a switch's upstream port, a bridge to
conventional PCI); it is drawn as a bar. From a hub one *lane* goes to each port below it; at its end are card tiles,
or the next hub.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from backend.node.address import PciAddress
from backend.node.function import Function
from backend.node.node import Node
from gui.map.hubs import Hub, Port, ordered, roots
from gui.map.pieces import Bar, Frame, Lane, MapLayout, Measures, Rect, Tile, Zone
from gui.map.structure import Card, Sharing, Structure, faint_tile


def slots(node: Node, width: float, line: float) -> MapLayout:
    """About `width` wide, wider where deep bridges need it; `line`: line height."""
    return _Board(node, line).build(width)


class _Board:
    def __init__(self, node: Node, line: float) -> None:
        self.node = node
        self.line = line
        self.at = Measures(line)
        self.structure = Structure(node)
        self.slot_of = {slot.address: slot.name for slot in node.slots if slot.address is not None}

        self.zones: list[Zone] = []
        self.bars: list[Bar] = []
        self.lanes: list[Lane] = []
        self.frames: list[Frame] = []
        self.tiles: list[Tile] = []
        self.run: list[tuple[Card, Tile]] = []  # tiles above the cursor that one frame will hold

    def _least(self, depth: int) -> float:
        """How wide a zone must be whose hubs are `depth` deep."""
        return 2 * (self.at.margin + self.at.pad) + depth * (self.at.bar + self.at.lane) + self.at.tile_min

    def build(self, width: float) -> MapLayout:
        hubs: list[tuple[int | None, Hub]] = []
        board: dict[int | None, list[Card]] = {}
        system: dict[int | None, list[Function]] = {}
        for root in roots(self.structure):
            if root.hub.ports:
                hubs.append((root.numa, root.hub))
            board.setdefault(root.numa, []).extend(root.cards)
            system.setdefault(root.numa, []).extend(root.system)
        hubs.sort(key=lambda item: (item[0] is None, item[0] or 0))
        every = [card for _, hub in hubs for port in hub.ports for card in port.all_cards()]
        self.sharing = Sharing(every + [card for cards in board.values() for card in cards])

        depth = max((hub.depth for _, hub in hubs), default=1)
        inset = self.at.margin + self.at.pad
        room = width - 2 * self.at.margin
        least = self._least(depth)
        if room < least:
            self.at = Measures(self.line, tight=True)
            least = self._least(depth)
        comfortable = least + 10 * self.line + self.at.margin
        columns = max(1, min(len(hubs) + 1, int((room + self.at.margin) / comfortable)))
        most = 2 * inset + depth * (self.at.bar + self.at.lane) + self.at.tile_max
        zone_width = min(max((room - (columns - 1) * self.at.margin) / columns, least), most)
        beside = columns > len(hubs) > 0  # on-board devices to the right of the slots, else below them
        bottoms = [self.at.margin] * (len(hubs) if beside else columns)

        def column() -> int:
            return bottoms.index(min(bottoms))

        for numa, hub in hubs:
            n = column()
            x, y = self.at.margin + n * (zone_width + self.at.margin), bottoms[n]
            end = self._slots_zone(hub, numa, Rect(x, y, zone_width, 0))
            bottoms[n] = end + self.at.margin
        whole = columns * zone_width + (columns - 1) * self.at.margin
        # On-board devices are many and small: they take all the width there is.
        left = self.at.margin + len(hubs) * (zone_width + self.at.margin) if beside else self.at.margin
        right = self.at.margin + whole
        y = self.at.margin if beside else max(bottoms)
        for numa in sorted(board, key=lambda n: (n is None, n or 0)):
            if board[numa] or system[numa]:
                place = Rect(left, y, right - left, 0)
                y = self._board_zone(board[numa], system[numa], numa, place) + self.at.margin
        return MapLayout(
            width=whole + 2 * self.at.margin if self.zones else width,
            height=max(y, *bottoms),
            zones=tuple(self.zones),
            bars=tuple(self.bars),
            lanes=tuple(self.lanes),
            frames=tuple(self.frames),
            tiles=tuple(self.tiles),
        )

    def _slots_zone(self, hub: Hub, numa: int | None, at: Rect) -> float:
        inset = self.at.margin + self.at.pad
        top = at.y + 2 * self.line + self.at.gap
        self._place_hub(hub, at.x + self.at.margin, top, at.right - inset)
        end = self._below_run() + self.at.margin
        self.zones.append(Zone(f"slots {hub.name}", Rect(at.x, at.y, at.w, end - at.y), "slots", numa, hub.name))
        return end

    def _board_zone(self, cards: Sequence[Card], system: Sequence[Function], numa: int | None, at: Rect) -> float:
        rest = list(cards)
        first: dict[int | None, int] = {}
        for index, card in enumerate(rest):
            first.setdefault(card.frame, index)
        rest.sort(key=lambda card: first[card.frame])
        units: list[list[Card]] = []
        for card in rest:
            if units and units[-1][0].frame == card.frame is not None:
                units[-1].append(card)
            else:
                units.append([card])
        inside = at.w - 2 * (self.at.margin + self.at.pad)
        between = 2 * self.at.pad + self.at.margin
        columns = max(1, min(len(units), int((inside + between) / (self.at.tile_min + between))))
        width = (inside - (columns - 1) * between) / columns
        heights = [sum(self._height(card, width) + self.at.gap for card in unit) + 2 * self.at.pad for unit in units]
        used = [0.0] * columns
        lists: list[list[list[Card]]] = [[] for _ in range(columns)]
        for unit, height in zip(units, heights, strict=True):
            shortest = used.index(min(used))
            lists[shortest].append(unit)
            used[shortest] += height
        bottom = at.y + 2 * self.line
        for index, column in enumerate(lists):
            x = at.x + self.at.margin + self.at.pad + index * (width + between)
            self.cursor = at.y + 2 * self.line + (self.at.gap if units else 0)
            for card in (card for unit in column for card in unit):
                self._card(card, x, x + width, same_lane=True)
            self.cursor = self._close_run(self.cursor)
            bottom = max(bottom, self.cursor)
        if system:
            # The cursor stands where the next frame would begin: too far below for a line without one.
            self.cursor = bottom - (self.at.gap if units else 0) + round(0.25 * self.line)
            x = at.x + self.at.margin
            tile = faint_tile(self.at, f"system {numa}", "system", system, x, self.cursor, at.w - 2 * self.at.margin)
            self.tiles.append(tile)
            bottom = tile.rect.bottom - self.at.pad
        else:
            bottom -= self.at.gap + self.at.pad
        end = bottom + self.at.margin
        self.zones.append(Zone(f"board {numa}", Rect(at.x, at.y, at.w, end - at.y), "board", numa, None))
        return end

    def _place_hub(self, hub: Hub, x: float, top: float, right: float) -> float:
        """Place `hub` with all below it; returns the height at which a lane from above meets its bar."""
        self.cursor = top
        content = x + self.at.bar + self.at.lane
        heights: list[float] = []
        for port in ordered(hub.ports):
            key = str(port.bridge.address) if port.bridge else f"{hub.name} {port.bus or port.cards[0].key}"
            if not port.cards and not port.hubs:
                self.cursor = self._close_run(self.cursor)
                y = self.cursor + round(0.9 * self.line)
                self.cursor = y + round(1.1 * self.line)
            else:
                y = 0.0
                for card in port.cards:
                    tile = self._card(card, content, right, same_lane=card is not port.cards[0])
                    y = y or tile.rect.y + (tile.head or tile.rows[0].rect.h) / 2
                for below in port.hubs:
                    start = self._room_for(None)
                    met = self._place_hub(below, content, start, right)
                    y = y or met
            heights.append(y)
            self._lane(key, port, x + self.at.bar, right, y)
        if not hub.ports:
            self.cursor = self._close_run(self.cursor)
            heights = [self.cursor + self.at.low_row / 2]
            self.cursor += self.at.low_row
        first, last = heights[0] - self.line * 1.2, max(heights[-1] + self.line * 1.2, top + 4 * self.line)
        if hub.bridge is not None:
            last = heights[-1] + self.line
            first = heights[0] - self.line
        self.cursor = max(self.cursor, last if hub.bridge is None else self.cursor)
        if hub.bridge is not None and not self.run:
            self.cursor += self.at.gap  # what comes next keeps clear of an empty lane
        address = hub.bridge.address if hub.bridge else None
        self.bars.append(Bar(f"bar {hub.name}", Rect(x, first, self.at.bar, last - first), hub.name, address))
        return heights[0]

    def _room_for(self, card: Card | None, *, same_lane: bool = False) -> float:
        """Top of the next tile, below the cursor: near its mates, or out of the frame before."""
        if not self.run:
            return self.cursor
        if card is not None and self.run[-1][0].frame == card.frame:
            return self.cursor + (round(0.5 * self.line) if same_lane else round(1.6 * self.line))
        if card is None:
            return self.cursor + self.at.gap
        self.cursor = self._close_run(self.cursor)
        return self.cursor

    def _height(self, card: Card, width: float) -> float:
        return self.structure.height(self.at, card.functions, width, head=len(card.functions) > 1)

    def _card(self, card: Card, x: float, right: float, *, same_lane: bool) -> Tile:
        """Place the tiles of `card`, one right below the other; returns the first."""
        y = self._room_for(card, same_lane=same_lane)
        tiles: list[Tile] = []
        for key, functions in card.parts():
            head = not tiles and len(card.functions) > 1
            tiles.append(self.structure.tile(self.at, key, functions, x, y, right - x, head=head))
            y = tiles[-1].rect.bottom
        last = len(tiles) - 1
        tiles = [replace(tile, joins_above=n > 0, joins_below=n < last) for n, tile in enumerate(tiles)]
        self.tiles += tiles
        self.run += [(card, tile) for tile in tiles]
        self.cursor = y
        return tiles[0]

    def _close_run(self, cursor: float) -> float:
        """Draw the frame of the tiles placed since the last; returns where the next tile may begin."""
        if not self.run:
            return cursor
        card = self.run[0][0]
        tiles = [tile for _, tile in self.run]
        x, y = min(tile.rect.x for tile in tiles) - self.at.pad, tiles[0].rect.y - self.at.pad
        rect = Rect(
            x, y, max(tile.rect.right for tile in tiles) + self.at.pad - x, tiles[-1].rect.bottom + self.at.pad - y
        )
        groups = {f.group for c, _ in self.run for f in c.functions if f.group is not None}
        hue = None if card.frame is None else self.sharing.hues.get(card.frame)
        others: list[PciAddress] = []
        if card.frame is not None and hue is not None:
            others = [f.address for c in self.sharing.members[card.frame] for f in c.functions]
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
        return rect.bottom + self.at.gap + self.at.pad

    def _below_run(self) -> float:
        """Close the run; returns the bottom of what has been drawn."""
        running = bool(self.run)
        end = self._close_run(self.cursor)
        return max(end - self.at.gap - self.at.pad, self.cursor) if running else self.cursor

    def _empty_slot(self, port: Port) -> str | None:
        found = None if port.bridge is None else self.node.slot_below(port.bridge.address)
        return None if found is None else found.name

    def _lane(self, key: str, port: Port, x: float, right: float, y: float) -> None:
        device = port.cards[0].functions[0] if port.cards else port.hubs[0].bridge if port.hubs else None
        links = [f.link for f in (device, port.bridge) if f is not None and f.link is not None]
        link = links[0] if links else None
        own = device.link if device is not None else None
        display = device is not None and device.base_class == 3
        narrow = own is not None and None not in (own.width, own.max_width) and own.width < own.max_width  # type: ignore[operator]
        slow = own is not None and None not in (own.speed, own.max_speed) and own.speed < own.max_speed  # type: ignore[operator]
        empty = device is None
        rect = Rect(x, y - 1.35 * self.line, right - x if empty else self.at.lane, 2.7 * self.line)
        width = (link.max_width if empty else link.width) if link is not None else None
        slot = next((f.slot for f in (device, port.bridge) if f is not None and f.slot), None)
        if slot is None:
            slot = self.slot_of.get(port.cards[0].key) if port.cards else self._empty_slot(port)
        self.lanes.append(
            Lane(
                key=f"lane {key}",
                rect=rect,
                x=x,
                end=x + self.at.lane,
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


def _thickness(width: int | None) -> float:
    for lanes, thick in ((16, 12.0), (8, 8.5), (4, 5.5), (2, 3.5)):
        if width is not None and width >= lanes:
            return thick
    return 2.0
