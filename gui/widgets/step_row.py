"""One step of the guide: its state and title in a line, and below it what it means and what stands in its way."""

from __future__ import annotations

from collections.abc import Collection

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QPushButton, QSizePolicy, QVBoxLayout, QWidget

from backend.doctor.checklist import State, Step
from backend.doctor.finding import Finding, Severity
from backend.node.node import Node
from backend.plan.plan import Intent
from gui import doctor_words
from gui.widgets.chip import Chip
from gui.widgets.finding_card import FindingCard
from gui.widgets.lines import FixedLines, Muted, label
from gui.widgets.section import Section

AT_ONCE = 12  # cards shown before one asks for more


class StepRow(QWidget):
    """Open where there is something to do or to read. Cards are made when they are first seen."""

    stage_requested = Signal(object)  # Intent
    device_chosen = Signal(object)  # PciAddress

    def __init__(self, node: Node, step: Step, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.step = step
        self.cards: list[FindingCard] = []
        self._node = node
        self._staged: Collection[Intent] = ()
        self._shown: frozenset[Severity] = frozenset(Severity)
        self._limit = AT_ONCE
        self._made = False
        text = doctor_words.texts(step.code)
        look = doctor_words.state_look(step.state)
        opened = step.state is State.TODO or any(f.severity is not Severity.NOTE for f in step.findings)
        self.section = Section(text.title, opened=opened)
        self.section.head.setAccessibleName(f"{text.title}: {look.word}")
        self.section.toggled.connect(self._make)
        self.chip = Chip(look)
        if step.state is State.BLOCKED:
            self.chip.setToolTip(self.tr("It waits for a step above"))
        self.count = Muted(doctor_words.counted(step.findings))
        self.section.line.addWidget(self.count)
        self.section.line.addWidget(self.chip)
        line = self.fontMetrics().height()
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.addWidget(self.section)
        self._cards = QVBoxLayout()
        self._cards.setSpacing(round(0.5 * line))
        self.more = QPushButton()
        self.more.setFlat(True)
        self.more.setSizePolicy(QSizePolicy.Policy.Maximum, QSizePolicy.Policy.Fixed)
        self.more.clicked.connect(self._show_more)
        if opened:
            self._make()

    def reveal(self, finding: Finding | None) -> QWidget:
        """Open it, and give what shows `finding`: its card, else the row itself."""
        self.section.set_opened(True)
        return next((card for card in self.cards if card.finding is finding and not card.isHidden()), self)

    def show_severities(self, shown: frozenset[Severity]) -> None:
        self._shown = shown
        if self._made:
            self._fill()

    def set_staged(self, staged: Collection[Intent]) -> None:
        self._staged = staged
        for card in self.cards:
            card.set_staged(staged)

    def _make(self) -> None:
        if self._made:
            return
        self._made = True
        text = doctor_words.texts(self.step.code)
        content = self.section.content
        content.addWidget(label(text.means))
        if self.step.state is not State.DONE and text.do:
            content.addWidget(label(self.tr("What to do: {0}").format(text.do)))
        if self.step.evidence:
            lines = "\n".join(doctor_words.evidence_line(evidence) for evidence in self.step.evidence)
            content.addWidget(FixedLines(lines, self.tr("Evidence")))
        content.addLayout(self._cards)
        content.addWidget(self.more)
        self._fill()

    def _fill(self) -> None:
        """Cards for what the filter lets through; those there are stay."""
        wanted = [finding for finding in self.step.findings if finding.severity in self._shown]
        there = {id(card.finding): card for card in self.cards}
        shown = wanted[: self._limit]
        for finding in shown:
            if id(finding) not in there:
                there[id(finding)] = self._card(finding)
        for card in there.values():
            self._cards.removeWidget(card)
            card.hide()
        for finding in shown:
            card = there[id(finding)]
            self._cards.addWidget(card)
            card.show()
        self.cards = list(there.values())
        rest = len(wanted) - len(shown)
        self.more.setText(self.tr("Show 1 more") if rest == 1 else self.tr("Show %n more", "", rest))
        self.more.setVisible(rest > 0)

    def _card(self, finding: Finding) -> FindingCard:
        card = FindingCard(self._node, finding, parent=self.section.body)
        card.stage_requested.connect(self.stage_requested)
        card.device_chosen.connect(self.device_chosen)
        card.set_staged(self._staged)
        return card

    def _show_more(self) -> None:
        self._limit += 4 * AT_ONCE
        self._fill()
