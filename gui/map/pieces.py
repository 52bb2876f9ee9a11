"""What an arrangement consists of: frozen pieces, each a rectangle and what it stands for.

No Qt here, so that arrangements can be tested on every machine we have. Lengths are scene units (pixels at 100 %).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from backend.node.address import PciAddress
from backend.node.function import Link

Arrangement = Literal["slots", "groups"]


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
    """One line of a tile. ``kind``: "function", "vfs" (all VFs of a PF), "bridges" (of a group) or "system" (never
    leaves)."""

    kind: str
    addresses: tuple[PciAddress, ...]
    rect: Rect


@dataclass(frozen=True, slots=True)
class Tile:
    """What a card has in one group: a card whose functions lie in several groups is as many tiles, in every
    arrangement. ``head`` is the height above the rows for the card's name, 0 where a row says it."""

    key: str
    rect: Rect
    head: float
    rows: tuple[Row, ...]
    path: tuple[PciAddress, ...]  # bridges from the root port down to the card
    joins_above: bool = False  # the tile above it is of the same card
    joins_below: bool = False

    @property
    def is_faint(self) -> bool:
        """Bridges and the like: they go nowhere."""
        return self.rows[0].kind in ("system", "bridges")


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
    """Round tiles that share groups. ``hue`` numbers shared groups from 0; None: nothing is shared.

    ``head`` is the height inside it for its header: a room of the groups' arrangement; 0: the header lies on the edge.
    """

    key: str
    rect: Rect
    groups: tuple[int, ...]
    tiles: tuple[str, ...]
    others: tuple[PciAddress, ...]  # members of shared groups, uses of the host first
    hue: int | None
    head: float = 0


@dataclass(frozen=True, slots=True)
class Zone:
    """``kind``: "slots" (a root complex and its ports), "board" (functions on the root buses), "groups", "apart"
    (functions in no group), "bridges" (groups of bridges only)."""

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


class Measures:
    """Lengths derived from the line height of the font: the board grows with the text."""

    def __init__(self, line: float, two_lines_below: float = 36, *, tight: bool = False) -> None:
        """`two_lines_below`: of the width of a tile, in lines. `tight`: for a view that has no room for more."""
        self.line = line
        self.narrow = two_lines_below * line
        self.margin = line
        self.pad = round(0.6 * line)  # between a frame and its tiles
        self.low_row = round(1.75 * line)
        self.high_row = round(3.2 * line)
        self.head = round(1.9 * line)
        self.gap = round(1.25 * line)  # between frames: the upper half of a header must fit
        self.bar = round(1.6 * line)
        self.lane = round((8.4 if tight else 9.5) * line)
        self.tile_min = (15.5 if tight else 22) * line
        self.tile_max = 56 * line

    def row(self, kind: str, width: float) -> float:
        """Height of a row: a function takes two lines where one has no room for what there is to say."""
        return self.high_row if kind == "function" and width < self.narrow else self.low_row
