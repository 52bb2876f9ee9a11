"""What the board is painted with: one item for each piece of the layout.

Every item holds its piece and the texts for it; its bounding rectangle changes only with the piece. Texts
are not painted where the zoom makes them illegible: a server fitted to a window stays quick.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

from PySide6.QtCore import QByteArray, QPointF, QRectF, Qt
from PySide6.QtGui import QColor, QFont, QFontMetricsF, QPainter, QPainterPath, QPen
from PySide6.QtSvg import QSvgRenderer
from PySide6.QtWidgets import QGraphicsItem, QStyleOptionGraphicsItem, QWidget

from backend.node.address import PciAddress
from gui.map.layout import Bar, Frame, Lane, Rect, Row, Tile, Zone
from gui.theme import Colours, Tone, fixed, scaled
from resources import read

Option = QStyleOptionGraphicsItem
LEGIBLE = 0.4  # scale below which texts are left out


class Style:
    """Fonts and colours that all items of a scene paint with."""

    def __init__(self, font: QFont, colours: Colours) -> None:
        self.colours = colours
        self.text = QFont(font)
        self.bold = scaled(font, 1.0, bold=True)
        self.small = scaled(font, 0.88)
        self.small_bold = scaled(font, 0.88, bold=True)
        self.mono = fixed(font, 0.9)
        self.line = QFontMetricsF(font).height()


@lru_cache(maxsize=256)
def _icon(name: str, colour: str) -> QSvgRenderer:
    return QSvgRenderer(QByteArray(read(f"icons/{name}.svg").replace(b"#000000", colour.encode())))


def draw_icon(painter: QPainter, name: str, colour: str, rect: QRectF) -> None:
    _icon(name, colour).render(painter, rect)


def qrect(rect: Rect) -> QRectF:
    return QRectF(rect.x, rect.y, rect.w, rect.h)


class Piece(QGraphicsItem):
    """An item that paints one piece of the layout."""

    def __init__(self, style: Style) -> None:
        super().__init__()
        self.style = style
        self._bounds = QRectF()
        self.emphasis = False

    def boundingRect(self) -> QRectF:
        return self._bounds

    def set_bounds(self, rect: QRectF) -> None:
        if rect != self._bounds:
            self.prepareGeometryChange()
            self._bounds = rect

    def set_emphasis(self, on: bool) -> None:
        """Belongs to what is selected: its group's frame, the lanes and bars of its way to the root."""
        if on != self.emphasis:
            self.emphasis = on
            self.update()

    def legible(self, painter: QPainter) -> bool:
        return QStyleOptionGraphicsItem.levelOfDetailFromTransform(painter.worldTransform()) >= LEGIBLE


class ZoneItem(Piece):
    def __init__(self, style: Style) -> None:
        super().__init__(style)
        self.setZValue(0)
        self.zone: Zone | None = None
        self.title = ""

    def show_piece(self, zone: Zone, title: str) -> None:
        self.zone, self.title = zone, title
        self.set_bounds(qrect(zone.rect).adjusted(-1, -1, 1, 1))
        self.update()

    def paint(self, painter: QPainter, option: QStyleOptionGraphicsItem, widget: QWidget | None = None) -> None:
        if self.zone is None:
            return
        c, line = self.style.colours, self.style.line
        rect = qrect(self.zone.rect)
        painter.setPen(QPen(QColor(c.zone_border), 1))
        painter.setBrush(QColor(c.zone))
        painter.drawRoundedRect(rect, 8, 8)
        if self.legible(painter):
            painter.setPen(QColor(c.muted))
            painter.setFont(self.style.small_bold)
            area = QRectF(rect.x() + line, rect.y(), rect.width() - 2 * line, 2 * line)
            painter.drawText(area, Qt.AlignmentFlag.AlignVCenter | Qt.AlignmentFlag.AlignLeft, self.title)


class BarItem(Piece):
    def __init__(self, style: Style) -> None:
        super().__init__(style)
        self.setZValue(3)
        self.bar: Bar | None = None
        self.title = ""

    def show_piece(self, bar: Bar, title: str) -> None:
        self.bar, self.title = bar, title
        self.set_bounds(qrect(bar.rect).adjusted(-3, -3, 3, 3))
        self.setToolTip(title)
        self.update()

    def paint(self, painter: QPainter, option: QStyleOptionGraphicsItem, widget: QWidget | None = None) -> None:
        if self.bar is None:
            return
        c = self.style.colours
        rect = qrect(self.bar.rect)
        painter.setPen(QPen(QColor(c.accent), 2.5) if self.emphasis else Qt.PenStyle.NoPen)
        painter.setBrush(QColor(c.bar))
        painter.drawRoundedRect(rect, 5, 5)
        if self.legible(painter) and rect.height() > 3.5 * self.style.line:
            painter.save()
            painter.translate(rect.center())
            painter.rotate(-90)
            painter.setPen(QColor(c.bar_text))
            painter.setFont(self.style.small_bold)
            area = QRectF(-rect.height() / 2 + 5, -rect.width() / 2, rect.height() - 10, rect.width())
            text = self.title
            if QFontMetricsF(self.style.small_bold).horizontalAdvance(text) > area.width():
                text = self.bar.name
            text = elide(self.style.small_bold, text, area.width())
            painter.drawText(area, Qt.AlignmentFlag.AlignCenter, text)
            painter.restore()


