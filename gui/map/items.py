"""The items of zones, bars, lanes and frames. Those of tiles are in gui.map.tile."""

from __future__ import annotations

from PySide6.QtCore import QRectF, Qt
from PySide6.QtGui import QPainter, QPen
from PySide6.QtWidgets import QStyleOptionGraphicsItem, QWidget

from gui.map.painting import Picture, Piece, Stroke, Style, Word, draw_icon, paint_all, qrect
from gui.map.pieces import Bar, Frame, Lane, Zone
from gui.map.tile import TileItem

__all__ = ["BarItem", "FrameItem", "LaneItem", "Piece", "Style", "TileItem", "ZoneItem", "draw_icon"]

Option = QStyleOptionGraphicsItem


class ZoneItem(Piece):
    def __init__(self, style: Style) -> None:
        super().__init__(style)
        self.setZValue(0)
        self.zone: Zone | None = None
        self.title = ""

    def show_piece(self, zone: Zone, title: str) -> None:
        if (zone, title) != (self.zone, self.title):
            self.zone, self.title = zone, title
            self.set_bounds(qrect(zone.rect).adjusted(-1, -1, 1, 1))
            self.forget()

    def worded(self) -> list[Stroke]:
        if self.zone is None:
            return []
        line, rect = self.style.line, self.zone.rect
        return [Word(self.style.small_bold, self.title, "muted", rect.x + line, rect.y + line, rect.w - 2 * line)]

    def paint(self, painter: QPainter, option: Option, widget: QWidget | None = None) -> None:
        if self.zone is None:
            return
        painter.setPen(QPen(self.style.colour("zone_border"), 1))
        painter.setBrush(self.style.colour("zone"))
        painter.drawRoundedRect(qrect(self.zone.rect), 8, 8)
        if self.legible(painter):
            paint_all(self.strokes(), painter, self.style)


class BarItem(Piece):
    def __init__(self, style: Style) -> None:
        super().__init__(style)
        self.setZValue(3)
        self.bar: Bar | None = None
        self.title = ""

    def show_piece(self, bar: Bar, title: str) -> None:
        if (bar, title) != (self.bar, self.title):
            self.bar, self.title = bar, title
            self.set_bounds(qrect(bar.rect).adjusted(-3, -3, 3, 3))
            self.setToolTip(title)
            self.forget()

    @property
    def is_short(self) -> bool:
        return self.bar is None or self.bar.rect.h <= 3.5 * self.style.line

    def worded(self) -> list[Stroke]:
        """Seen from the bar's middle; a text is turned."""
        if self.bar is None:
            return []
        if self.is_short:
            edge = self.style.line
            return [Picture("bridge", "bar_text", QRectF(-edge / 2, -edge / 2, edge, edge))]
        face, room = self.style.small_bold, self.bar.rect.h - 10
        text = self.title if face.width(self.title) <= room else self.bar.name
        width = min(face.width(text), room)
        return [Word(face, text, "bar_text", -width / 2, 0, room)]

    def paint(self, painter: QPainter, option: Option, widget: QWidget | None = None) -> None:
        if self.bar is None:
            return
        rect = qrect(self.bar.rect)
        painter.setPen(self.ring(2.5) if self.emphasis else Qt.PenStyle.NoPen)
        painter.setBrush(self.style.colour("bar"))
        painter.drawRoundedRect(rect, 5, 5)
        if self.legible(painter):
            painter.save()
            painter.translate(rect.center())
            painter.rotate(0 if self.is_short else -90)
            paint_all(self.strokes(), painter, self.style)
            painter.restore()


