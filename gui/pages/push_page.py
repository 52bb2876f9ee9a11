"""A push while it runs, and what came of it: steps with their states, output, verdicts with evidence."""

from __future__ import annotations

import shlex

from PySide6.QtCore import QElapsedTimer, Qt, QTimer, Signal
from PySide6.QtGui import QColor, QTextCursor
from PySide6.QtWidgets import (
    QHBoxLayout,
    QHeaderView,
    QLabel,
    QPlainTextEdit,
    QProgressBar,
    QPushButton,
    QSplitter,
    QTreeWidget,
    QTreeWidgetItem,
    QVBoxLayout,
    QWidget,
)

from backend.errors import LanewrightError, OutcomeUnknown
from backend.node.node import Node
from backend.plan.plan import Plan, Reboot, RunCommand, Step, Verdict, WriteFile
from backend.progress import Progress
from gui.dialogs.banner import Banner
from gui.errors import ErrorWording
from gui.named import named
from gui.pages.wording import PlanWording
from gui.tasks import Task
from gui.theme import colours_of, fixed, scaled

WAITING, RUNNING, DONE, FAILED, UNKNOWN = "waiting", "running", "done", "failed", "unknown"
SIGNS = {WAITING: "○", RUNNING: "▸", DONE: "✓", FAILED: "✕", UNKNOWN: "?"}