class LaneItem(Piece):
    def __init__(self, style: Style) -> None:
        super().__init__(style)
        self.setZValue(2)
        self.lane: Lane | None = None
        self.above = ""
        self.under = ""
        self.beside = ""

    def show_piece(self, lane: Lane, above: str, under: str, beside: str) -> None:
        self.lane, self.above, self.under, self.beside = lane, above, under, beside
        self.set_bounds(qrect(lane.rect).adjusted(0, 0, 2, 0))
        self.setToolTip("\n".join(part for part in (above, under, beside) if part))
        self.update()

    def paint(self, painter: QPainter, option: QStyleOptionGraphicsItem, widget: QWidget | None = None) -> None:
        if self.lane is None:
            return
        c, lane, line = self.style.colours, self.lane, self.style.line
        colour = c.lane_empty if lane.empty else c.lane_warn if lane.below else c.lane
        if self.emphasis:
            colour = c.accent
        pen = QPen(QColor(colour), lane.thickness)
        pen.setCapStyle(Qt.PenCapStyle.FlatCap)
        if lane.empty:
            pen.setDashPattern([max(3.0, 6 / lane.thickness), max(2.0, 4 / lane.thickness)])
            if lane.thickness > 3:
                pen.setDashPattern([0.9, 0.5])
        painter.setPen(pen)
        painter.drawLine(QPointF(lane.x, lane.y), QPointF(lane.end, lane.y))
        if not self.legible(painter):
            return
        room = lane.end - lane.x - 1.2 * line  # up to the frame
        x = lane.x + 0.5 * line
        above = QRectF(x, lane.y - lane.thickness / 2 - 1.22 * line, room, 1.1 * line)
        under = QRectF(x, lane.y + lane.thickness / 2 + 0.05 * line, room, 1.1 * line)
        if self.above:
            painter.setPen(QColor(c.muted if lane.empty else c.text))
            painter.setFont(self.style.small_bold)
            painter.drawText(above, Qt.AlignmentFlag.AlignBottom, elide(self.style.small_bold, self.above, room))
        if self.under:
            font = self.style.small_bold if lane.below else self.style.small
            painter.setPen(QColor(c.lane_warn_text if lane.below else c.muted))
            painter.setFont(font)
            if lane.below:
                mark = QRectF(x, under.y() + 0.1 * line, 0.85 * line, 0.85 * line)
                draw_icon(painter, "warning", c.lane_warn_text, mark)
                under.setLeft(x + line)
            painter.drawText(under, Qt.AlignmentFlag.AlignTop, elide(font, self.under, under.width()))
        if self.beside:
            painter.setPen(QColor(c.muted))
            painter.setFont(self.style.small)
            area = QRectF(lane.end + 0.6 * line, lane.y - line, lane.rect.right - lane.end - 0.6 * line, 2 * line)
            painter.drawText(area, Qt.AlignmentFlag.AlignVCenter, elide(self.style.small, self.beside, area.width()))


class FrameItem(Piece):
    def __init__(self, style: Style) -> None:
        super().__init__(style)
        self.setZValue(1)
        self.frame: Frame | None = None
        self.header = ""

    def show_piece(self, frame: Frame, header: str) -> None:
        self.frame, self.header = frame, header
        self.set_bounds(qrect(frame.rect).adjusted(-2, -self.style.line, 2, 2))
        self.update()

    @property
    def tone(self) -> Tone:
        c = self.style.colours
        if self.frame is None or self.frame.hue is None:
            return Tone(c.neutral.text, c.zone, c.neutral.border)
        return c.groups[self.frame.hue % len(c.groups)]

    def paint(self, painter: QPainter, option: QStyleOptionGraphicsItem, widget: QWidget | None = None) -> None:
        if self.frame is None:
            return
        c, line, tone = self.style.colours, self.style.line, self.tone
        shared = self.frame.hue is not None
        pen = QPen(QColor(c.accent if self.emphasis else tone.border), 2 if self.emphasis or shared else 1.2)
        if shared:
            pen.setDashPattern([4, 2.5])
        painter.setPen(pen)
        painter.setBrush(QColor(tone.fill))
        painter.drawRoundedRect(qrect(self.frame.rect), 9, 9)
        if not self.legible(painter):
            return
        font = self.style.small_bold
        rect = self.frame.rect
        text = elide(font, self.header, rect.w - 3 * line)
        width = QFontMetricsF(font).horizontalAdvance(text) + line
        height = round(1.15 * line)
        pill = QRectF(rect.right - width - line * 0.8, rect.y - height / 2, width, height)
        painter.setPen(QPen(QColor(c.accent if self.emphasis else tone.border), 1))
        painter.setBrush(QColor(tone.fill if shared else c.neutral.fill))
        painter.drawRoundedRect(pill, height / 2, height / 2)
        painter.setPen(QColor(tone.text))
        painter.setFont(font)
        painter.drawText(pill, Qt.AlignmentFlag.AlignCenter, text)


