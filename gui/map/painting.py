"""What every piece is painted with: fonts, colours, pictures, texts whose places are known before.

Measuring text is what painting would spend its time on. Each item therefore works out its words once (`Word`, `Pill`,
`Picture`) and paints them as often as it likes; colours are looked up when it paints, so that a board can be printed in
other colours than it is shown in.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

from PySide6.QtCore import QByteArray, QPointF, QRectF, QSize, Qt
from PySide6.QtGui import QColor, QFont, QFontMetricsF, QPainter, QPen, QPixmap, QStaticText, QTransform
from PySide6.QtSvg import QSvgRenderer
from PySide6.QtWidgets import QGraphicsItem, QStyleOptionGraphicsItem

from gui.map.pieces import Rect
from gui.theme import Colours, fixed, scaled
from resources import read

LEGIBLE = 0.4  # scale below which texts are left out
FADED = 0.3  # opacity of what does not match a search


@lru_cache(maxsize=256)
def _icon(name: str, colour: str) -> QSvgRenderer:
    return QSvgRenderer(QByteArray(read(f"icons/{name}.svg").replace(b"#000000", colour.encode())))


@lru_cache(maxsize=512)
def _drawn(name: str, colour: str, edge: int) -> QPixmap:
    """A picture `edge` pixels of the screen wide and high."""
    pixmap = QPixmap(QSize(edge, edge))
    pixmap.fill(Qt.GlobalColor.transparent)
    painter = QPainter(pixmap)
    draw_icon(painter, name, colour, QRectF(0, 0, edge, edge))
    painter.end()
    return pixmap


def draw_icon(painter: QPainter, name: str, colour: str, rect: QRectF) -> None:
    _icon(name, colour).render(painter, rect)


def qrect(rect: Rect) -> QRectF:
    return QRectF(rect.x, rect.y, rect.w, rect.h)


class Face:
    """A font with what is measured of it."""

    def __init__(self, font: QFont) -> None:
        self.font = font
        self._metrics = QFontMetricsF(font)
        self._advance: dict[str, float] = {}

    def width(self, text: str) -> float:
        known = self._advance.get(text)
        if known is None:
            known = self._advance[text] = self._metrics.horizontalAdvance(text)
        return known

    def elided(self, text: str, room: float) -> str:
        if self.width(text) <= room:
            return text
        return self._metrics.elidedText(text, Qt.TextElideMode.ElideRight, max(room, 0))

    @property
    def height(self) -> float:
        return self._metrics.height()


class Style:
    """Fonts and colours that all items of a scene paint with."""

    def __init__(self, font: QFont, colours: Colours) -> None:
        self.text = Face(QFont(font))
        self.bold = Face(scaled(font, 1.0, bold=True))
        self.small = Face(scaled(font, 0.88))
        self.small_bold = Face(scaled(font, 0.88, bold=True))
        self.mono = Face(fixed(font, 0.9))
        self.line = QFontMetricsF(font).height()
        self.on_paper = False  # vectors, and every text however small
        self.show_in(colours)

    def show_in(self, colours: Colours) -> None:
        self.colours = colours
        self._colours: dict[str, QColor] = {}

    def hex(self, name: str) -> str:
        """A field of Colours, or of one of its tones: "muted", "bad.text", "groups.0.fill" (groups come round)."""
        first, *rest = name.split(".")
        value = getattr(self.colours, first)
        if first == "groups":
            value = value[int(rest.pop(0)) % len(value)]
        return str(getattr(value, rest[0]) if rest else value)

    def colour(self, name: str) -> QColor:
        known = self._colours.get(name)
        if known is None:
            known = self._colours[name] = QColor(self.hex(name))
        return known


class Word:
    """One line of text, elided to its room. `x` is its left edge, `middle` the height of its middle."""

    __slots__ = ("at", "colour", "face", "static", "text", "width")

    def __init__(self, face: Face, text: str, colour: str, x: float, middle: float, room: float) -> None:
        self.face, self.colour = face, colour
        self.text = face.elided(text, room)
        self.width = face.width(self.text)
        self.at = QPointF(x, middle - face.height / 2)
        self.static = QStaticText(self.text)
        self.static.setTextFormat(Qt.TextFormat.PlainText)
        self.static.setPerformanceHint(QStaticText.PerformanceHint.AggressiveCaching)
        self.static.prepare(QTransform(), face.font)

    def paint(self, painter: QPainter, style: Style) -> None:
        painter.setPen(style.colour(self.colour))
        painter.setFont(self.face.font)
        if style.on_paper:
            # Static texts become pictures or outlines in some files; text stays text.
            area = QRectF(self.at.x(), self.at.y(), self.width + self.face.height, self.face.height)
            painter.drawText(area, Qt.AlignmentFlag.AlignVCenter, self.text)
        else:
            painter.drawStaticText(self.at, self.static)


@dataclass(frozen=True, slots=True)
class Picture:
    name: str
    colour: str
    rect: QRectF

    def paint(self, painter: QPainter, style: Style) -> None:
        device = painter.device()
        if style.on_paper or device is None:
            draw_icon(painter, self.name, style.hex(self.colour), self.rect)
            return
        scale = painter.worldTransform().m11() * device.devicePixelRatio()
        edge = max(1, round(self.rect.width() * scale))
        pixmap = _drawn(self.name, style.hex(self.colour), edge)
        painter.drawPixmap(self.rect, pixmap, QRectF(pixmap.rect()))


@dataclass(frozen=True, slots=True)
class Pill:
    """The rounded ground of a badge."""

    tone: str
    rect: QRectF

    def paint(self, painter: QPainter, style: Style) -> None:
        # Neutral ones would be lost on a selected row.
        painter.setPen(style.colour("neutral.border") if self.tone == "neutral" else Qt.PenStyle.NoPen)
        painter.setBrush(style.colour(f"{self.tone}.fill"))
        painter.drawRoundedRect(self.rect, 4, 4)


Stroke = Word | Picture | Pill


def paint_all(strokes: Sequence[Stroke], painter: QPainter, style: Style) -> None:
    for stroke in strokes:
        stroke.paint(painter, style)


class Piece(QGraphicsItem):
    """An item that paints one piece of an arrangement, in the scene's coordinates: its position is (0, 0) unless it is
    on its way."""

    def __init__(self, style: Style) -> None:
        super().__init__()
        self.style = style
        self._bounds = QRectF()
        self.selected_way = False
        self.hovered_way = False
        self._strokes: list[Stroke] | None = None

    def boundingRect(self) -> QRectF:
        return self._bounds

    def set_bounds(self, rect: QRectF) -> None:
        if rect != self._bounds:
            self.prepareGeometryChange()
            self._bounds = rect

    def forget(self) -> None:
        """Words are worked out anew at the next painting."""
        self._strokes = None
        self.update()

    def strokes(self) -> list[Stroke]:
        if self._strokes is None:
            self._strokes = self.worded()
        return self._strokes

    def worded(self) -> list[Stroke]:
        return []

    @property
    def emphasis(self) -> bool:
        return self.selected_way or self.hovered_way

    def set_emphasis(self, selected: bool, hovered: bool) -> None:
        """Belongs to what is selected or under the mouse: its group's frame, the lanes and bars of its way to the
        root."""
        if (selected, hovered) != (self.selected_way, self.hovered_way):
            self.selected_way, self.hovered_way = selected, hovered
            self.update()

    def legible(self, painter: QPainter) -> bool:
        if self.style.on_paper:
            return True
        return QStyleOptionGraphicsItem.levelOfDetailFromTransform(painter.worldTransform()) >= LEGIBLE

    def ring(self, width: float) -> QPen:
        """Round what is emphasised."""
        return QPen(self.style.colour("accent"), width)
