"""Text that is never clipped: labels that wrap, lines in the fixed font that break anywhere; and links."""

from __future__ import annotations

import math

from PySide6.QtCore import QEvent, QSize, Qt
from PySide6.QtGui import QColor, QFont, QKeyEvent, QPalette, QResizeEvent, QTextOption
from PySide6.QtWidgets import (
    QApplication,
    QFrame,
    QLabel,
    QPushButton,
    QSizePolicy,
    QStyleOptionButton,
    QTextEdit,
    QWidget,
)

from gui.theme import colours_of, fixed


class LinkButton(QPushButton):
    """Leads somewhere else: underlined, in the accent colour. Shortened in the middle where there is no room."""

    def __init__(self, text: str = "", parent: QWidget | None = None) -> None:
        super().__init__(text, parent)
        self.setAccessibleName(text)
        self.setFlat(True)
        self.setCursor(Qt.CursorShape.PointingHandCursor)
        self.setAutoDefault(False)
        self.setSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Fixed)
        font = self.font()
        font.setUnderline(True)
        self.setFont(font)
        self._tint()

    def sizeHint(self) -> QSize:
        metrics = self.fontMetrics()
        return QSize(metrics.horizontalAdvance(self.text()) + 2 * metrics.height(), super().sizeHint().height())

    def minimumSizeHint(self) -> QSize:
        return QSize(5 * self.fontMetrics().height(), super().minimumSizeHint().height())

    def initStyleOption(self, option: QStyleOptionButton) -> None:
        super().initStyleOption(option)
        room = self.width() - self.fontMetrics().height()
        option.text = self.fontMetrics().elidedText(self.text(), Qt.TextElideMode.ElideMiddle, room)

    def event(self, event: QEvent) -> bool:
        if event.type() is QEvent.Type.ApplicationPaletteChange:
            self._tint()
        return super().event(event)

    def _tint(self) -> None:
        palette = QPalette(QApplication.palette())
        for group in (QPalette.ColorGroup.Active, QPalette.ColorGroup.Inactive):
            palette.setColor(group, QPalette.ColorRole.ButtonText, QColor(colours_of(palette).accent))
        self.setPalette(palette)


class Muted(QLabel):
    """Text that stands back, still at a contrast of 4.5:1."""

    def __init__(self, text: str = "", parent: QWidget | None = None) -> None:
        super().__init__(text, parent)
        self._tint()

    def event(self, event: QEvent) -> bool:
        if event.type() is QEvent.Type.ApplicationPaletteChange:
            self._tint()
        return super().event(event)

    def _tint(self) -> None:
        palette = QPalette(QApplication.palette())
        palette.setColor(QPalette.ColorRole.WindowText, QColor(colours_of(palette).muted))
        self.setPalette(palette)


def _moves(event: QKeyEvent) -> bool:
    """Up and Down: they go from one text to the next, as Tab does, not to the cursor within one."""
    return event.key() in (Qt.Key.Key_Up, Qt.Key.Key_Down) and event.modifiers() == Qt.KeyboardModifier.NoModifier


class _Label(QLabel):
    def keyPressEvent(self, event: QKeyEvent) -> None:
        if _moves(event):
            self.focusNextPrevChild(event.key() == Qt.Key.Key_Down)
        else:
            super().keyPressEvent(event)


def label(text: str, font: QFont | None = None) -> QLabel:
    """Plain text that wraps, to be selected with mouse and keyboard."""
    made = _Label(text)
    made.setTextFormat(Qt.TextFormat.PlainText)
    made.setWordWrap(True)
    made.setTextInteractionFlags(
        Qt.TextInteractionFlag.TextSelectableByMouse | Qt.TextInteractionFlag.TextSelectableByKeyboard
    )
    if font is not None:
        made.setFont(font)
    return made


class FixedLines(QTextEdit):
    """Read-only lines as high as they are long: paths and what stands in them, broken wherever the width ends."""

    def __init__(self, text: str, name: str = "", parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setFont(fixed(self.font(), 0.9))
        self.setReadOnly(True)
        self.setFrameShape(QFrame.Shape.NoFrame)
        self.setVerticalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setWordWrapMode(QTextOption.WrapMode.WrapAtWordBoundaryOrAnywhere)
        self.setTabChangesFocus(True)
        self.setTextInteractionFlags(
            Qt.TextInteractionFlag.TextSelectableByMouse | Qt.TextInteractionFlag.TextSelectableByKeyboard
        )
        self.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Fixed)
        self.document().setDocumentMargin(0)
        self.setAccessibleName(name or text)
        self.setMinimumWidth(80)
        self.viewport().setAutoFillBackground(False)
        self.setPlainText(text)

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self.setFixedHeight(math.ceil(self.document().size().height()) + 1)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        if _moves(event):
            self.focusNextPrevChild(event.key() == Qt.Key.Key_Down)
        else:
            super().keyPressEvent(event)