@dataclass(frozen=True, slots=True)
class Badge:
    """A pill at the right end of a row. ``tone``: a field of Colours; ``icon``: said again without colour."""

    text: str
    tone: str
    icon: str | None = None


@dataclass(frozen=True, slots=True)
class RowText:
    """What one row says. ``badges`` in order of weight: the last goes first where room is short."""

    icon: str
    name: str
    address: str = ""
    note: str = ""  # interface name
    driver: str = ""
    staged: str = ""
    badges: tuple[Badge, ...] = ()
    tip: str = ""


class TileItem(Piece):
    def __init__(self, style: Style) -> None:
        super().__init__(style)
        self.setZValue(4)
        self.setAcceptHoverEvents(True)
        self.tile: Tile | None = None
        self.title = ""
        self.texts: tuple[RowText, ...] = ()
        self.current: PciAddress | None = None
        self.focused = False
        self.hovered: Row | None = None

    def show_piece(self, tile: Tile, title: str, texts: tuple[RowText, ...]) -> None:
        if (tile, title, texts) == (self.tile, self.title, self.texts):
            return
        self.tile, self.title, self.texts = tile, title, texts
        self.hovered = None
        self.set_bounds(qrect(tile.rect).adjusted(-3, -3, 3, 3))
        self.update()

    def set_current(self, address: PciAddress | None, focused: bool) -> None:
        if (address, focused) != (self.current, self.focused):
            self.current, self.focused = address, focused
            self.update()

    def row_at(self, point: QPointF) -> Row | None:
        """The row under `point`; the head of a card counts as its first function."""
        if self.tile is None or not qrect(self.tile.rect).contains(point):
            return None
        for row in self.tile.rows:
            if row.rect.y <= point.y() < row.rect.bottom:
                return row if row.kind != "system" else None
        return self.tile.rows[0]

    def set_hovered(self, point: QPointF | None) -> None:
        row = None if point is None else self.row_at(point)
        if row != self.hovered:
            self.hovered = row
            tip = ""
            if self.tile is not None and row is not None:
                tip = self.texts[self.tile.rows.index(row)].tip
            self.setToolTip(tip)
            self.update()

    def paint(self, painter: QPainter, option: QStyleOptionGraphicsItem, widget: QWidget | None = None) -> None:
        if self.tile is None:
            return
        c, line, tile = self.style.colours, self.style.line, self.tile
        rect = qrect(tile.rect)
        system = tile.rows[0].kind == "system"
        shape = QPainterPath()
        shape.addRoundedRect(rect, 5, 5)
        if not system:
            painter.fillPath(shape, QColor(c.tile))
        legible = self.legible(painter)
        painter.save()
        painter.setClipPath(shape)
        for row in tile.rows:
            if self.current is not None and self.current in row.addresses:
                painter.fillRect(qrect(row.rect), QColor(c.selected))
            elif row == self.hovered:
                painter.fillRect(qrect(row.rect), QColor(c.hover))
            if row.rect.y > tile.rect.y + 1:
                painter.setPen(QPen(QColor(c.zone_border), 1))
                painter.drawLine(QPointF(rect.x(), row.rect.y), QPointF(rect.right(), row.rect.y))
        painter.restore()
        if not system:
            chosen = self.current is not None
            painter.setPen(QPen(QColor(c.accent if chosen else c.tile_border), 2 if chosen else 1))
            painter.setBrush(Qt.BrushStyle.NoBrush)
            painter.drawPath(shape)
        if not legible:
            return
        if tile.head:
            painter.setPen(QColor(c.text))
            painter.setFont(self.style.bold)
            head = QRectF(rect.x() + 0.7 * line, rect.y(), rect.width() - 1.4 * line, tile.head)
            painter.drawText(head, Qt.AlignmentFlag.AlignVCenter, elide(self.style.bold, self.title, head.width()))
        for row, text in zip(tile.rows, self.texts, strict=True):
            self._paint_row(painter, row, text, bold=not tile.head and row is tile.rows[0] and not system)
        if self.focused:
            for row in tile.rows:
                if self.current in row.addresses:
                    painter.setPen(QPen(QColor(c.accent), 1, Qt.PenStyle.DotLine))
                    painter.setBrush(Qt.BrushStyle.NoBrush)
                    painter.drawRect(qrect(row.rect).adjusted(3, 3, -3, -3))

    def _paint_row(self, painter: QPainter, row: Row, text: RowText, *, bold: bool) -> None:
        c, line, style = self.style.colours, self.style.line, self.style
        area = qrect(row.rect).adjusted(0.6 * line, 0, -0.6 * line, 0)
        edge = 1.1 * line
        muted = row.kind != "function"
        icon = QRectF(area.x(), area.center().y() - edge / 2, edge, edge)
        draw_icon(painter, text.icon, c.muted, icon)
        left = icon.right() + 0.5 * line
        font = style.bold if bold else style.text
        address_width = QFontMetricsF(style.mono).horizontalAdvance(text.address) + 0.6 * line if text.address else 0.0
        name_width = QFontMetricsF(font).horizontalAdvance(text.name)
        note_width = QFontMetricsF(style.text).horizontalAdvance(text.note) + 0.6 * line if text.note else 0.0
        least = left + min(name_width, 7 * line) + address_width + note_width + 0.6 * line

        right = area.right()
        metrics = QFontMetricsF(style.small_bold)
        for badge in text.badges:
            width = metrics.horizontalAdvance(badge.text) + 0.8 * line + (1.1 * line if badge.icon else 0)
            if right - width < least:
                width = max(right - least, 0)
                if width < 5 * line:
                    break
            right = self._pill(painter, badge, right, width, area) - 0.4 * line
        if text.staged:
            badge = Badge(text.staged, "warn", "clock")
            width = metrics.horizontalAdvance(badge.text) + 1.9 * line
            if right - width >= left + address_width:
                right = self._pill(painter, badge, right, width, area) - 0.2 * line
                arrow = QRectF(right - 1.1 * line, area.y(), 1.1 * line, area.height())
                painter.setPen(QColor(c.muted))
                painter.setFont(style.text)
                painter.drawText(arrow, Qt.AlignmentFlag.AlignCenter, "→")
                right = arrow.left() - 0.2 * line
        if text.driver:
            badge = Badge(text.driver, "neutral")
            width = metrics.horizontalAdvance(badge.text) + 0.8 * line
            if right - width >= least:
                right = self._pill(painter, badge, right, width, area) - 0.4 * line

        room = max(right - left - address_width - note_width, 0)
        name = elide(font, text.name, room)
        painter.setPen(QColor(c.muted if muted else c.text))
        painter.setFont(font)
        painter.drawText(QRectF(left, area.y(), room + 2, area.height()), Qt.AlignmentFlag.AlignVCenter, name)
        left += QFontMetricsF(font).horizontalAdvance(name) + 0.6 * line
        if text.address:
            painter.setPen(QColor(c.muted))
            painter.setFont(style.mono)
            painter.drawText(
                QRectF(left, area.y(), address_width, area.height()),
                Qt.AlignmentFlag.AlignVCenter,
                text.address,
            )
            left += address_width
        if text.note:
            painter.setPen(QColor(c.text))
            painter.setFont(style.text)
            painter.drawText(
                QRectF(left, area.y(), note_width, area.height()), Qt.AlignmentFlag.AlignVCenter, text.note
            )

    def _pill(self, painter: QPainter, badge: Badge, right: float, width: float, area: QRectF) -> float:
        """Draw `badge` so that it ends at `right`; returns where it begins."""
        line = self.style.line
        tone: Tone = getattr(self.style.colours, badge.tone)
        height = round(1.25 * line)
        rect = QRectF(right - width, round(area.center().y() - height / 2), width, height)
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(QColor(tone.fill))
        painter.drawRoundedRect(rect, 4, 4)
        inner = rect.adjusted(0.4 * line, 0, -0.4 * line, 0)
        if badge.icon:
            edge = 0.9 * line
            draw_icon(painter, badge.icon, tone.text, QRectF(inner.x(), rect.center().y() - edge / 2, edge, edge))
            inner.setLeft(inner.x() + 1.1 * line)
        painter.setPen(QColor(tone.text))
        painter.setFont(self.style.small_bold)
        painter.drawText(
            inner.adjusted(0, 0, 2, 0),
            Qt.AlignmentFlag.AlignVCenter,
            elide(self.style.small_bold, badge.text, inner.width() + 1),
        )
        return rect.left()


def elide(font: QFont, text: str, width: float) -> str:
    return QFontMetricsF(font).elidedText(text, Qt.TextElideMode.ElideRight, width)
