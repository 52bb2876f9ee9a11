"""The whole board in a corner of the view, with the part that is seen: press and drag to go elsewhere."""

from __future__ import annotations

from PySide6.QtCore import QPointF, QRect, QRectF, QSize, QSizeF, Qt, Signal
from PySide6.QtGui import QColor, QMouseEvent, QPainter, QPaintEvent, QPen, QPixmap
from PySide6.QtWidgets import QWidget

from gui.map.painting import qrect
from gui.map.pieces import MapLayout
from gui.theme import Colours

MARGIN = 10  # pixels to the corner
LARGEST = 150.0  # pixels, either way
ENOUGH = 0.34  # of a board: where more is seen, scrolling is no journey, and an overview only covers what is there


class MiniMap(QWidget):
    """Shown where part of the board is not seen, unless it was turned off."""

    moved = Signal(QPointF)  # the point of the board that shall be in the middle

    def __init__(self, parent: QWidget) -> None:
        super().__init__(parent)
        self.setAccessibleName(self.tr("Overview of the map"))
        self.setToolTip(self.tr("Overview: press or drag to go there. M hides it."))
        self.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self.setCursor(Qt.CursorShape.PointingHandCursor)
        self.wanted = True
        self._board = MapLayout(0, 0)
        self._colours: Colours | None = None
        self._seen = QRectF()
        self._picture = QPixmap()
        self.hide()

    def show_board(self, board: MapLayout, colours: Colours) -> None:
        self._board, self._colours = board, colours
        self._picture = QPixmap()
        self.update()

    def show_seen(self, seen: QRectF, room: QRect) -> None:
        """`seen`: of the board, in its coordinates; `room`: the viewport, in the parent's."""
        whole = QRectF(0, 0, self._board.width, self._board.height)
        self._seen = seen & whole
        needed = self._seen.width() * self._seen.height() < ENOUGH * whole.width() * whole.height()
        most = QSizeF(min(0.18 * room.width(), LARGEST), min(0.3 * room.height(), LARGEST))
        size = whole.size().scaled(most, Qt.AspectRatioMode.KeepAspectRatio)
        self.setVisible(self.wanted and needed and bool(self._board.tiles) and room.width() > 320)
        fitted = QSize(max(24, round(size.width())), max(24, round(size.height())))
        if fitted != self.size():
            self.resize(fitted)
            self._picture = QPixmap()
        self.move(room.right() - fitted.width() - MARGIN, room.bottom() - fitted.height() - MARGIN)
        self.update()

    # --- events -----------------------------------------------------------------------------------

    def paintEvent(self, event: QPaintEvent) -> None:
        if self._colours is None:
            return
        painter = QPainter(self)
        if self._picture.isNull():
            self._picture = self._drawn(self._colours)
        painter.drawPixmap(0, 0, self._picture)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        accent = QColor(self._colours.accent)
        painter.setPen(QPen(accent, 1.5))
        accent.setAlpha(36)
        painter.setBrush(accent)
        across, down = self._scale()
        seen = QRectF(self._seen.x() * across, self._seen.y() * down, self._seen.width() * across, 0)
        seen.setHeight(self._seen.height() * down)
        painter.drawRect(seen.adjusted(1, 1, -1, -1))
        painter.end()

    def mousePressEvent(self, event: QMouseEvent) -> None:
        self._go(event)

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        if event.buttons() & Qt.MouseButton.LeftButton:
            self._go(event)

    def mouseReleaseEvent(self, event: QMouseEvent) -> None:
        event.accept()

    def mouseDoubleClickEvent(self, event: QMouseEvent) -> None:
        event.accept()

    def _go(self, event: QMouseEvent) -> None:
        across, down = self._scale()
        self.moved.emit(QPointF(event.position().x() / across, event.position().y() / down))
        event.accept()

    def _scale(self) -> tuple[float, float]:
        return self.width() / max(self._board.width, 1), self.height() / max(self._board.height, 1)

    def _drawn(self, colours: Colours) -> QPixmap:
        """Zones, bars and tiles, without words."""
        ratio = self.devicePixelRatioF()
        pixmap = QPixmap(self.size() * ratio)
        pixmap.setDevicePixelRatio(ratio)
        pixmap.fill(QColor(colours.canvas))
        painter = QPainter(pixmap)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.save()
        painter.scale(*self._scale())
        painter.setPen(Qt.PenStyle.NoPen)
        for zone in self._board.zones:
            painter.fillRect(qrect(zone.rect), QColor(colours.zone_border))
        for frame in self._board.frames:
            if frame.hue is not None:
                painter.fillRect(qrect(frame.rect), QColor(colours.groups[frame.hue % len(colours.groups)].border))
        for lane in self._board.lanes:
            painter.fillRect(QRectF(lane.x, lane.y - 3, lane.end - lane.x, 6), QColor(colours.lane))
        for bar in self._board.bars:
            painter.fillRect(qrect(bar.rect), QColor(colours.bar))
        for tile in self._board.tiles:
            painter.fillRect(qrect(tile.rect), QColor(colours.zone if tile.is_faint else colours.tile))
        painter.restore()
        painter.setPen(QPen(QColor(colours.lane), 1))
        painter.setBrush(Qt.BrushStyle.NoBrush)
        painter.drawRect(QRectF(0.5, 0.5, self.width() - 1, self.height() - 1))
        painter.end()
        return pixmap
