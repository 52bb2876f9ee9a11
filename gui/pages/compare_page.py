"""What is different between two snapshots: of the machine, and of each device."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import QDateTime, QLocale, Qt, Signal
from PySide6.QtGui import QColor, QGuiApplication, QKeyEvent, QKeySequence
from PySide6.QtWidgets import (
    QHBoxLayout,
    QHeaderView,
    QLabel,
    QPushButton,
    QTreeWidget,
    QTreeWidgetItem,
    QVBoxLayout,
    QWidget,
)

from backend.node.address import PciAddress
from backend.node.compare import Difference
from backend.node.node import Node
from gui import words
from gui.named import named
from gui.theme import colours_of, scaled

_ADDRESS = int(Qt.ItemDataRole.UserRole)


class ComparePage(QWidget):
    """A tree: the machine, then every device that differs; below each what was and what is now."""

    back_requested = Signal()
    device_requested = Signal(object)  # PciAddress of today: show it on the map

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("compare_page")
        self._title = QLabel()
        self._title.setFont(scaled(self.font(), 1.5, bold=True))
        self._subtitle = named(QLabel(), "compare_subtitle")
        self._subtitle.setWordWrap(True)
        self.tree = named(_Tree(), "compare_tree")
        self.tree.setAccessibleName(self.tr("Differences"))
        self.tree.setAlternatingRowColors(True)
        self.tree.setStyleSheet("QTreeWidget::item { padding: 3px 2px; }")
        self.tree.itemActivated.connect(self._activated)
        header = self.tree.header()
        header.setStretchLastSection(True)
        header.setSectionResizeMode(QHeaderView.ResizeMode.Interactive)

        back = named(QPushButton(self.tr("Back")), "compare_back")
        back.clicked.connect(self.back_requested)
        self._hint = QLabel(self.tr("Enter or double click shows a device on the map."))
        self._hint.setForegroundRole(self.foregroundRole())
        self.copy_button = named(QPushButton(self.tr("Copy as text")), "compare_copy")
        self.copy_button.clicked.connect(self.copy)
        self.tree.copy_requested.connect(self.copy)
        foot = QHBoxLayout()
        foot.setSpacing(12)
        foot.addWidget(back)
        foot.addWidget(self._hint, 1)
        foot.addWidget(self.copy_button)

        layout = QVBoxLayout(self)
        layout.setContentsMargins(20, 16, 20, 16)
        layout.setSpacing(12)
        layout.addWidget(self._title)
        layout.addWidget(self._subtitle)
        layout.addWidget(self.tree, 1)
        layout.addLayout(foot)

    def show_comparison(self, before: Node, after: Node, found: Sequence[Difference]) -> None:
        same = before.hostname == after.hostname
        self._title.setText(
            self.tr("What changed on {0}").format(after.hostname or self.tr("this node"))
            if same
            else self.tr("{0} compared with {1}").format(after.hostname or "?", before.hostname or "?")
        )
        self._subtitle.setText(
            self.tr("Then: {0}. Now: {1}. {2}").format(
                self._date(before),
                self._date(after),
                self.tr("No difference.")
                if not found
                else self.tr("1 difference.")
                if len(found) == 1
                else self.tr("%n differences.", "", len(found)),
            )
        )
        self.tree.clear()
        then, now = (self.tr("Then"), self.tr("Now")) if same else (before.hostname or "?", after.hostname or "?")
        self.tree.setHeaderLabels([self.tr("What"), then, now])
        heads: dict[tuple[PciAddress | None, PciAddress | None], QTreeWidgetItem] = {}
        for difference in found:
            at = difference.before, difference.after
            head = heads.get(at)
            if head is None:
                head = heads[at] = self._head(before, after, difference)
            head.addChild(self._line(difference))
        self.tree.expandAll()
        for column, share in ((0, 0.42), (1, 0.29)):
            self.tree.setColumnWidth(column, round(max(self.width(), 700) * share))
        self.copy_button.setEnabled(bool(found))
        self._hint.setVisible(bool(found))

    def _date(self, node: Node) -> str:
        taken = QDateTime.fromString(node.taken or "", Qt.DateFormat.ISODate)
        if not taken.isValid():
            return self.tr("date unknown")
        return QLocale().toString(taken.toLocalTime(), QLocale.FormatType.ShortFormat)

    def _head(self, before: Node, after: Node, difference: Difference) -> QTreeWidgetItem:
        node, address = (before, difference.before) if difference.after is None else (after, difference.after)
        if address is None:
            text = self.tr("The machine")
        else:
            text = self.tr("{0}  {1}").format(words.short_name(node.by_address[address]), words.short_address(address))
        head = QTreeWidgetItem([text])
        head.setFont(0, scaled(self.font(), 1.0, bold=True))
        head.setData(0, _ADDRESS, difference.after)
        self.tree.addTopLevelItem(head)
        head.setFirstColumnSpanned(True)
        return head

    def _line(self, difference: Difference) -> QTreeWidgetItem:
        none = self.tr("none")
        # An empty text is a value: a group with nobody else in it.
        was, now = (none if text is None else text or self.tr("nobody") for text in (difference.was, difference.now))
        item = QTreeWidgetItem([self._what(difference.what), was, now])
        item.setData(0, _ADDRESS, difference.after)
        muted = QColor(colours_of(self.palette()).muted)
        for column, text in ((1, difference.was), (2, difference.now)):
            item.setToolTip(column, text or "")
            if text is None:
                item.setForeground(column, muted)
        return item

    def _what(self, code: str) -> str:
        return {
            "firmware": self.tr("Firmware"),
            "kernel": self.tr("Kernel"),
            "pve-version": self.tr("PVE"),
            "loader": self.tr("Boot loader"),
            "iommu": self.tr("IOMMU"),
            "interrupt-remapping": self.tr("Interrupt remapping"),
            "parameter": self.tr("Kernel parameter"),
            "module-options": self.tr("Module options"),
            "appeared": self.tr("Appeared"),
            "vanished": self.tr("Vanished"),
            "moved": self.tr("Moved to another address"),
            "slot": self.tr("Slot"),
            "driver": self.tr("Driver"),
            "group": self.tr("Shares its IOMMU group with"),
            "group-number": self.tr("Number of its IOMMU group"),
            "link": self.tr("Link"),
            "interface": self.tr("Network interface"),
            "vfs": self.tr("Virtual functions"),
            "reset": self.tr("Reset methods"),
            "bar": self.tr("BAR sizes"),
            "guest": self.tr("Named by"),
        }.get(code, code)

    def _activated(self, item: QTreeWidgetItem) -> None:
        address = item.data(0, _ADDRESS)
        if isinstance(address, PciAddress):
            self.device_requested.emit(address)

    def text(self) -> str:
        """The whole tree, indented, for the clipboard."""
        lines = [self._title.text(), self._subtitle.text()]
        for row in range(self.tree.topLevelItemCount()):
            head = self.tree.topLevelItem(row)
            if head is None:
                continue
            lines += ["", head.text(0)]
            for line in filter(None, map(head.child, range(head.childCount()))):
                lines.append(f"    {line.text(0)}: {line.text(1)} → {line.text(2)}")
        return "\n".join(lines) + "\n"

    def copy(self) -> None:
        QGuiApplication.clipboard().setText(self.text())


class _Tree(QTreeWidget):
    copy_requested = Signal()

    def keyPressEvent(self, event: QKeyEvent) -> None:
        if event.matches(QKeySequence.StandardKey.Copy):
            self.copy_requested.emit()
        else:
            super().keyPressEvent(event)
