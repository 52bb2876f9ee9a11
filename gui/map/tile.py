"""The tile of a card: the one item that both arrangements share, and that moves between them."""

from __future__ import annotations

from PySide6.QtCore import QPointF, QRectF, Qt
from PySide6.QtGui import QPainter, QPainterPath, QPen
from PySide6.QtWidgets import QStyleOptionGraphicsItem, QWidget

from backend.node.address import PciAddress
from gui.map.painting import FADED, Piece, Stroke, Style, Word, paint_all, qrect
from gui.map.pieces import Rect, Row, Tile
from gui.map.row import RowText, row_strokes

ROUND = 5.0
Z = 4


class TileItem(Piece):
    def __init__(self, style: Style) -> None:
        super().__init__(style)
        self.setZValue(Z)
        self.tile: Tile | None = None
        self.title = ""
        self.texts: tuple[RowText, ...] = ()
        self.current: PciAddress | None = None
        self.focused = False
        self.hovered: Row | None = None
        self.mates: frozenset[Row] = frozenset()  # rows of the group under the mouse
        self.faded: tuple[bool, ...] = ()  # rows that do not match the search
        self._shape = QPainterPath()
        self._rows: list[list[Stroke]] = []

    def show_piece(self, tile: Tile, title: str, texts: tuple[RowText, ...]) -> None:
        if (tile, title, texts) == (self.tile, self.title, self.texts):
            return
        if tile != self.tile:
            self.hovered = None
            self.mates = frozenset()
            self._shape = _shape(tile)
            self.set_bounds(qrect(tile.rect).adjusted(-3, -3, 3, 3))
        self.tile, self.title, self.texts = tile, title, texts
        self.forget()

    def set_current(self, address: PciAddress | None, focused: bool) -> None:
        if (address, focused) != (self.current, self.focused):
            self.current, self.focused = address, focused
            self.setZValue(Z if address is None else Z + 1)  # its outline over that of a tile that joins
            self.update()

    def set_matches(self, matches: frozenset[PciAddress] | None) -> None:
        rows = self.tile.rows if self.tile is not None else ()
        faded = tuple(matches is not None and not matches.intersection(row.addresses) for row in rows)
        if faded != self.faded:
            self.faded = faded
            self.update()

    def row_at(self, point: QPointF) -> Row | None:
        """The row under `point`; the head of a card counts as its first function."""
        if self.tile is None or not qrect(self.tile.rect).contains(point):
            return None
        for row in self.tile.rows:
            if row.rect.y <= point.y() < row.rect.bottom:
                return row if row.kind != "system" else None
        return self.tile.rows[0]

    def set_hovered(self, hovered: Row | None, mates: frozenset[Row]) -> None:
        if (hovered, mates) != (self.hovered, self.mates):
            self.hovered, self.mates = hovered, mates
            if self.tile is not None and hovered is not None:
                self.setToolTip(self.texts[self.tile.rows.index(hovered)].tip)
            self.update()

    def worded(self) -> list[Stroke]:
        """The head's words; those of the rows are kept row by row, as each may be faded."""
        tile, style = self.tile, self.style
        if tile is None:
            return []
        named = bool(tile.head) or tile.joins_above
        self._rows = [
            row_strokes(style, row, text, bold=not named and row is tile.rows[0] and not tile.is_faint)
            for row, text in zip(tile.rows, self.texts, strict=True)
        ]
        if not tile.head:
            return []
        room, middle = tile.rect.w - 1.4 * style.line, tile.rect.y + tile.head / 2
        return [Word(style.bold, self.title, "text", tile.rect.x + 0.7 * style.line, middle, room)]

    def paint(self, painter: QPainter, option: QStyleOptionGraphicsItem, widget: QWidget | None = None) -> None:
        tile, style = self.tile, self.style
        if tile is None:
            return
        all_faded = bool(self.faded) and all(self.faded)
        opacity = painter.opacity()
        painter.setOpacity(opacity * (0.5 if all_faded else 1))
        chosen = self.current is not None
        if not tile.is_faint:
            painter.setPen(QPen(style.colour("accent" if chosen else "tile_border"), 2 if chosen else 1))
            painter.setBrush(style.colour("tile"))
            painter.drawPath(self._shape)
        self._paint_grounds(painter, tile)
        if chosen and not tile.is_faint:  # its rows lie on half of the outline
            painter.setPen(QPen(style.colour("accent"), 2))
            painter.setBrush(Qt.BrushStyle.NoBrush)
            painter.drawPath(self._shape)
        if self.legible(painter):
            painter.setOpacity(opacity * (FADED if all_faded else 1))
            paint_all(self.strokes(), painter, style)
            for number, strokes in enumerate(self._rows):
                painter.setOpacity(opacity * (FADED if self.faded and self.faded[number] else 1))
                paint_all(strokes, painter, style)
        painter.setOpacity(opacity)
        if self.focused:
            for row in tile.rows:
                if self.current in row.addresses:
                    painter.setPen(QPen(style.colour("accent"), 1, Qt.PenStyle.DotLine))
                    painter.setBrush(Qt.BrushStyle.NoBrush)
                    painter.drawRect(qrect(row.rect).adjusted(3, 3, -3, -3))

    def _paint_grounds(self, painter: QPainter, tile: Tile) -> None:
        """Selected and hovered rows, the group's mates, the lines between rows."""
        style = self.style
        if self.current is not None or self.hovered is not None:
            painter.save()
            painter.setClipPath(self._shape, Qt.ClipOperation.IntersectClip)
            for row in tile.rows:
                inner = qrect(row.rect).adjusted(0.5, 0.5, -0.5, -0.5)  # inside the outline
                if self.current is not None and self.current in row.addresses:
                    painter.fillRect(inner, style.colour("selected"))
                elif row == self.hovered:
                    painter.fillRect(inner, style.colour("hover"))
            painter.restore()
        painter.setPen(QPen(style.colour("zone_border"), 1))
        for row in tile.rows:
            if row.rect.y > tile.rect.y + 1:
                painter.drawLine(QPointF(row.rect.x + 1, row.rect.y), QPointF(row.rect.right - 1, row.rect.y))
        for row in self.mates:
            rail = QRectF(row.rect.x, row.rect.y + 3, 0.22 * style.line, row.rect.h - 6)
            painter.setPen(Qt.PenStyle.NoPen)
            painter.setBrush(style.colour("accent"))
            painter.drawRoundedRect(rail, 2, 2)


def _shape(tile: Tile) -> QPainterPath:
    """Rounded where the card ends."""
    path = QPainterPath()
    path.addRoundedRect(qrect(tile.rect), ROUND, ROUND)
    for joins, y in ((tile.joins_above, tile.rect.y), (tile.joins_below, tile.rect.bottom - ROUND)):
        if joins:
            path = path.united(_square(tile.rect, y))
    return path.simplified() if tile.joins_above or tile.joins_below else path


def _square(rect: Rect, y: float) -> QPainterPath:
    path = QPainterPath()
    path.addRect(QRectF(rect.x, y, rect.w, ROUND))
    return path
