"""The doctor: the guide's steps and how far this node is with each, and under each what stands in the way."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from PySide6.QtCore import QEvent, Qt, Signal
from PySide6.QtGui import QGuiApplication
from PySide6.QtWidgets import (
    QApplication,
    QFrame,
    QHBoxLayout,
    QPushButton,
    QScrollArea,
    QSizePolicy,
    QVBoxLayout,
    QWidget,
)

from backend.doctor.checklist import State, Step, checklist
from backend.doctor.finding import Finding, Severity, Subject
from backend.node.node import Node
from backend.plan.plan import Intent
from gui import doctor_words
from gui.errors import Wording
from gui.named import named
from gui.theme import scaled
from gui.widgets.box import Box
from gui.widgets.lines import Muted
from gui.widgets.step_row import StepRow
from gui.widgets.toggle import Toggle

WIDEST = 62  # lines of text: longer lines than that are hard to read


class DoctorPage(QWidget):
    """Knows no backend: shows findings, and says what the person asks for."""

    stage_requested = Signal(object)  # Intent
    device_chosen = Signal(object)  # PciAddress
    explain_requested = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("doctor_page")
        self._node = Node()
        self._findings: tuple[Finding, ...] = ()
        self._steps: tuple[Step, ...] = ()
        self._staged: tuple[Intent, ...] = ()
        self.rows: list[StepRow] = []

        line = self.fontMetrics().height()
        self.filters: dict[Severity, Toggle] = {}
        head = QWidget()
        head.setMaximumWidth(WIDEST * line)
        bar = QHBoxLayout(head)
        bar.setContentsMargins(0, 0, round(0.6 * line), 0)
        bar.setSpacing(round(0.4 * line))
        for severity in Severity:
            button = named(Toggle(), f"filter_{severity}")
            button.setChecked(True)
            button.toggled.connect(self._filter)
            button.setToolTip(self.tr("Show findings of this grade"))
            self.filters[severity] = button
            bar.addWidget(button)
        bar.addStretch(1)
        self.explain_button = named(QPushButton(self.tr("Explain a log…")), "explain_log")
        self.explain_button.setToolTip(self.tr("Paste a task log or a journal: what it says, and why on this node"))
        self.explain_button.clicked.connect(self.explain_requested)
        self.copy_button = named(QPushButton(self.tr("Copy all")), "copy_findings")
        self.copy_button.clicked.connect(self.copy)
        bar.addWidget(self.explain_button)
        bar.addWidget(self.copy_button)

        self.next = Box()
        self.go = named(QPushButton(self.tr("Show")), "show_next")
        self.go.setToolTip(self.tr("Go to it below"))
        self.go.clicked.connect(self._go)
        self._goal: Finding | Step | None = None
        first = QHBoxLayout()
        first.addWidget(self.next, 1)
        first.addWidget(self.go)
        self._list = QVBoxLayout()
        self._list.setSpacing(round(0.25 * line))
        body = QWidget()
        column = QVBoxLayout(body)
        column.setContentsMargins(0, 0, round(0.6 * line), line)
        column.setSpacing(round(0.6 * line))
        column.addLayout(first)
        column.addLayout(self._list)
        column.addStretch(1)
        body.setMaximumWidth(WIDEST * line)
        self._area = area = QScrollArea()
        area.setWidgetResizable(True)
        area.setFrameShape(QFrame.Shape.NoFrame)
        area.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        area.setWidget(body)
        area.viewport().setAutoFillBackground(False)
        body.setAutoFillBackground(False)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(round(0.6 * line), round(0.6 * line), 0, 0)
        layout.setSpacing(round(0.6 * line))
        layout.addWidget(head)
        layout.addWidget(area, 1)
        self.show_findings(Node(), None)

    @property
    def findings(self) -> tuple[Finding, ...]:
        return self._findings

    def show_findings(self, node: Node, findings: Sequence[Finding] | None) -> None:
        """`findings` None: the doctor is still looking."""
        self._node = node
        self._findings = tuple(findings or ())
        self._steps = () if findings is None else checklist(node, self._findings)
        for thing in (self.copy_button, self.explain_button, *self.filters.values()):
            thing.setEnabled(findings is not None)
        for severity, button in self.filters.items():
            look = doctor_words.severity_look(severity)
            count = sum(finding.severity is severity for finding in self._findings)
            button.setText(f"{look.word}: {count}")
            button.setAccessibleName(self.tr("Show findings of grade {0}: {1}").format(look.word, count))
        self._fill()
        if findings is None:
            self.go.hide()
            self.next.say("neutral", "clock", self.tr("Examining…"), self.tr("The doctor reads what was collected."))
        else:
            self._say_next()

    def show_trouble(self, wording: Wording) -> None:
        """Where the examination itself failed."""
        self.next.say("bad", "error", wording.happened, wording.body)

    def set_staged(self, staged: Collection[Intent]) -> None:
        self._staged = tuple(staged)
        for row in self.rows:
            row.set_staged(self._staged)

    def copy(self) -> None:
        """Put the whole page on the clipboard."""
        QGuiApplication.clipboard().setText(doctor_words.report_text(self._node, self._steps))

    def _say_next(self) -> None:
        """What to do now: the gravest finding, else the first step that is open."""
        gravest = next((f for f in self._findings if f.severity is Severity.ERROR), None)
        step = next((step for step in self._steps if step.state is State.TODO), None)
        self._goal = gravest or step or next(iter(self._findings), None)
        self.go.setVisible(self._goal is not None)
        if gravest is not None:
            text = doctor_words.said(gravest)
            self.next.say("bad", "error", self.tr("First: {0}").format(text.title), text.do or text.means)
        elif step is not None:
            text = doctor_words.texts(step.code)
            self.next.say("warn", "todo", self.tr("Next step: {0}").format(text.title), text.do)
        else:
            rest = doctor_words.counted(self._findings)
            self.next.say(
                "good",
                "check",
                self.tr("Nothing stands in the way"),
                self.tr("Worth a look below: {0}.").format(rest) if rest else self.tr("Every step is done."),
            )

    def _go(self) -> None:
        """Scroll to what the box speaks of, and put the keyboard there."""
        goal = self._goal
        finding = goal if isinstance(goal, Finding) else None
        for row in self.rows:
            if row.step is goal or (finding is not None and any(each is finding for each in row.step.findings)):
                shown = row.reveal(finding)
                row.section.head.setFocus(Qt.FocusReason.OtherFocusReason)
                QApplication.sendPostedEvents(None, QEvent.Type.LayoutRequest)
                self._area.ensureWidgetVisible(shown)

    def _fill(self) -> None:
        self.rows = []
        while (item := self._list.takeAt(0)) is not None:
            if (widget := item.widget()) is not None:
                widget.hide()
                widget.deleteLater()
        subject: Subject | None = None
        for step in self._steps:
            if step.subject is not subject:
                subject = step.subject
                head = Muted(doctor_words.subject_word(subject))
                head.setFont(scaled(self.font(), 0.92, bold=True))
                head.setContentsMargins(2, round(0.5 * self.fontMetrics().height()), 0, 0)
                self._list.addWidget(head)
            row = StepRow(self._node, step)
            row.setSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Maximum)
            row.stage_requested.connect(self.stage_requested)
            row.device_chosen.connect(self.device_chosen)
            row.set_staged(self._staged)
            self.rows.append(row)
            self._list.addWidget(row)
        self._filter()

    def _filter(self) -> None:
        shown = frozenset(severity for severity, button in self.filters.items() if button.isChecked())
        for row in self.rows:
            row.show_severities(shown)
