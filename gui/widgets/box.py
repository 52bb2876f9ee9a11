"""A box that says one thing: a picture, a title, a sentence, in the colours of how grave it is."""

from __future__ import annotations

from PySide6.QtCore import QEvent, QRectF, Qt
from PySide6.QtGui import QColor, QPainter, QPaintEvent, QPalette, QPen
from PySide6.QtWidgets import QGridLayout, QLabel, QWidget

from gui.map.items import draw_icon
from gui.theme import Tone, colours_of


class Box(QWidget):
    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._tone = "neutral"
        self._icon = "check"
        self.title = QLabel(self)
        self.text = QLabel(self)
        for label in (self.title, self.text):
            label.setWordWrap(True)
            label.setTextFormat(Qt.TextFormat.PlainText)
        font = self.title.font()
        font.setBold(True)
        self.title.setFont(font)
        self.text.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        line = self.fontMetrics().height()
        grid = QGridLayout(self)
        grid.setContentsMargins(round(2.1 * line), round(0.7 * line), round(0.8 * line), round(0.7 * line))
        grid.setVerticalSpacing(round(0.3 * line))
        grid.addWidget(self.title, 0, 0)
        grid.addWidget(self.text, 1, 0)

    def say(self, tone: str, icon: str, title: str, text: str) -> None:
        """`tone`: a field of theme.Colours that holds a Tone; `icon`: a picture of resources/icons."""
        self._tone, self._icon = tone, icon
        self.title.setText(title)
        self.text.setText(text)
        self.text.setVisible(bool(text))
        self.setAccessibleName(f"{title}: {text}")
        self._colour()

    def _colour(self) -> None:
        tone = self._tone_now()
        for label in (self.title, self.text):
            palette = label.palette()
            palette.setColor(QPalette.ColorRole.WindowText, QColor(tone.text))
            label.setPalette(palette)
        self.update()

    def _tone_now(self) -> Tone:
        tone: Tone = getattr(colours_of(self.palette()), self._tone)
        return tone

    def changeEvent(self, event: QEvent) -> None:
        super().changeEvent(event)
        if event.type() == QEvent.Type.PaletteChange and hasattr(self, "text"):
            self._colour()

    def paintEvent(self, event: QPaintEvent) -> None:
        tone = self._tone_now()
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setPen(QPen(QColor(tone.border), 1))
        painter.setBrush(QColor(tone.fill))
        painter.drawRoundedRect(QRectF(self.rect()).adjusted(0.5, 0.5, -0.5, -0.5), 6, 6)
        line = self.fontMetrics().height()
        top = self.title.y() + (min(self.title.height(), 1.2 * line) - line) / 2
        draw_icon(painter, self._icon, tone.text, QRectF(0.7 * line, top, line, line))
        painter.end()
