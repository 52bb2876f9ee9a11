"""The one button of a page that does what the page is for."""

from __future__ import annotations

from PySide6.QtCore import QEvent
from PySide6.QtGui import QColor, QPalette
from PySide6.QtWidgets import QApplication, QPushButton, QWidget

from gui.theme import colours_of


class PrimaryButton(QPushButton):
    """In the accent colour, while it can be pressed."""

    def __init__(self, text: str = "", parent: QWidget | None = None) -> None:
        super().__init__(text, parent)
        self.setDefault(True)
        self._tint()

    def event(self, event: QEvent) -> bool:
        if event.type() is QEvent.Type.ApplicationPaletteChange:
            self._tint()
        return super().event(event)

    def _tint(self) -> None:
        palette = QPalette(QApplication.palette())
        colours = colours_of(palette)
        for group in (QPalette.ColorGroup.Active, QPalette.ColorGroup.Inactive):
            palette.setColor(group, QPalette.ColorRole.Button, QColor(colours.accent))
            palette.setColor(group, QPalette.ColorRole.ButtonText, QColor(colours.canvas))
        self.setPalette(palette)
