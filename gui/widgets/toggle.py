"""A button that stays pressed, and shows it."""

from __future__ import annotations

from PySide6.QtCore import QEvent, Qt
from PySide6.QtWidgets import QApplication, QToolButton, QWidget

from gui.theme import colours_of


class Toggle(QToolButton):
    """In the accent colour and bold while it is on."""

    def __init__(self, text: str = "", parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setText(text)
        self.setCheckable(True)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setToolButtonStyle(Qt.ToolButtonStyle.ToolButtonTextOnly)
        self._tint()

    def event(self, event: QEvent) -> bool:
        if event.type() is QEvent.Type.ApplicationPaletteChange:
            self._tint()
        return super().event(event)

    def _tint(self) -> None:
        colours = colours_of(QApplication.palette())
        style = (
            f"Toggle {{ padding: 3px 10px; border: 1px solid {colours.tile_border}; border-radius: 4px;"
            f" background: {colours.tile}; color: {colours.text}; }}"
            f" Toggle:hover {{ background: {colours.hover}; }}"
            f" Toggle:checked {{ background: {colours.selected}; border-color: {colours.accent}; font-weight: 600; }}"
            f" Toggle:focus {{ border: 2px solid {colours.accent}; padding: 2px 9px; }}"
            f" Toggle:disabled {{ color: {colours.muted}; }}"
        )
        if style != self.styleSheet():
            self.setStyleSheet(style)
