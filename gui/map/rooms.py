"""The groups' arrangement: each IOMMU group a room, with the tiles of what is in it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from math import inf

from backend.node.function import Function
from backend.node.node import Node
from gui.map.pieces import Frame, MapLayout, Measures, Rect, Tile, Zone
from gui.map.structure import Structure, faint_tile


def rooms(node: Node, width: float, line: float) -> MapLayout:
    """About `width` wide; `line`: line height. A zone for each NUMA node, then what is in no group, then the groups
    that have nothing but bridges, in one row."""
    return _House(node, line).build(width)


@dataclass(slots=True)
class _Room:
    """A group; or, where `group` is None, one card without."""

    group: int | None
    parts: list[tuple[str, list[Function]]] = field(default_factory=list)  # key and functions of each tile
    bridges: list[Function] = field(default_factory=list)

    @property
    def members(self) -> list[Function]:
        return [f for _, functions in self.parts for f in functions]


class _House:
    def __init__(self, node: Node, line: float) -> None:
        self.node = node
        self.line = line
        self.at = Measures(line, two_lines_below=inf)
        self.structure = Structure(node)
        self.zones: list[Zone] = []
        self.frames: list[Frame] = []
        self.tiles: list[Tile] = []

    def build(self, width: float) -> MapLayout:
        at = self.at
        grouped, apart = self._rooms()
        by_numa: dict[int | None, list[_Room]] = {}
        for room in grouped:
            if room.parts:
                by_numa.setdefault(self.structure.numa(room.members), []).append(room)
        shared = [room.group for room in grouped if len(room.parts) > 1]
        self.hues = {group: hue for hue, group in enumerate(shared)}

        inside = width - 4 * at.margin
        most = max((len(rooms) for rooms in (*by_numa.values(), apart)), default=1)
        columns = max(1, min(most, int((inside + at.margin) / (at.tile_min + 2 * at.pad))))
        wide = max((inside - (columns - 1) * at.margin) / columns, at.tile_min)
        wide = int(min(wide, at.tile_max))
        total = columns * wide + (columns - 1) * at.margin + 2 * at.margin

        y = at.margin
        for numa in sorted(by_numa, key=lambda n: (n is None, n or 0)):
            y = self._zone("groups", numa, by_numa[numa], y, columns, wide, total)
        loners = [room for room in apart if room.parts]
        lone = [f for room in apart for f in room.bridges]
        if loners:
            y = self._zone("apart", None, loners, y, columns, wide, total, lone)
        elif lone:
            y = self._zone("apart", None, [], y, columns, wide, total, lone)
        idle = sorted((f for room in grouped if not room.parts for f in room.bridges), key=lambda f: f.address)
        if idle:
            y = self._zone("bridges", None, [], y, columns, wide, total, idle)
        return MapLayout(
            width=total + 2 * at.margin if self.zones else width,
            height=y,
            zones=tuple(self.zones),
            frames=tuple(self.frames),
            tiles=tuple(self.tiles),
        )

    def _rooms(self) -> tuple[list[_Room], list[_Room]]:
        """Groups in number order; then what is in none."""
        found: dict[int, _Room] = {}
        apart: list[_Room] = []

        def room(group: int | None) -> _Room:
            if group is None:
                apart.append(_Room(None))
                return apart[-1]
            return found.setdefault(group, _Room(group))

        for card in self.structure.cards(self.node.functions):
            for key, functions in card.parts():
                room(functions[0].group).parts.append((key, functions))
        for function in self.node.functions:
            if self.structure.is_faint(function):
                room(function.group).bridges.append(function)
        return [found[group] for group in sorted(found)], apart

    def _zone(
        self,
        kind: str,
        numa: int | None,
        found: Sequence[_Room],
        y: float,
        columns: int,
        wide: float,
        total: float,
        faint: Sequence[Function] = (),
    ) -> float:
        """Fill columns, the shortest first; returns where the next zone may begin."""
        at = self.at
        left, top = 2 * at.margin, y + 2 * self.line
        bottoms = [top] * columns
        for room in found:
            n = bottoms.index(min(bottoms))
            bottoms[n] = self._room(room, left + n * (wide + at.margin), bottoms[n], wide) + at.margin
        bottom = max(bottoms) if found else top
        if faint:
            name = f"bridges {kind}"
            self.tiles.append(faint_tile(at, name, "bridges", faint, left, bottom, total - 2 * at.margin))
            bottom = self.tiles[-1].rect.bottom + at.margin
        self.zones.append(Zone(f"{kind} {numa}", Rect(at.margin, y, total, bottom - y), kind, numa, None))
        return bottom + at.margin

    def _room(self, room: _Room, x: float, y: float, wide: float) -> float:
        """Returns its bottom. A card in no group has no room of its own: only its tile."""
        at, inner = self.at, wide - 2 * self.at.pad
        head = at.head if room.group is not None else 0
        top, keys = y, []
        y += head or at.pad
        for key, functions in room.parts:
            tile = self.structure.tile(at, key, functions, x + at.pad, y, inner, head=len(functions) > 1)
            self.tiles.append(tile)
            keys.append(key)
            y = tile.rect.bottom + at.pad
        if room.bridges:
            self.tiles.append(
                faint_tile(at, f"bridges {room.group}", "bridges", room.bridges, x + at.pad, y - at.pad / 2, inner)
            )
            y = self.tiles[-1].rect.bottom + at.pad / 2
        if room.group is None:
            return y - at.pad
        members = [f.address for f in room.members]
        members.sort(key=lambda a: a not in self.node.uses_of)
        is_shared = room.group in self.hues
        self.frames.append(
            Frame(
                f"room {room.group}",
                Rect(x, top, wide, y - top),
                (room.group,),
                tuple(keys),
                tuple(members) if is_shared else (),
                self.hues.get(room.group),
                head,
            )
        )
        return y