class LaneItem(Piece):
    def __init__(self, style: Style) -> None:
        super().__init__(style)
        self.setZValue(2)
        self.lane: Lane | None = None
        self.texts = ("", "", "")

    def show_piece(self, lane: Lane, above: str, under: str, beside: str) -> None:
        texts = (above, under, beside)
        if (lane, texts) != (self.lane, self.texts):
            self.lane, self.texts = lane, texts
            self.set_bounds(qrect(lane.rect).adjusted(0, 0, 2, 0))
            self.setToolTip("\n".join(part for part in texts if part))
            self.forget()

    def worded(self) -> list[Stroke]:
        lane, style = self.lane, self.style
        if lane is None:
            return []
        line = style.line
        above, under, beside = self.texts
        x, room = lane.x + 0.5 * line, lane.end - lane.x - 1.2 * line  # up to the frame
        strokes: list[Stroke] = []
        if above:
            colour = "muted" if lane.empty else "text"
            strokes.append(Word(style.small_bold, above, colour, x, lane.y - lane.thickness / 2 - 0.62 * line, room))
        if under:
            middle = lane.y + lane.thickness / 2 + 0.55 * line
            if lane.below:
                edge = 0.85 * line
                strokes.append(Picture("warning", "lane_warn_text", QRectF(x, middle - edge / 2, edge, edge)))
                strokes.append(Word(style.small_bold, under, "lane_warn_text", x + line, middle, room - line))
            else:
                strokes.append(Word(style.small, under, "muted", x, middle, room))
        if beside:
            x = lane.end + 0.6 * line
            strokes.append(Word(style.small, beside, "muted", x, lane.y, lane.rect.right - x))
        return strokes

    @staticmethod
    def _dashes(lane: Lane) -> list[QRectF]:
        """The lane as rectangles: a dashed pen would take several times as long."""
        thick = lane.thickness
        top = lane.y - thick / 2
        if not lane.empty:
            return [QRectF(lane.x, top, lane.end - lane.x, thick)]
        dash, gap = (0.9 * thick, 0.5 * thick) if thick > 3 else (max(3 * thick, 6), max(2 * thick, 4))
        count = int((lane.end - lane.x + gap) / (dash + gap))
        return [QRectF(lane.x + n * (dash + gap), top, dash, thick) for n in range(count)]

    def paint(self, painter: QPainter, option: Option, widget: QWidget | None = None) -> None:
        lane = self.lane
        if lane is None:
            return
        name = "lane_empty" if lane.empty else "lane_warn" if lane.below else "lane"
        colour = self.style.colour("accent" if self.emphasis else name)
        for rect in self._dashes(lane):
            painter.fillRect(rect, colour)
        if self.legible(painter):
            paint_all(self.strokes(), painter, self.style)


class FrameItem(Piece):
    def __init__(self, style: Style) -> None:
        super().__init__(style)
        self.setZValue(1)
        self.frame: Frame | None = None
        self.header = ""
        self._pill = QRectF()

    def show_piece(self, frame: Frame, header: str) -> None:
        if (frame, header) != (self.frame, self.header):
            self.frame, self.header = frame, header
            self.set_bounds(qrect(frame.rect).adjusted(-2, -2 if frame.head else -self.style.line, 2, 2))
            if frame.head:
                self.setToolTip(header)
            self.forget()

    def worded(self) -> list[Stroke]:
        if self.frame is None:
            return []
        line, face, rect = self.style.line, self.style.small_bold, self.frame.rect
        colour = self._colour("text")
        if self.frame.head:
            x, middle = rect.x + 0.8 * line, rect.y + self.frame.head / 2
            icon = "shared" if self.frame.hue is not None else "check"
            edge = 0.95 * line
            picture = Picture(icon, colour, QRectF(x, middle - edge / 2, edge, edge))
            return [picture, Word(face, self.header, colour, x + 1.25 * line, middle, rect.w - 2.6 * line)]
        text = face.elided(self.header, rect.w - 3 * line)
        width, height = face.width(text) + line, round(1.15 * line)
        self._pill = QRectF(rect.right - width - line * 0.8, rect.y - height / 2, width, height)
        return [Word(face, text, colour, self._pill.x() + 0.5 * line, rect.y, width)]

    def _colour(self, part: str) -> str:
        """Name of a colour of its tone, for Style.colour."""
        if self.frame is None or self.frame.hue is None:
            return f"neutral.{part}"
        return f"groups.{self.frame.hue}.{part}"

    def paint(self, painter: QPainter, option: Option, widget: QWidget | None = None) -> None:
        if self.frame is None:
            return
        shared = self.frame.hue is not None
        border = "accent" if self.emphasis else self._colour("border")
        pen = QPen(self.style.colour(border), 2 if self.emphasis or shared else 1.2)
        if shared:
            pen.setDashPattern([4, 2.5])
        painter.setPen(pen)
        # Where nothing is shared its ground is the zone's.
        painter.setBrush(self.style.colour(self._colour("fill")) if shared else Qt.BrushStyle.NoBrush)
        painter.drawRoundedRect(qrect(self.frame.rect), 9, 9)
        if not self.legible(painter):
            return
        strokes = self.strokes()
        if not self.frame.head:
            painter.setPen(QPen(self.style.colour(border), 1))
            painter.setBrush(self.style.colour(self._colour("fill")))
            painter.drawRoundedRect(self._pill, self._pill.height() / 2, self._pill.height() / 2)
        paint_all(strokes, painter, self.style)
