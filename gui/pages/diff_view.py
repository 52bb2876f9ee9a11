"""A file's change as a diff: signs and colours, every byte visible."""

from __future__ import annotations

from PySide6.QtCore import QEvent
from PySide6.QtGui import QColor, QTextBlockFormat, QTextCharFormat, QTextCursor
from PySide6.QtWidgets import QPlainTextEdit, QWidget

from gui.theme import colours_of, fixed


class DiffView(QPlainTextEdit):
    """Read-only; copied text is the diff itself."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("diff")
        self.setReadOnly(True)
        self.setLineWrapMode(QPlainTextEdit.LineWrapMode.NoWrap)
        self.setFont(fixed(self.font()))
        self.setAccessibleName(self.tr("Exact change"))
        self._lines: list[str] = []

    def show_lines(self, lines: list[str]) -> None:
        self._lines = lines
        self._render()

    def changeEvent(self, event: QEvent) -> None:
        super().changeEvent(event)
        if event.type() is QEvent.Type.PaletteChange:
            self._render()

    def _render(self) -> None:
        colours = colours_of(self.palette())
        self.clear()
        cursor = QTextCursor(self.document())
        for number, line in enumerate(self._lines):
            block, char = QTextBlockFormat(), QTextCharFormat()
            tone = {"+": colours.good, "-": colours.bad}.get(line[:1])
            if tone is not None:
                block.setBackground(QColor(tone.fill))
                char.setForeground(QColor(tone.text))
            elif line.startswith("@@"):
                char.setForeground(QColor(colours.muted))
            if number:
                cursor.insertBlock(block, char)
            else:
                cursor.setBlockFormat(block)
                cursor.setBlockCharFormat(char)
            cursor.insertText(line, char)
        self.moveCursor(QTextCursor.MoveOperation.Start)
