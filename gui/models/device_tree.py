"""The devices as a tree: the map's twin for screen readers, which see nothing of a drawn scene."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from PySide6.QtCore import (
    QAbstractItemModel,
    QItemSelection,
    QModelIndex,
    QObject,
    QPersistentModelIndex,
    QSortFilterProxyModel,
    Qt,
)
from PySide6.QtGui import QGuiApplication, QResizeEvent
from PySide6.QtWidgets import QAbstractItemView, QTreeView, QWidget

from backend.doctor.finding import Finding
from backend.node.address import PciAddress
from backend.node.function import Function
from backend.node.node import Node
from gui import doctor_words, words
from gui.map.layout import parents_of
from gui.models.selection import Selection
from gui.theme import fixed

_Index = QModelIndex | QPersistentModelIndex
DEVICE, ADDRESS, GROUP, DRIVER, USED_BY, DOCTOR = range(6)
_SHARES = (31, 16, 7, 12, 18)  # percent of the width, by column; the last one takes the rest
ADDRESS_ROLE = int(Qt.ItemDataRole.UserRole)


@dataclass(slots=True)
class _Entry:
    """A line of the tree: a zone (text only), or a function with the card's others or its VFs below it."""

    number: int  # place in the model's list of entries: what an index carries
    row: int
    parent: _Entry | None
    text: str = ""
    function: Function | None = None
    children: list[_Entry] = field(default_factory=list)


