"""The plan before it is pushed: hazards, steps in order, the exact change of each, and one button."""

from __future__ import annotations

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import (
    QHBoxLayout,
    QLabel,
    QListWidget,
    QListWidgetItem,
    QPushButton,
    QSplitter,
    QVBoxLayout,
    QWidget,
)

from backend.node.node import Node
from backend.plan.diff import SIGNS, diff_lines
from backend.plan.plan import Plan, WriteFile
from gui.dialogs.banner import Banner
from gui.named import named
from gui.pages.diff_view import DiffView
from gui.pages.primary_button import PrimaryButton
from gui.pages.wording import PlanWording
from gui.theme import fixed, scaled


class ReviewPage(QWidget):
    """`push_requested` carries the very plan that was shown."""

    push_requested = Signal(object)  # Plan
    back_requested = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("review_page")
        self._wording = PlanWording(self)
        self._plan: Plan | None = None

        self._title = QLabel()
        self._title.setFont(scaled(self.font(), 1.5, bold=True))
        self._subtitle = QLabel()
        self._subtitle.setWordWrap(True)

        self._hazards = QVBoxLayout()
        self._hazards.setSpacing(8)

        self.steps = named(QListWidget(), "review_steps")
        self.steps.setAccessibleName(self.tr("Steps in order"))
        self.steps.setWordWrap(True)
        self.steps.setTextElideMode(Qt.TextElideMode.ElideMiddle)
        self.steps.setSpacing(4)
        self.steps.currentRowChanged.connect(self._show_step)
        self._path = QLabel()
        self._path.setFont(fixed(self.font()))
        self._path.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        self.diff = DiffView()

        left = _column(QLabel(self.tr("Steps in order")), self.steps)
        right = _column(self._path, self.diff)
        split = QSplitter()
        split.setChildrenCollapsible(False)
        split.addWidget(left)
        split.addWidget(right)
        split.setStretchFactor(0, 2)
        split.setStretchFactor(1, 5)
        split.setSizes([320, 800])

        back = named(QPushButton(self.tr("Back")), "review_back")
        back.clicked.connect(self.back_requested)
        self._promise = QLabel()
        self._promise.setWordWrap(True)
        self.push_button = named(PrimaryButton(), "review_push")
        self.push_button.clicked.connect(self._push)
        foot = QHBoxLayout()
        foot.setSpacing(12)
        foot.addWidget(back)
        foot.addWidget(self._promise, 1)
        foot.addWidget(self.push_button)

        layout = QVBoxLayout(self)
        layout.setContentsMargins(20, 16, 20, 16)
        layout.setSpacing(12)
        layout.addWidget(self._title)
        layout.addWidget(self._subtitle)
        layout.addLayout(self._hazards)
        layout.addWidget(split, 1)
        layout.addLayout(foot)

    @property
    def plan(self) -> Plan | None:
        """The plan that is shown."""
        return self._plan

    def show_plan(self, plan: Plan, *, node: Node | None = None, rollback: bool = False) -> None:
        """`node` is what the plan was made from: cards get their names from it."""
        self._plan = plan
        self._title.setText(
            self.tr("Undo the last push on {0}").format(plan.hostname)
            if rollback
            else self.tr("Review changes on {0}").format(plan.hostname)
        )
        wishes = ", ".join(self._wording.intent(intent, node) for intent in plan.intents)
        self._subtitle.setText(
            self.tr("Every file goes back to the bytes it had before the push.")
            if rollback
            else self.tr("Makes true: {0}").format(wishes)
        )
        self._subtitle.setVisible(rollback or bool(wishes))
        self._show_hazards(plan)
        self.steps.clear()
        for number, step in enumerate(plan.steps, 1):
            item = QListWidgetItem(f"{number}.  {self._wording.step(step, plan.hostname)}")
            item.setToolTip(self._wording.step(step, plan.hostname))
            self.steps.addItem(item)
        self.push_button.setText(self._wording.push_button(plan))
        self.push_button.setEnabled(bool(plan.steps) and not plan.refused)
        if plan.refused:
            self._promise.setText(self.tr("Not possible while a hazard above blocks it."))
        elif not plan.steps:
            self._promise.setText(self.tr("The node is already as you want it."))
        else:
            self._promise.setText(
                self.tr("The bytes shown here are the bytes written. The originals stay on the node for undo.")
            )
        if plan.steps:
            self.steps.setCurrentRow(0)
        else:
            self._show_step(-1)

    def _show_hazards(self, plan: Plan) -> None:
        while (item := self._hazards.takeAt(0)) is not None:
            if (widget := item.widget()) is not None:
                widget.deleteLater()
        for blocks in (True, False):
            hazards = [hazard for hazard in plan.hazards if hazard.blocks is blocks]
            if not hazards:
                continue
            banner = Banner("error" if blocks else "warning")
            banner.setObjectName("hazards_blocking" if blocks else "hazards_notable")
            banner.say(
                self.tr("This would hurt the node, so it cannot be pushed")
                if blocks
                else self.tr("Worth knowing before you push"),
                "\n".join(self._wording.hazard(hazard) for hazard in hazards),
            )
            self._hazards.addWidget(banner)

    def _show_step(self, row: int) -> None:
        if self._plan is None or not 0 <= row < len(self._plan.steps):
            self._path.clear()
            self.diff.show_lines([])
            return
        step = self._plan.steps[row]
        if isinstance(step, WriteFile):
            self._path.setText(step.path)
            self.diff.show_lines([SIGNS[line.kind] + line.text for line in diff_lines(step)])
        else:
            self._path.setText(self._wording.step(step, self._plan.hostname))
            self.diff.show_lines([self._wording.step_note(step)])

    def _push(self) -> None:
        if self._plan is not None and not self._plan.refused:
            self.push_requested.emit(self._plan)


def _column(*widgets: QWidget) -> QWidget:
    column = QWidget()
    layout = QVBoxLayout(column)
    layout.setContentsMargins(0, 0, 0, 0)
    layout.setSpacing(6)
    for widget in widgets:
        layout.addWidget(widget, int(not isinstance(widget, QLabel)))
    return column
