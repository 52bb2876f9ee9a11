"""The search field: types, counts, and walks through what was found."""

from __future__ import annotations

from PySide6.QtCore import Qt, Signal
from PySide6.QtGui import QKeyEvent
from PySide6.QtWidgets import QHBoxLayout, QLabel, QLineEdit, QWidget

from backend.node.address import PciAddress
from backend.node.node import Node
from gui.models.selection import Selection
from gui.search import SearchIndex


class SearchField(QWidget):
    """Enter goes to the next match, Shift+Enter to the one before, Escape clears."""

    found = Signal(object)  # frozenset[PciAddress], or None while nothing is searched for

    def __init__(self, selection: Selection, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._selection = selection
        self._node = Node()
        self._index: SearchIndex | None = None
        self._matches: tuple[PciAddress, ...] = ()
        self.field = _Line()
        self.field.setObjectName("search")
        self.field.setClearButtonEnabled(True)
        self.field.setPlaceholderText(self.tr("Find devices"))
        self.field.setToolTip(
            self.tr(
                "Names, ids, addresses, drivers, interfaces and slots; “group 15”, “vm 101” and “numa 0” by number.\n"
                "Enter goes to the next match, Shift+Enter to the one before, Escape clears."
            )
        )
        self.field.setAccessibleName(self.tr("Find devices"))
        self.field.setMinimumWidth(26 * self.fontMetrics().averageCharWidth())
        self.field.textChanged.connect(self._search)
        self.field.step.connect(self.go)
        self.count = QLabel()
        self.count.setObjectName("search_count")
        self.count.setAccessibleName(self.tr("Matches"))
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        row.addWidget(self.count)
        row.addWidget(self.field, 1)
        selection.changed.connect(self._say)
        self._say()

    @property
    def matches(self) -> tuple[PciAddress, ...]:
        return self._matches

    def set_node(self, node: Node) -> None:
        self._node, self._index = node, None
        self._search()

    def focus(self) -> None:
        self.field.setFocus(Qt.FocusReason.ShortcutFocusReason)
        self.field.selectAll()

    def go(self, forward: bool) -> None:
        """Select the next match, round at the end."""
        if not self._matches:
            return
        current = self._selection.current
        if current in self._matches:
            place = (self._matches.index(current) + (1 if forward else -1)) % len(self._matches)
        else:
            place = 0 if forward else -1
        self._selection.current = self._matches[place]
        self._say()

    def _search(self) -> None:
        query = self.field.text()
        if query.strip() and self._index is None:
            self._index = SearchIndex(self._node)
        self._matches = self._index.matches(query) if self._index is not None else ()
        self.found.emit(frozenset(self._matches) if query.strip() else None)
        self._say()

    def _say(self) -> None:
        searching = bool(self.field.text().strip())
        current = self._selection.current
        if not searching:
            text = ""
        elif not self._matches:
            text = self.tr("no match")
        elif current in self._matches:
            text = self.tr("{0} of {1}").format(self._matches.index(current) + 1, len(self._matches))
        else:
            text = self.tr("1 match") if len(self._matches) == 1 else self.tr("%n matches", "", len(self._matches))
        self.count.setText(text)
        self.count.setVisible(searching)


class _Line(QLineEdit):
    step = Signal(bool)  # True: forward

    def keyPressEvent(self, event: QKeyEvent) -> None:
        if event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter):
            self.step.emit(not event.modifiers() & Qt.KeyboardModifier.ShiftModifier)
        elif event.key() == Qt.Key.Key_Escape and self.text():
            self.clear()
        else:
            super().keyPressEvent(event)
