"""The inspector: everything known of the selected function, and what may be done with it."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence

from PySide6.QtCore import QSize, Qt, Signal
from PySide6.QtGui import QAction, QFont, QGuiApplication, QKeyEvent, QKeySequence
from PySide6.QtWidgets import (
    QFrame,
    QHBoxLayout,
    QLabel,
    QPushButton,
    QScrollArea,
    QSizePolicy,
    QStackedLayout,
    QVBoxLayout,
    QWidget,
)

from backend.doctor.finding import Finding
from backend.node.address import PciAddress
from backend.node.function import Function
from backend.node.node import Node
from backend.plan.plan import Intent
from gui import doctor_words, words
from gui.models.selection import Selection
from gui.named import named
from gui.theme import colours_of, fixed, scaled
from gui.widgets.box import Box
from gui.widgets.fact_list import FactList
from gui.widgets.facts import refusal, verdict
from gui.widgets.finding_card import FindingCard
from gui.widgets.lines import LinkButton, label
from gui.widgets.section import Section
from gui.widgets.sections import as_text, parts


class InspectorPanel(QWidget):
    """Follows `selection`. Reserving and staging are asked for by signal: they are the window's business.

    Up and Down move between headings, facts and buttons, Tab does too; Escape leaves.
    """

    reserve_requested = Signal(object)  # PciAddress
    unstage_requested = Signal(object)  # PciAddress
    stage_requested = Signal(object)  # Intent
    left = Signal()

    def __init__(self, selection: Selection, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setAccessibleName(self.tr("Inspector"))
        self._selection = selection
        self._node: Node | None = None
        self._staged: frozenset[PciAddress] = frozenset()
        self._findings: tuple[Finding, ...] = ()
        self._intents: tuple[Intent, ...] = ()
        self._closed: set[str] = set()  # keys of sections that the person closed
        self.sections: dict[str, Section] = {}
        self.cards: list[FindingCard] = []

        self.empty = QLabel(self.tr("Select a device"), self)
        self.empty.setAlignment(Qt.AlignmentFlag.AlignCenter)
        self.title = self._label(scaled(self.font(), 1.3, bold=True))
        self.title.setAccessibleName(self.tr("Selected device"))
        self.subtitle = self._label(fixed(self.font(), 0.9))
        self.verdict = Box(self)
        self.button = QPushButton(self.tr("Reserve for passthrough"), self)
        self.button.setDefault(True)
        self.button.setSizePolicy(QSizePolicy.Policy.Maximum, QSizePolicy.Policy.Fixed)
        self.button.clicked.connect(self._reserve)
        self.state = self._label(self.font())
        self.state.setTextFormat(Qt.TextFormat.AutoText)
        self.state.setTextInteractionFlags(
            Qt.TextInteractionFlag.LinksAccessibleByMouse | Qt.TextInteractionFlag.LinksAccessibleByKeyboard
        )
        self.state.linkActivated.connect(self._unstage)

        body = QWidget()
        line = self.fontMetrics().height()
        column = QVBoxLayout(body)
        column.setContentsMargins(line, line, line, line)
        column.setSpacing(round(0.5 * line))
        self.copy_button = named(LinkButton(self.tr("Copy")), "copy_facts")
        self.copy_button.setToolTip(self.tr("Copy all of this as text"))
        self.copy_button.clicked.connect(self.copy)
        head = QHBoxLayout()
        head.addWidget(self.title, 1)
        head.addWidget(self.copy_button, 0, Qt.AlignmentFlag.AlignTop)
        column.addLayout(head)
        for widget in (self.subtitle, self.verdict, self.button):
            column.addWidget(widget)
        column.addWidget(self.state)
        self._parts = QVBoxLayout()
        self._parts.setSpacing(round(0.2 * line))
        column.addSpacing(round(0.2 * line))
        column.addLayout(self._parts)
        column.addStretch(1)
        self._area = QScrollArea(self)
        self._area.setWidgetResizable(True)
        self._area.setFrameShape(QFrame.Shape.NoFrame)
        self._area.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self._area.setWidget(body)
        self._stack = QStackedLayout(self)
        self._stack.addWidget(self.empty)
        self._stack.addWidget(self._area)

        self._copy = QAction(self.tr("Copy as text"), self)
        self._copy.setShortcut(QKeySequence.StandardKey.Copy)
        self._copy.setShortcutContext(Qt.ShortcutContext.WidgetWithChildrenShortcut)
        self._copy.triggered.connect(self.copy)
        self.addAction(self._copy)
        self.setContextMenuPolicy(Qt.ContextMenuPolicy.ActionsContextMenu)
        selection.changed.connect(self._show)
        self._show()

    def sizeHint(self) -> QSize:
        return QSize(22 * self.fontMetrics().height(), 600)

    def set_node(self, node: Node | None) -> None:
        self._node, self._findings = node, ()
        self._show()

    def set_findings(self, findings: Sequence[Finding]) -> None:
        """Those of the whole node; shown are those of the selected device."""
        self._findings = tuple(findings)
        self._show()

    def set_staged(self, staged: Iterable[PciAddress], intents: Collection[Intent] = ()) -> None:
        """Functions for which a reservation is staged, and all that is staged."""
        self._staged, self._intents = frozenset(staged), tuple(intents)
        function = self._function()
        if function is not None:
            self._show_state(function)
        for card in self.cards:
            card.set_staged(self._intents)

    def copy(self) -> None:
        """Put all that is shown on the clipboard."""
        function = self._function()
        if function is not None and self._node is not None:
            QGuiApplication.clipboard().setText(as_text(self._node, function.address, self._own_findings(function)))

    def enter(self) -> None:
        """Take the keyboard: to the button where it can be pressed, else to the first heading."""
        able = self.button.isVisible() and self.button.isEnabled()
        first: QWidget | None = self.button if able else next((s.head for s in self.sections.values()), None)
        if first is not None:
            first.setFocus(Qt.FocusReason.OtherFocusReason)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        if event.key() == Qt.Key.Key_Escape:
            self.left.emit()
        else:
            super().keyPressEvent(event)

    # --- content ----------------------------------------------------------------------------------

    def _label(self, font: QFont) -> QLabel:
        made = label("", font)
        made.setParent(self)
        return made

    def _function(self) -> Function | None:
        if self._node is None or self._selection.current is None:
            return None
        return self._node.by_address.get(self._selection.current)

    def _own_findings(self, function: Function) -> tuple[Finding, ...]:
        return tuple(finding for finding in self._findings if finding.told.address == function.address)

    def _show(self) -> None:
        function = self._function()
        self._copy.setEnabled(function is not None)
        if function is None or self._node is None:
            self._stack.setCurrentWidget(self.empty)
            return
        node, address = self._node, function.address
        self.title.setText(words.short_name(function))
        shown = [words.short_address(address), function.slot, function.ids]
        self.subtitle.setText(" · ".join(part for part in shown if part))
        said = verdict(node, address)
        self.verdict.say(said.tone, said.icon, said.title, said.text)
        self._show_state(function)
        self._show_parts(node, function)
        self._stack.setCurrentWidget(self._area)

    def _show_state(self, function: Function) -> None:
        """The button, or the reason why there is none to press."""
        why = refusal(function)
        staged = function.address in self._staged
        if why is not None:
            text = why
        elif staged:
            text = self.tr("Staged: vfio-pci from the next reboot. {link}").format(
                link=f'<a href="undo" style="color:{colours_of(self.palette()).accent}">{self.tr("Undo")}</a>'
            )
        elif function.driver == "vfio-pci":
            text = self.tr("Reserved: vfio-pci drives it already.")
        else:
            text = ""
        self.button.setVisible(not staged and function.driver != "vfio-pci")
        self.button.setEnabled(why is None)
        self.button.setToolTip(why or "")
        self.state.setText(text)
        self.state.setVisible(bool(text))

    def _show_parts(self, node: Node, function: Function) -> None:
        while (item := self._parts.takeAt(0)) is not None:
            if (old := item.widget()) is not None:
                old.hide()
                old.deleteLater()
        self.sections, self.cards = {}, []
        findings = self._own_findings(function)
        if findings:
            section = self._section("findings", self.tr("The doctor: {0}").format(doctor_words.counted(findings)))
            for finding in findings:
                card = FindingCard(node, finding, short=True)
                card.stage_requested.connect(self.stage_requested)
                card.set_staged(self._intents)
                self.cards.append(card)
                section.content.addWidget(card)
        for part in parts(node, function.address):
            listed = FactList(part.facts)
            listed.chosen.connect(self._go)
            self._section(part.key, part.title).content.addWidget(listed)

    def _section(self, key: str, title: str) -> Section:
        section = Section(title, opened=key not in self._closed)
        section.toggled.connect(lambda opened: self._closed.discard(key) if opened else self._closed.add(key))
        self.sections[key] = section
        self._parts.addWidget(section)
        return section

    def _go(self, address: PciAddress) -> None:
        self._selection.current = address

    def _reserve(self) -> None:
        function = self._function()
        if function is not None:
            self.reserve_requested.emit(function.address)

    def _unstage(self) -> None:
        function = self._function()
        if function is not None:
            self.unstage_requested.emit(function.address)