class PushPage(QWidget):
    """Shows one push at a time: begin() with its plan and its running task."""

    done_requested = Signal()
    undo_requested = Signal()
    ended = Signal(object)  # the result, or None where there is none

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("push_page")
        self._wording = PlanWording(self)
        self._errors = ErrorWording(self)
        self._plan: Plan | None = None
        self._task: Task | None = None
        self._node: Node | None = None
        self._rollback = False
        self._states: list[str] = []
        self.verdicts: tuple[Verdict, ...] = ()
        self.running = False

        self._title = QLabel()
        self._title.setFont(scaled(self.font(), 1.5, bold=True))
        self._elapsed = QLabel()
        head = QHBoxLayout()
        head.addWidget(self._title, 1)
        head.addWidget(self._elapsed)
        self.banner = Banner("info")
        self.banner.setObjectName("push_banner")
        self._bar = named(QProgressBar(), "push_progress")
        self._bar.setTextVisible(False)
        self._bar.setAccessibleName(self.tr("Progress of the push"))
        self._now = named(QLabel(), "push_now")

        self.steps = named(QTreeWidget(), "push_steps")
        self.steps.setHeaderLabels([self.tr("Step"), self.tr("State")])
        self.steps.setRootIsDecorated(False)
        self.steps.setTextElideMode(Qt.TextElideMode.ElideMiddle)
        self.steps.setAccessibleName(self.tr("Steps and their states"))
        _stretch_first(self.steps)
        self.output = named(QPlainTextEdit(), "push_output")
        self.output.setReadOnly(True)
        self.output.setMaximumBlockCount(5000)
        self.output.setFont(fixed(self.font(), 0.95))
        self.output.setAccessibleName(self.tr("What the node says"))
        self.verdict_list = named(QTreeWidget(), "push_verdicts")
        self.verdict_list.setHeaderLabels([self.tr("What was wanted, and the evidence"), self.tr("Verdict")])
        self.verdict_list.setAccessibleName(self.tr("Verdicts with their evidence"))
        self.verdict_list.setWordWrap(True)
        _stretch_first(self.verdict_list)
        self.verdict_list.hide()

        top = QSplitter()
        top.setChildrenCollapsible(False)
        top.addWidget(self.steps)
        top.addWidget(self.output)
        top.setSizes([460, 640])
        split = QSplitter(Qt.Orientation.Vertical)
        split.setChildrenCollapsible(False)
        split.addWidget(top)
        split.addWidget(self.verdict_list)
        split.setSizes([300, 320])

        self.cancel_button = named(QPushButton(self.tr("Cancel")), "push_cancel")
        self.cancel_button.clicked.connect(self._cancel)
        self._cancel_note = QLabel(
            self.tr("Cancel stops before the next step. Steps that are done stay done until you undo them.")
        )
        self._cancel_note.setWordWrap(True)
        self.undo_button = named(QPushButton(self.tr("Undo this push…")), "push_undo")
        self.undo_button.clicked.connect(self.undo_requested)
        self.done_button = named(QPushButton(self.tr("Done")), "push_done")
        self.done_button.clicked.connect(self.done_requested)
        foot = QHBoxLayout()
        foot.setSpacing(12)
        foot.addWidget(self._cancel_note, 1)
        foot.addStretch(0)
        foot.addWidget(self.cancel_button)
        foot.addWidget(self.undo_button)
        foot.addWidget(self.done_button)

        layout = QVBoxLayout(self)
        layout.setContentsMargins(20, 16, 20, 16)
        layout.setSpacing(12)
        layout.addLayout(head)
        layout.addWidget(self.banner)
        layout.addWidget(self._now)
        layout.addWidget(self._bar)
        layout.addWidget(split, 1)
        layout.addLayout(foot)

        self._clock = QElapsedTimer()
        self._ticks = QTimer(self)
        self._ticks.setInterval(500)
        self._ticks.timeout.connect(self._tick)

    def begin(self, plan: Plan, task: Task, *, node: Node | None = None, rollback: bool = False) -> None:
        """`node` is what the plan was made from: cards get their names from it."""
        self._plan, self._task, self._node, self._rollback = plan, task, node, rollback
        self.verdicts = ()
        self.running = True
        self._title.setText(
            self.tr("Undoing the push on {0}").format(plan.hostname)
            if rollback
            else self.tr("Pushing to {0}").format(plan.hostname)
        )
        self.banner.hide()
        self.output.clear()
        self.verdict_list.clear()
        self.verdict_list.hide()
        self.steps.clear()
        for step in plan.steps:
            words = self._wording.step(step, plan.hostname)
            item = QTreeWidgetItem([words, ""])
            item.setToolTip(0, words)
            self.steps.addTopLevelItem(item)
        self._states = [WAITING] * len(plan.steps)
        for row in range(len(plan.steps)):
            self._set_state(row, WAITING)
        self._bar.setRange(0, max(1, len(plan.steps)))
        self._bar.setValue(0)
        self._bar.show()
        self._now.setText(self.tr("Starting…"))
        self._now.show()
        self._buttons(running=True)
        self._clock.start()
        self._ticks.start()
        self._tick()
        task.progressed.connect(self._progressed)
        task.succeeded.connect(self._succeeded)
        task.failed.connect(self._failed)
        task.cancelled.connect(self._cancelled)

    def state(self, row: int) -> str:
        return self._states[row]

    def _buttons(self, *, running: bool) -> None:
        self.cancel_button.setVisible(running)
        self.cancel_button.setEnabled(running)
        self._cancel_note.setVisible(running)
        self.done_button.setVisible(not running)
        self.undo_button.setVisible(not running and not self._rollback and DONE in self._states)
        if not running:
            self.done_button.setFocus()

    def _set_state(self, row: int, state: str) -> None:
        if self._states[row] == WAITING and state != WAITING and self._plan is not None:
            step = self._plan.steps[row]
            if isinstance(step, RunCommand):
                self.output.appendPlainText(f"$ {shlex.join(step.argv)}\n")
            else:
                self.output.appendPlainText(self._wording.step(step, self._plan.hostname))
        self._states[row] = state
        words = {
            WAITING: self.tr("waiting"),
            RUNNING: self.tr("running"),
            DONE: self.tr("done"),
            FAILED: self.tr("failed"),
            UNKNOWN: self.tr("unknown"),
        }[state]
        item = self.steps.topLevelItem(row)
        if item is None:
            return
        item.setText(1, f"{SIGNS[state]}  {words}")
        colours = colours_of(self.palette())
        colour = {
            WAITING: colours.muted,
            RUNNING: colours.accent,
            DONE: colours.good.text,
            FAILED: colours.bad.text,
            UNKNOWN: colours.warn.text,
        }[state]
        item.setForeground(1, QColor(colour))
        if state == RUNNING:
            self.steps.scrollToItem(item)

    def _tick(self) -> None:
        seconds = self._clock.elapsed() // 1000
        self._elapsed.setText(self.tr("{0} elapsed").format(f"{seconds // 60}:{seconds % 60:02d}"))

    def _progressed(self, progress: Progress) -> None:
        row = self._row_of(progress)
        if row is not None:
            for earlier in range(row):
                if self._states[earlier] in (WAITING, RUNNING):
                    self._set_state(earlier, DONE)
            if self._states[row] == WAITING:
                self._set_state(row, RUNNING)
            self._bar.setValue(row)
        words = {
            "connect": self.tr("Connecting…"),
            "collect": self.tr("Reading the node…"),
            "write": self.tr("Writing files…"),
            "run": self.tr("Running a command…"),
            "reboot": self.tr("Restarting the node…"),
            "wait": self.tr("Waiting until the node answers again…"),
            "verify": self.tr("Reading the node again to see whether it holds…"),
        }.get(progress.phase, progress.phase)
        if progress.phase == "wait" and progress.detail:
            words = self.tr("{0} ({1})").format(words, self._wording.last_try(progress.detail))
        self._now.setText(words)
        self._print(progress.output)

    def _print(self, output: str) -> None:
        """What a command has printed, as it comes: a line may arrive in pieces."""
        if output:
            self.output.moveCursor(QTextCursor.MoveOperation.End)
            self.output.insertPlainText(output.replace("\r\n", "\n"))
            self.output.moveCursor(QTextCursor.MoveOperation.End)

    def _row_of(self, progress: Progress) -> int | None:
        """The step that a progress is about. Cancel and states go by this."""
        if self._plan is None:
            return None
        steps = self._plan.steps
        if progress.phase == "verify":
            for row in range(len(steps)):
                self._set_state(row, DONE)
            return None
        kinds: dict[str, type[Step]] = {
            "write": WriteFile, "run": RunCommand, "reboot": Reboot, "wait": Reboot,
        }  # fmt: skip
        kind = kinds.get(progress.phase)
        if kind is None:
            return None
        if progress.phase in ("write", "run") and 0 <= progress.done < len(steps):
            return progress.done if isinstance(steps[progress.done], kind) else None
        return next((row for row, step in enumerate(steps) if isinstance(step, kind)), None)

    def _end(self) -> None:
        self.running = False
        self._task = None
        self._ticks.stop()
        self._tick()
        self._now.hide()
        self._bar.hide()

    def _succeeded(self, result: object) -> None:
        self._end()
        for row in range(len(self._states)):
            self._set_state(row, DONE)
        if self._plan is not None:
            name = self._plan.hostname
            self._title.setText(
                self.tr("Undid the push on {0}").format(name)
                if self._rollback
                else self.tr("Pushed to {0}").format(name)
            )
        self.verdicts = tuple(getattr(result, "verdicts", ()))
        self._show_verdicts()
        wrong = [v for v in self.verdicts if v.holds is False]
        unsure = [v for v in self.verdicts if v.holds is None]
        if wrong:
            self.banner.say(
                self.tr("Pushed, but not everything holds"),
                self.tr("The evidence below says what was found instead. You can undo this push."),
                kind="error",
            )
        elif unsure:
            self.banner.say(
                self.tr("Pushed, but not everything could be checked"),
                self.tr("The evidence below says what is missing."),
                kind="warning",
            )
        elif differing := getattr(result, "differing", ()):
            self.banner.say(
                self.tr("Pushed, but some files are not as they were written"),
                self.tr("Something on the node changed {0} since. Read the node again and review.").format(
                    ", ".join(differing)
                ),
                kind="error",
            )
        elif self._rollback:
            self.banner.say(
                self.tr("Undone, and read back"),
                self.tr("Every file is back as it was before the push, byte for byte."),
                kind="good",
            )
        else:
            self.banner.say(
                self.tr("Done, and proven by what the node shows now"),
                self.tr("Each wish is listed below with the evidence for it."),
                kind="good",
            )
        self._buttons(running=False)
        self.ended.emit(result)

    def _failed(self, error: Exception) -> None:
        self._end()
        unknown = isinstance(error, OutcomeUnknown) or getattr(error, "code", "") == "timeout-command"
        for row, state in enumerate(self._states):
            if state == RUNNING:
                self._set_state(row, UNKNOWN if unknown else FAILED)
        if isinstance(error, LanewrightError) and "stderr" in error.details:
            self.output.appendPlainText(error.details["stderr"])
        self.banner.show_error(self._errors.of(error))
        self._buttons(running=False)
        self.ended.emit(None)

    def _cancelled(self) -> None:
        self._end()
        for row, state in enumerate(self._states):
            if state == RUNNING:
                self._set_state(row, UNKNOWN)
        touched = any(state != WAITING for state in self._states)
        self.banner.say(
            self.tr("Stopped"),
            self.tr("Steps that were done stay done. Undo this push to put every file back.")
            if touched
            else self.tr("Nothing was changed on the node."),
            kind="warning" if touched else "info",
        )
        self._buttons(running=False)
        self.ended.emit(None)

    def _cancel(self) -> None:
        if self._task is not None:
            self.cancel_button.setEnabled(False)
            self._now.setText(self.tr("Stopping before the next step…"))
            self._task.cancel()

    def _show_verdicts(self) -> None:
        colours = colours_of(self.palette())
        for verdict in self.verdicts:
            sign, words, tone = {
                True: (SIGNS[DONE], self.tr("holds"), colours.good),
                False: (SIGNS[FAILED], self.tr("does not hold"), colours.bad),
                None: (SIGNS[UNKNOWN], self.tr("cannot be told"), colours.warn),
            }[verdict.holds]
            wish = self._wording.intent(verdict.intent, self._node)
            item = QTreeWidgetItem([wish, f"{sign}  {words}"])
            item.setFont(0, scaled(self.font(), 1.0, bold=True))
            item.setForeground(1, QColor(tone.text))
            reason = self._wording.reason(verdict.code)
            if reason and not verdict.holds:
                said = QTreeWidgetItem([reason])
                said.setFirstColumnSpanned(True)
                item.addChild(said)
            for evidence in verdict.evidence:
                text = self.tr("absent") if evidence.text is None else evidence.text.strip()
                child = QTreeWidgetItem([f"{evidence.source}\n{text}"])
                child.setFont(0, fixed(self.font(), 0.95))
                child.setFirstColumnSpanned(True)
                item.addChild(child)
            self.verdict_list.addTopLevelItem(item)
            item.setExpanded(True)
        self.verdict_list.setVisible(bool(self.verdicts))


def _stretch_first(tree: QTreeWidget) -> None:
    tree.setStyleSheet("QTreeWidget::item { padding: 3px 2px; }")
    header = tree.header()
    header.setStretchLastSection(False)
    header.setSectionResizeMode(0, QHeaderView.ResizeMode.Stretch)
    header.setSectionResizeMode(1, QHeaderView.ResizeMode.ResizeToContents)
