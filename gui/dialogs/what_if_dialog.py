"""What the group of a card would be with an ACS override, or in another slot, and what that costs."""

from __future__ import annotations

from PySide6.QtCore import Qt
from PySide6.QtWidgets import (
    QDialog,
    QHBoxLayout,
    QHeaderView,
    QPushButton,
    QTreeWidget,
    QTreeWidgetItem,
    QVBoxLayout,
    QWidget,
)

from backend.node.address import PciAddress
from backend.node.node import Node
from backend.node.what_if import Answers, Cost, Outcome
from gui import group_words, words
from gui.named import named
from gui.theme import fixed, scaled
from gui.widgets.lines import label


class WhatIfDialog(QDialog):
    """Shows answers that were worked out elsewhere; stages nothing."""

    def __init__(self, node: Node, card: PciAddress, answers: Answers, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("what_if_dialog")
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self._node, self._card = node, card
        name = words.short_name(node.by_address[card])
        self.setWindowTitle(self.tr("What if - {0}").format(name))
        self.now = label(
            self.tr("{0} is {1} now.").format(f"{name} ({words.short_address(card)})", self._now()),
            scaled(self.font(), 1.1, bold=True),
        )
        self.tree = named(QTreeWidget(), "what_if_tree")
        self.tree.setHeaderLabels([self.tr("If"), self.tr("Its group would be"), self.tr("At the cost of")])
        self.tree.setAccessibleName(self.tr("What if"))
        self.tree.setStyleSheet("QTreeWidget::item { padding: 3px 2px; }")
        self.tree.setWordWrap(True)
        self._fill(answers)
        warning = label(
            self.tr(
                "An override isolates nothing: it makes the kernel believe that devices cannot reach one another. "
                "A guest that has one of them can still write into the memory of whoever has the other. Another slot "
                "is the better answer where there is one."
            ),
            self.font(),
        )
        close = named(QPushButton(self.tr("Close")), "what_if_close")
        close.clicked.connect(self.close)
        foot = QHBoxLayout()
        foot.addStretch(1)
        foot.addWidget(close)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(16, 16, 16, 16)
        layout.setSpacing(12)
        layout.addWidget(self.now)
        layout.addWidget(self.tree, 1)
        layout.addWidget(warning)
        layout.addLayout(foot)
        self.resize(1060, 520)
        self.tree.setColumnWidth(0, 390)
        self.tree.setColumnWidth(1, 210)
        self.tree.header().setSectionResizeMode(2, QHeaderView.ResizeMode.Stretch)

    def _now(self) -> str:
        group = group_words.predicted(self._node, self._card)
        return "" if group is None else group_words.expected(self._node, self._card, group)

    def _fill(self, answers: Answers) -> None:
        override = self._heading(self.tr("The kernel is given an ACS override"))
        for form, outcome in answers.overrides:
            item = self._line(override, f"pcie_acs_override={form}", outcome)
            item.setFont(0, fixed(self.font(), 0.95))
        slots = self._heading(self.tr("The card is put into another slot"))
        for port, outcome in answers.slots:
            self._line(slots, self._slot(port), outcome)
        if not answers.slots:
            slots.addChild(QTreeWidgetItem([self.tr("No free slot is seen; firmware may hide empty ones."), "", ""]))
        self.tree.expandAll()

    def _heading(self, text: str) -> QTreeWidgetItem:
        item = QTreeWidgetItem([text])
        item.setFont(0, scaled(self.font(), 1.0, bold=True))
        self.tree.addTopLevelItem(item)
        item.setFirstColumnSpanned(True)
        return item

    def _line(self, above: QTreeWidgetItem, question: str, outcome: Outcome) -> QTreeWidgetItem:
        group = outcome.of(self._card)
        answer = "" if group is None else group_words.expected(self._node, self._card, group)
        costs = " ".join(filter(None, (self._cost(cost) for cost in outcome.costs)))
        item = QTreeWidgetItem([question, answer, costs])
        for column in range(3):
            item.setToolTip(column, item.text(column))
        above.addChild(item)
        return item

    def _slot(self, port: PciAddress) -> str:
        slot, short = self._node.slot_below(port), words.short_address(port)
        if slot is None:
            return self.tr("port {0}").format(short)
        return self.tr("{0} (port {1})").format(slot.name, short)

    def _cost(self, cost: Cost) -> str:
        if cost.code == "not-isolated" and self._card not in cost.functions:
            return ""
        return {
            "not-isolated": self.tr("Not isolated: this is said, not so."),
            "no-effect": self.tr("It changes no group."),
            "not-in-kernel": self.tr("This kernel does not know the parameter; Proxmox's do."),
            "addresses-shift": self.tr("Addresses and interface names may change."),
            "narrower": self.tr("The slot has fewer lanes than the card."),
        }.get(cost.code, cost.code)
