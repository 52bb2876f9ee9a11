"""What belongs to a function on the board: its group's frames and rows, and its way to the root."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from backend.node.address import PciAddress
from backend.node.node import Node
from gui.map.pieces import MapLayout, Row
from gui.map.structure import parents_of


@dataclass(frozen=True, slots=True)
class Lit:
    """Keys of pieces; of rows by tile."""

    frames: frozenset[str] = frozenset()
    lanes: frozenset[str] = frozenset()
    bars: frozenset[str] = frozenset()
    rows: Mapping[str, frozenset[Row]] = field(default_factory=dict)


class Light:
    def __init__(self, node: Node, board: MapLayout) -> None:
        self._node = node
        self._board = board
        self._parents = parents_of(node)
        self._known: dict[PciAddress, Lit] = {}

    def of(self, address: PciAddress | None) -> Lit:
        if address is None or address not in self._node.by_address:
            return Lit()
        if address not in self._known:
            self._known[address] = self._find(address)
        return self._known[address]

    def _find(self, address: PciAddress) -> Lit:
        board, function = self._board, self._node.by_address[address]
        way: set[PciAddress] = set()
        at: PciAddress | None = self._parents.get(address) if not self._is_drawn_bridge(address) else address
        while at is not None and at not in way:
            way.add(at)
            at = self._parents.get(at)
        return Lit(
            # Where no groups are known a frame says nothing of what goes together.
            frames=frozenset(frame.key for frame in board.frames if function.group in frame.groups),
            lanes=frozenset(lane.key for lane in board.lanes if lane.port in way),
            bars=frozenset(bar.key for bar in board.bars if bar.address in way),
            rows=self._mates(function.group, way),
        )

    def _is_drawn_bridge(self, address: PciAddress) -> bool:
        """A port or a switch: the way to it is its own lane too."""
        return any(lane.port == address for lane in self._board.lanes) or any(
            bar.address == address for bar in self._board.bars
        )

    def _mates(self, group: int | None, way: set[PciAddress]) -> Mapping[str, frozenset[Row]]:
        there = None if group is None else self._node.by_group.get(group)
        mates = set() if there is None else set(there.functions)
        found: dict[str, frozenset[Row]] = {}
        for tile in self._board.tiles:
            rows = frozenset(row for row in tile.rows if not mates.isdisjoint(row.addresses) or way & {*row.addresses})
            if rows:
                found[tile.key] = rows
        return found
