"""The board as a scene: keeps one item for each piece of the layout, and changes only what changed."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TypeVar

from PySide6.QtCore import QObject, QPointF, QRectF, Signal
from PySide6.QtGui import QColor, QFont, QPainter
from PySide6.QtWidgets import QGraphicsItem, QGraphicsScene, QGraphicsSceneMouseEvent

from backend.node.address import PciAddress
from backend.node.node import Node
from gui.map.items import BarItem, FrameItem, LaneItem, ZoneItem
from gui.map.layout import layout
from gui.map.light import Light
from gui.map.marks import Mark
from gui.map.movement import Movement
from gui.map.painting import Piece, Style, qrect
from gui.map.pieces import Arrangement, MapLayout, Row, Tile
from gui.map.texts import Texts
from gui.map.tile import TileItem
from gui.models.selection import Selection
from gui.theme import LIGHT, Colours

_Item = TypeVar("_Item", bound=Piece)


class MapScene(QGraphicsScene):
    """Shows a node in one of two arrangements. Selecting goes through `selection`, which others share."""

    inspect_requested = Signal(object)  # PciAddress: a double click or Enter
    arranged = Signal()

    def __init__(self, selection: Selection, font: QFont, colours: Colours, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self.setItemIndexMethod(QGraphicsScene.ItemIndexMethod.NoIndex)
        self.selection = selection
        self.style_of_items = Style(font, colours)
        self.node = Node()
        self.arrangement: Arrangement = "slots"
        self.layout = MapLayout(0, 0)
        self.movement = Movement(self)
        self.matches: frozenset[PciAddress] | None = None
        self._texts = Texts(self.node)
        self._light = Light(self.node, self.layout)
        self._focused = False
        self._hovered: tuple[TileItem, Row] | None = None
        self._places: dict[PciAddress, tuple[Tile, Row]] = {}
        self._zones: dict[str, ZoneItem] = {}
        self._bars: dict[str, BarItem] = {}
        self._lanes: dict[str, LaneItem] = {}
        self._frames: dict[str, FrameItem] = {}
        self._tiles: dict[str, TileItem] = {}
        self.setBackgroundBrush(QColor(colours.canvas))
        selection.changed.connect(self._follow)

    # --- content ----------------------------------------------------------------------------------

    def set_node(self, node: Node, width: float) -> None:
        """Show `node` on a board about `width` wide. Pieces that stay keep their items."""
        if node is not self.node:
            texts = Texts(node)
            texts.staged, texts.marks = self._texts.staged, self._texts.marks
            self.node, self._texts = node, texts
        self.arrange(width)

    def set_arrangement(self, arrangement: Arrangement, width: float, *, animated: bool) -> None:
        """The tiles go where they belong; a way that is not ended goes on from where they are."""
        before = {item: _place(item) for item in self._tiles.values()}
        others = set(self._others())
        self.arrangement = arrangement
        self.arrange(width)
        if animated:
            came: dict[QGraphicsItem, QPointF] = {
                item: before[item] - _home(item) for item in self._tiles.values() if item in before
            }
            new: list[QGraphicsItem] = [item for item in self._tiles.values() if item not in before]
            self.movement.start(came, [*new, *(item for item in self._others() if item not in others)])

    def arrange(self, width: float) -> None:
        self.movement.stop()
        self._hovered = None
        board = self.layout = layout(self.node, width, self.style_of_items.line, self.arrangement)
        self._light = Light(self.node, board)
        texts = self._texts
        self._places = {a: (tile, row) for tile in board.tiles for row in tile.rows for a in row.addresses}
        self._zones = self._kept(self._zones, [zone.key for zone in board.zones], ZoneItem)
        for zone in board.zones:
            self._zones[zone.key].show_piece(zone, texts.zone(zone))
        self._bars = self._kept(self._bars, [bar.key for bar in board.bars], BarItem)
        for bar in board.bars:
            self._bars[bar.key].show_piece(bar, texts.bar(bar, board))
        self._lanes = self._kept(self._lanes, [lane.key for lane in board.lanes], LaneItem)
        for lane in board.lanes:
            self._lanes[lane.key].show_piece(lane, *texts.lane(lane))
        self._frames = self._kept(self._frames, [frame.key for frame in board.frames], FrameItem)
        own = {tile.key: [a for row in tile.rows for a in row.addresses] for tile in board.tiles}
        for frame in board.frames:
            inside = [address for key in frame.tiles for address in own[key]]
            self._frames[frame.key].show_piece(frame, texts.frame(frame, inside))
        self._tiles = self._kept(self._tiles, [tile.key for tile in board.tiles], TileItem)
        for tile in board.tiles:
            self._show_tile(tile)
        self.setSceneRect(0, 0, board.width, board.height)
        self._follow()
        self.arranged.emit()

    def measured(self, width: float) -> tuple[float, float]:
        """Width and height that the board would have."""
        board = layout(self.node, width, self.style_of_items.line, self.arrangement)
        return board.width, board.height

    def set_staged(self, staged: Mapping[PciAddress, str]) -> None:
        """Show the driver each function will have after the reboot. Only tiles that differ repaint."""
        before, self._texts.staged = self._texts.staged, dict(staged)
        self._show_again({a for a in {*before, *staged} if before.get(a) != staged.get(a)})

    def set_marks(self, marks: Mapping[PciAddress, tuple[Mark, ...]]) -> None:
        before, self._texts.marks = self._texts.marks, dict(marks)
        self._show_again({a for a in {*before, *marks} if before.get(a) != marks.get(a)})

    def set_matches(self, matches: frozenset[PciAddress] | None) -> None:
        """Fade the rows that are not among `matches`; None: no search."""
        self.matches = matches
        for item in self._tiles.values():
            item.set_matches(matches)

    def restyle(self, font: QFont, colours: Colours, width: float) -> None:
        """Take other fonts and colours, and paint everything anew."""
        self.style_of_items.__dict__.update(Style(font, colours).__dict__)
        self.setBackgroundBrush(QColor(colours.canvas))
        for item in (*self._tiles.values(), *self._others()):
            item.forget()
        self.arrange(width)
        self.update()

    def print(self, painter: QPainter, rect: QRectF) -> None:
        """Paint the whole board into `rect`, as vectors and in light colours, with nothing selected."""
        style, colours = self.style_of_items, self.style_of_items.colours
        self.movement.stop()
        self._light_up(None, None)
        style.show_in(LIGHT)
        style.on_paper = True
        self.setBackgroundBrush(QColor(LIGHT.canvas))
        try:
            self.render(painter, rect, self.sceneRect())
        finally:
            style.show_in(colours)
            style.on_paper = False
            self.setBackgroundBrush(QColor(colours.canvas))
            self._follow()

    def _others(self) -> Iterator[Piece]:
        """Every item that is not a tile."""
        for items in (self._zones, self._bars, self._lanes, self._frames):
            yield from items.values()

    def _kept(self, items: dict[str, _Item], keys: Sequence[str], kind: type[_Item]) -> dict[str, _Item]:
        """Items for `keys`: those there are, new ones for new keys; the others leave the scene."""
        for key in items.keys() - set(keys):
            self.removeItem(items[key])
        result: dict[str, _Item] = {}
        for key in keys:
            item = items.get(key)
            if item is None:
                item = kind(self.style_of_items)
                self.addItem(item)
            result[key] = item
        return result

    def _show_tile(self, tile: Tile) -> None:
        item = self._tiles[tile.key]
        item.show_piece(tile, *self._texts.tile(tile))
        item.set_matches(self.matches)

    def _show_again(self, addresses: set[PciAddress]) -> None:
        for tile in {id(place[0]): place[0] for a in addresses if (place := self._places.get(a))}.values():
            self._show_tile(tile)

    # --- selection --------------------------------------------------------------------------------

    def rows(self) -> list[tuple[Tile, Row]]:
        """What can be selected, from top to bottom."""
        found = [(tile, row) for tile in self.layout.tiles for row in tile.rows if row.kind != "system"]
        return sorted(found, key=lambda item: (item[1].rect.y, item[1].rect.x))

    def row_of(self, address: PciAddress | None) -> tuple[Tile, Row] | None:
        place = None if address is None else self._places.get(address)
        return place if place is not None and place[1].kind != "system" else None

    def rect_of(self, address: PciAddress) -> QRectF | None:
        """Where it is drawn: a row, a bridge's bar or a port's lane."""
        place = self.row_of(address)
        if place is not None:
            return qrect(place[1].rect)
        bars = (bar.rect for bar in self.layout.bars if bar.address == address)
        return next((qrect(r) for r in (*bars, *(x.rect for x in self.layout.lanes if x.port == address))), None)

    def set_focused(self, focused: bool) -> None:
        self._focused = focused
        self._follow()

    def _follow(self, _: object = None) -> None:
        self._light_up(self.selection.current, self._hovered[1].addresses[0] if self._hovered else None)

    def _light_up(self, selected: PciAddress | None, hovered: PciAddress | None) -> None:
        chosen, under = self._light.of(selected), self._light.of(hovered)
        place = self.row_of(selected)
        for key, item in self._tiles.items():
            is_it = place is not None and key == place[0].key
            item.set_current(selected if is_it else None, is_it and self._focused)
            own = self._hovered[1] if hovered is not None and self._hovered and self._hovered[0] is item else None
            item.set_hovered(own, under.rows.get(key, frozenset()))
        _emphasise(self._frames, chosen.frames, under.frames)
        _emphasise(self._lanes, chosen.lanes, under.lanes)
        _emphasise(self._bars, chosen.bars, under.bars)

    def _tile_at(self, point: QPointF) -> TileItem | None:
        return next((item for item in self.items(point) if isinstance(item, TileItem)), None)

    def address_at(self, point: QPointF) -> PciAddress | None:
        """The function whose row, lane or bar is there."""
        for item in self.items(point):
            if isinstance(item, TileItem):
                row = item.row_at(point)
                return row.addresses[0] if row is not None else None
            if isinstance(item, BarItem) and item.bar is not None:
                return item.bar.address
            if isinstance(item, LaneItem) and item.lane is not None:
                return item.lane.port
        return None

    def mousePressEvent(self, event: QGraphicsSceneMouseEvent) -> None:
        self.selection.current = self.address_at(event.scenePos())
        event.accept()

    def mouseReleaseEvent(self, event: QGraphicsSceneMouseEvent) -> None:
        event.accept()

    def mouseDoubleClickEvent(self, event: QGraphicsSceneMouseEvent) -> None:
        if self.selection.current is not None and self.address_at(event.scenePos()) is not None:
            self.inspect_requested.emit(self.selection.current)
        event.accept()

    def hover(self, point: QPointF | None) -> None:
        """Mark the row under `point`, its whole group, and its way to the root."""
        item = self._tile_at(point) if point is not None and not self.movement.running else None
        row = item.row_at(point) if item is not None and point is not None else None
        hovered = (item, row) if item is not None and row is not None else None
        if hovered != self._hovered:
            self._hovered = hovered
            self._follow()


def _emphasise(items: Mapping[str, Piece], selected: frozenset[str], hovered: frozenset[str]) -> None:
    for key, item in items.items():
        item.set_emphasis(key in selected, key in hovered)


def _home(item: TileItem) -> QPointF:
    return QPointF(item.tile.rect.x, item.tile.rect.y) if item.tile is not None else QPointF()


def _place(item: TileItem) -> QPointF:
    """Where it is seen now."""
    return _home(item) + item.pos()
