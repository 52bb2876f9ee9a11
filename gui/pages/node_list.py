"""The open nodes: a dot and a word for the state of each, and the count of its staged changes."""

from __future__ import annotations

from PySide6.QtCore import QEvent, QSize, Qt, Signal
from PySide6.QtWidgets import (
    QGridLayout,
    QLabel,
    QListWidget,
    QListWidgetItem,
    QWidget,
)

from gui.theme import colours_of, scaled


class _Row(QWidget):
    def __init__(self, name: str) -> None:
        super().__init__()
        self.name = QLabel(name)
        self.name.setFont(scaled(self.font(), 1.0, bold=True))
        self._dot = QLabel("●")
        self._words = QLabel()
        self._words.setFont(scaled(self.font(), 0.9))
        self._count = QLabel()
        self._count.setAlignment(Qt.AlignmentFlag.AlignCenter)
        layout = QGridLayout(self)
        layout.setContentsMargins(8, 6, 8, 6)
        layout.setHorizontalSpacing(8)
        layout.setVerticalSpacing(1)
        layout.addWidget(self._dot, 0, 0)
        layout.addWidget(self.name, 0, 1)
        layout.addWidget(self._count, 0, 2)
        layout.addWidget(self._words, 1, 1, 1, 2)
        layout.setColumnStretch(1, 1)
        # The list itself is what is clicked and what has the keyboard.
        self.setAttribute(Qt.WidgetAttribute.WA_TransparentForMouseEvents)
        self._tone = "idle"

    def show_state(self, tone: str, words: str, staged: int) -> None:
        self._tone = tone
        self._words.setText(words)
        self._count.setText(str(staged))
        self._count.setVisible(staged > 0)
        self._paint()

    def changeEvent(self, event: QEvent) -> None:
        super().changeEvent(event)
        if event.type() is QEvent.Type.PaletteChange:
            self._paint()

    def _paint(self) -> None:
        colours = colours_of(self.palette())
        dot = {
            "good": colours.good.border,
            "warn": colours.warn.border,
            "bad": colours.bad.border,
            "idle": colours.muted,
        }[self._tone]
        for label, style in (
            (self._dot, f"color: {dot};"),
            (self._words, f"color: {colours.muted};"),
            (
                self._count,
                f"color: {colours.canvas}; background: {colours.accent}; border-radius: 8px; padding: 1px 7px;",
            ),
        ):
            if label.styleSheet() != style:
                label.setStyleSheet(style)


class NodeList(QListWidget):
    """`chosen` carries the row's number."""

    chosen = Signal(int)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("node_list")
        self.setAccessibleName(self.tr("Open nodes"))
        self.setFrameShape(QListWidget.Shape.NoFrame)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.currentRowChanged.connect(self.chosen)
        self._paint()

    def add(self, name: str) -> int:
        item = QListWidgetItem(self)
        row = _Row(name)
        self.setItemWidget(item, row)
        item.setSizeHint(QSize(10, row.sizeHint().height() + 4))
        return self.count() - 1

    def show_state(self, row: int, tone: str, words: str, staged: int) -> None:
        """`tone`: "good", "warn", "bad", "idle"; it colours the dot, the words say the same."""
        item = self.item(row)
        widget = self.itemWidget(item)
        if not isinstance(widget, _Row):
            return
        widget.show_state(tone, words, staged)
        said = self._changes(staged)
        item.setData(Qt.ItemDataRole.AccessibleTextRole, ", ".join(x for x in (widget.name.text(), words, said) if x))
        item.setToolTip(f"{widget.name.text()}\n{words}")
        item.setSizeHint(QSize(10, widget.sizeHint().height() + 4))

    def _changes(self, staged: int) -> str:
        if not staged:
            return ""
        return self.tr("1 staged change") if staged == 1 else self.tr("%n staged changes", "", staged)

    def changeEvent(self, event: QEvent) -> None:
        super().changeEvent(event)
        if event.type() is QEvent.Type.PaletteChange:
            self._paint()

    def _paint(self) -> None:
        colours = colours_of(self.palette())
        style = (
            "NodeList { background: transparent; }"
            f" NodeList::item {{ border-radius: 6px; margin: 1px 4px; }}"
            f" NodeList::item:selected {{ background: {colours.selected}; }}"
            f" NodeList::item:hover:!selected {{ background: {colours.hover}; }}"
            f" NodeList::item:focus {{ border: 1px solid {colours.accent}; }}"
        )
        if style != self.styleSheet():
            self.setStyleSheet(style)
