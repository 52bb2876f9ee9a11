"""A picture and a word in the colours of a grade: never colour alone."""

from __future__ import annotations

from PySide6.QtCore import QRectF, QSize, Qt
from PySide6.QtGui import QColor, QPainter, QPaintEvent, QPen
from PySide6.QtWidgets import QSizePolicy, QWidget

from gui.doctor_words import Look
from gui.map.items import draw_icon
from gui.theme import Tone, colours_of, scaled


class Chip(QWidget):
    """A small filled pill."""

    def __init__(self, look: Look, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._look = look
        self.setFont(scaled(self.font(), 0.92, bold=True))
        self.setSizePolicy(QSizePolicy.Policy.Fixed, QSizePolicy.Policy.Fixed)
        self.setAccessibleName(look.word)

    @property
    def look(self) -> Look:
        return self._look

    def show_look(self, look: Look) -> None:
        self._look = look
        self.setAccessibleName(look.word)
        self.updateGeometry()
        self.update()

    def sizeHint(self) -> QSize:
        metrics = self.fontMetrics()
        line = metrics.height()
        return QSize(round(metrics.horizontalAdvance(self._look.word) + 2.3 * line), round(1.35 * line))

    def paintEvent(self, event: QPaintEvent) -> None:
        tone: Tone = getattr(colours_of(self.palette()), self._look.tone)
        line = self.fontMetrics().height()
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        area = QRectF(self.rect()).adjusted(0.5, 0.5, -0.5, -0.5)
        painter.setPen(QPen(QColor(tone.border), 1))
        painter.setBrush(QColor(tone.fill))
        painter.drawRoundedRect(area, area.height() / 2, area.height() / 2)
        draw_icon(
            painter,
            self._look.icon,
            tone.text,
            QRectF(0.5 * line, (self.height() - 0.9 * line) / 2, 0.9 * line, 0.9 * line),
        )
        painter.setPen(QColor(tone.text))
        painter.drawText(area.adjusted(1.65 * line, 0, 0, 0), Qt.AlignmentFlag.AlignVCenter, self._look.word)
        painter.end()