class DeviceTreeModel(QAbstractItemModel):
    """Root complex -> card (its first function) -> further functions -> VFs. Bridges and empty ports too."""

    def __init__(self, node: Node | None = None, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._node = Node()
        self._staged: dict[PciAddress, str] = {}
        self._findings: dict[PciAddress, list[Finding]] = {}
        self._entries: list[_Entry] = []
        self._top: list[_Entry] = []
        self._by_address: dict[PciAddress, _Entry] = {}
        self._fill(node or Node())

    def set_node(self, node: Node | None) -> None:
        self.beginResetModel()
        self._fill(node or Node())
        self.endResetModel()

    def set_staged(self, staged: Mapping[PciAddress, str]) -> None:
        """Show the driver after the reboot, for functions that are to get another."""
        differs = [a for a in {*self._staged, *staged} if self._staged.get(a) != staged.get(a)]
        self._staged = dict(staged)
        for address in differs:
            first = self.index_of(address)
            if first.isValid():
                self.dataChanged.emit(first, first.siblingAtColumn(DOCTOR))

    def set_findings(self, findings: Sequence[Finding]) -> None:
        """Those of the whole node; each line counts its own."""
        before = self._findings
        self._findings = {}
        for finding in findings:
            if finding.told.address is not None:
                self._findings.setdefault(finding.told.address, []).append(finding)
        for address in {*before, *self._findings}:
            first = self.index_of(address)
            if first.isValid():
                self.dataChanged.emit(first.siblingAtColumn(DOCTOR), first.siblingAtColumn(DOCTOR))

    def address_of(self, index: _Index) -> PciAddress | None:
        function = self._entry(index).function if index.isValid() else None
        return function.address if function is not None else None

    def index_of(self, address: PciAddress) -> QModelIndex:
        """The first cell of the line of `address`; invalid where the node has no such function."""
        entry = self._by_address.get(address)
        return self.createIndex(entry.row, 0, entry.number) if entry is not None else QModelIndex()

    # --- content ----------------------------------------------------------------------------------

    def _fill(self, node: Node) -> None:
        self._node, self._entries, self._top, self._by_address = node, [], [], {}
        above = parents_of(node)
        flat = not above
        zones: dict[str, _Entry] = {}
        cards: dict[str, _Entry] = {}
        for function in node.functions:
            root, seen = function.address, {function.address}
            while root in above and above[root] not in seen:
                root = above[root]
                seen.add(root)
            name = f"{root.domain:04x}" if flat else f"{root.domain:04x}:{root.bus:02x}"
            if name not in zones:
                numa = function.numa_node if (function.numa_node or 0) >= 0 else None
                zones[name] = self._add(None, words.zone_title("slots", numa, name))
            of = function.physical_function
            if of is not None and of in self._by_address:
                self._add(self._by_address[of], function=function)
            elif function.address.card in cards:
                self._add(cards[function.address.card], function=function)
            else:
                cards[function.address.card] = self._add(zones[name], function=function)

    def _add(self, parent: _Entry | None, text: str = "", function: Function | None = None) -> _Entry:
        siblings = self._top if parent is None else parent.children
        entry = _Entry(len(self._entries), len(siblings), parent, text, function)
        siblings.append(entry)
        self._entries.append(entry)
        if function is not None:
            self._by_address[function.address] = entry
        return entry

    def _entry(self, index: _Index) -> _Entry:
        return self._entries[index.internalId()]

    # --- QAbstractItemModel -----------------------------------------------------------------------

    def index(self, row: int, column: int, parent: _Index = QModelIndex()) -> QModelIndex:  # noqa: B008
        if not self.hasIndex(row, column, parent):
            return QModelIndex()
        entries = self._entry(parent).children if parent.isValid() else self._top
        return self.createIndex(row, column, entries[row].number)

    def parent(self, index: _Index = QModelIndex()) -> QModelIndex:  # type: ignore[override]  # noqa: B008
        above = self._entry(index).parent if index.isValid() else None
        return self.createIndex(above.row, 0, above.number) if above is not None else QModelIndex()

    def rowCount(self, parent: _Index = QModelIndex()) -> int:  # noqa: B008
        if parent.column() > 0:
            return 0
        return len(self._entry(parent).children if parent.isValid() else self._top)

    def columnCount(self, parent: _Index = QModelIndex()) -> int:  # noqa: B008
        return DOCTOR + 1

    def headerData(
        self, section: int, orientation: Qt.Orientation, role: int = Qt.ItemDataRole.DisplayRole
    ) -> str | None:
        if orientation != Qt.Orientation.Horizontal or role != Qt.ItemDataRole.DisplayRole or section > DOCTOR:
            return None
        return (
            self.tr("Device"),
            self.tr("Address"),
            self.tr("Group"),
            self.tr("Driver"),
            self.tr("Used by"),
            self.tr("Doctor"),
        )[section]

    def data(self, index: _Index, role: int = Qt.ItemDataRole.DisplayRole) -> object:
        if not index.isValid():
            return None
        entry, column = self._entry(index), index.column()
        if role == ADDRESS_ROLE:
            return entry.function.address if entry.function is not None else None
        if role == Qt.ItemDataRole.DisplayRole:
            return self._text(entry, column)
        if role == Qt.ItemDataRole.AccessibleTextRole:
            header = self.headerData(column, Qt.Orientation.Horizontal) or ""
            text = self._text(entry, column)
            return f"{header}: {text}" if text and column != DEVICE else text
        if role == Qt.ItemDataRole.ToolTipRole and entry.function is not None and column == GROUP:
            return words.group_sentence(self._node, entry.function)
        if role == Qt.ItemDataRole.ToolTipRole and entry.function is not None and column == DOCTOR:
            of = self._findings.get(entry.function.address, ())
            return "\n".join(doctor_words.said(finding).title for finding in of) or None
        if role == Qt.ItemDataRole.FontRole and column == ADDRESS:
            return fixed(QGuiApplication.font())
        return None

    def _text(self, entry: _Entry, column: int) -> str:
        function = entry.function
        if function is None:
            return entry.text if column == DEVICE else ""
        if column == DEVICE:
            return words.short_name(function)
        if column == ADDRESS:
            return str(function.address)
        if column == GROUP:
            return "" if function.group is None else str(function.group)
        if column == DRIVER:
            staged = self._staged.get(function.address)
            now = words.driver_word(self._node, function)
            return f"{now} → {words.at_reboot(staged)}" if staged and staged != function.driver else now
        if column == DOCTOR:
            return doctor_words.counted(self._findings.get(function.address, ()))
        return words.used_by(self._node, function.address)


class _Found(QSortFilterProxyModel):
    """Lets through what a search found, with the lines above it; everything while nothing is searched for."""

    def __init__(self, parent: QObject) -> None:
        super().__init__(parent)
        self.setRecursiveFilteringEnabled(True)
        self._found: frozenset[PciAddress] | None = None

    def set_found(self, found: frozenset[PciAddress] | None) -> None:
        if found != self._found:
            self.beginFilterChange()
            self._found = found
            self.endFilterChange()

    def filterAcceptsRow(self, row: int, parent: _Index) -> bool:
        if self._found is None:
            return True
        return self.sourceModel().index(row, 0, parent).data(ADDRESS_ROLE) in self._found


class DeviceTreeView(QTreeView):
    """Shows a DeviceTreeModel of its own; the chosen line and `selection` follow one another."""

    def __init__(self, selection: Selection, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setAccessibleName(self.tr("Devices"))
        self._selection = selection
        self._filtering = False
        self._model = DeviceTreeModel(None, self)
        self._shown = _Found(self)
        self._shown.setSourceModel(self._model)
        self.setModel(self._shown)
        self.setUniformRowHeights(True)
        self.setAlternatingRowColors(True)
        self.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
        self.setSelectionMode(QAbstractItemView.SelectionMode.SingleSelection)
        header = self.header()
        header.setStretchLastSection(True)
        header.setMinimumSectionSize(4 * self.fontMetrics().averageCharWidth())
        self._widened = False
        header.sectionResized.connect(self._column_resized)
        selection.changed.connect(self._follow)

    def set_node(self, node: Node | None) -> None:
        """Show `node`, with every zone open and cards closed."""
        self._model.set_node(node)
        self._open()
        self._follow(self._selection.current)

    def set_staged(self, staged: Mapping[PciAddress, str]) -> None:
        self._model.set_staged(staged)

    def set_findings(self, findings: Sequence[Finding]) -> None:
        self._model.set_findings(findings)

    def set_matches(self, found: frozenset[PciAddress] | None) -> None:
        """Show these only, with what is above them; all for None."""
        self._filtering = True  # what is taken away stays selected elsewhere
        self._shown.set_found(found)
        self._filtering = False
        self._open()
        self._follow(self._selection.current)

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        if event.size().width() != event.oldSize().width():
            self._share()

    def _share(self) -> None:
        """All columns fit the width, each with its share of it; what a person made wider stays so."""
        if self._widened:
            return
        whole = self.viewport().width()
        for column, share in zip((DEVICE, ADDRESS, GROUP, DRIVER, USED_BY), _SHARES, strict=True):
            least = self.fontMetrics().averageCharWidth() * share // 2
            self.setColumnWidth(column, max(least, whole * share // 100))

    def _column_resized(self) -> None:
        pulled = QGuiApplication.mouseButtons() != Qt.MouseButton.NoButton
        self._widened = self._widened or pulled

    def _open(self) -> None:
        for row in range(self._shown.rowCount()):
            index = self._shown.index(row, 0)
            self.setExpanded(index, True)
            self.setFirstColumnSpanned(row, QModelIndex(), True)
            for card in range(self._shown.rowCount(index)):
                child = self._shown.index(card, 0, index)
                # A network card may have thousands of VFs.
                self.setExpanded(child, self._shown.rowCount(child) <= 8)

    def _address_at(self, index: _Index) -> PciAddress | None:
        address = index.data(ADDRESS_ROLE) if index.isValid() else None
        return address if isinstance(address, PciAddress) else None

    def selectionChanged(self, selected: QItemSelection, deselected: QItemSelection) -> None:
        super().selectionChanged(selected, deselected)
        indexes = selected.indexes()
        if indexes and not self._filtering:
            self._selection.current = self._address_at(indexes[0])

    def _follow(self, address: object) -> None:
        index = self._model.index_of(address) if isinstance(address, PciAddress) else QModelIndex()
        index = self._shown.mapFromSource(index)
        if not index.isValid():
            if self._address_at(self.currentIndex()) is not None:
                self.clearSelection()
                self.setCurrentIndex(QModelIndex())
        elif self._address_at(self.currentIndex()) != address:
            self.setCurrentIndex(index)
            self.scrollTo(index)
