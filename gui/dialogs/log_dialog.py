"""What a log says: a task's log or a journal, pasted or from a file, and what is behind it on this node."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from PySide6.QtCore import Qt, Signal
from PySide6.QtGui import QGuiApplication
from PySide6.QtWidgets import (
    QDialog,
    QFrame,
    QHBoxLayout,
    QPlainTextEdit,
    QPushButton,
    QScrollArea,
    QSplitter,
    QVBoxLayout,
    QWidget,
)

from backend.doctor.symptoms import Recognised, log_lines
from backend.errors import SnapshotError
from backend.node.evidence import Evidence
from backend.node.node import Node
from gui import doctor_words
from gui.dialogs.files import ask_open
from gui.errors import ErrorWording
from gui.named import named
from gui.pages.primary_button import PrimaryButton
from gui.tasks import Task, Work
from gui.theme import fixed
from gui.widgets.box import Box
from gui.widgets.lines import label
from gui.widgets.symptom_card import SymptomCard

MOST = 16 << 20  # bytes read of a file: its end, where a failure stands

Explain = Callable[[Sequence[Evidence]], tuple[Recognised, ...]]


class LogDialog(QDialog):
    """`start` runs work off the GUI thread, `explain` is run there."""

    device_chosen = Signal(object)  # PciAddress

    def __init__(
        self, node: Node, start: Callable[[Work], Task], explain: Explain, parent: QWidget | None = None
    ) -> None:
        super().__init__(parent)
        self.setObjectName("log_dialog")
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self.setWindowTitle(self.tr("Explain a log - {0}").format(node.hostname or self.tr("node")))
        self._node, self._start, self._explain = node, start, explain
        self._source = ""
        self._found: tuple[Recognised, ...] = ()
        self.cards: list[SymptomCard] = []

        self.text = named(QPlainTextEdit(), "log_text")
        self.text.setFont(fixed(self.font()))
        self.text.setLineWrapMode(QPlainTextEdit.LineWrapMode.NoWrap)
        self.text.setTabChangesFocus(True)
        self.text.setAccessibleName(self.tr("Log"))
        self.text.setPlaceholderText(
            self.tr("Paste here what PVE's task log or “journalctl -k -b” shows, or open a file of it.")
        )
        self.text.textChanged.connect(self._edited)
        self.open_button = named(QPushButton(self.tr("Open file…")), "log_open")
        self.open_button.clicked.connect(lambda: ask_open(self, self.tr("Open a log"), self.open_file))
        self.go = named(PrimaryButton(self.tr("Explain")), "log_explain")
        self.go.clicked.connect(self.explain)
        self.copy_button = named(QPushButton(self.tr("Copy all")), "log_copy")
        self.copy_button.clicked.connect(self.copy)
        close = QPushButton(self.tr("Close"))
        close.clicked.connect(self.close)
        self.state = Box()
        self._cards = QVBoxLayout()
        self._lay_out(close)
        self._edited()
        self.state.hide()
        self.resize(980, 720)

    def _lay_out(self, close: QPushButton) -> None:
        body = QWidget()
        column = QVBoxLayout(body)
        column.setContentsMargins(0, 0, 8, 0)
        column.addWidget(self.state)
        column.addLayout(self._cards)
        column.addStretch(1)
        area = QScrollArea()
        area.setWidgetResizable(True)
        area.setFrameShape(QFrame.Shape.NoFrame)
        area.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        area.setWidget(body)
        split = QSplitter(Qt.Orientation.Vertical)
        split.setChildrenCollapsible(False)
        split.addWidget(self.text)
        split.addWidget(area)
        split.setSizes([240, 440])
        buttons = QHBoxLayout()
        buttons.addWidget(self.open_button)
        buttons.addWidget(self.copy_button)
        buttons.addStretch(1)
        buttons.addWidget(close)
        buttons.addWidget(self.go)
        layout = QVBoxLayout(self)
        layout.addWidget(
            label(self.tr("Known messages are looked for in it, and their causes on the node as it was last read."))
        )
        layout.addWidget(split, 1)
        layout.addLayout(buttons)

    def open_file(self, path: Path) -> Task:
        """Read a log and explain it."""
        task = self._start(lambda token, report: _read(path))
        task.succeeded.connect(lambda text: self._opened(path, text))
        task.failed.connect(self._failed)
        return task

    def explain(self) -> Task:
        lines = log_lines(self._source or self.tr("log"), self.text.toPlainText())
        self.go.setEnabled(False)
        self._show(())
        self.state.say("neutral", "clock", self.tr("Reading the log…"), "")
        self.state.show()
        task = self._start(lambda token, report: self._explain(lines))
        task.succeeded.connect(self._explained)
        task.failed.connect(self._failed)
        return task

    def copy(self) -> None:
        QGuiApplication.clipboard().setText(doctor_words.recognised_text(self._found))

    def _edited(self) -> None:
        self.go.setEnabled(bool(self.text.toPlainText().strip()))

    def _opened(self, path: Path, text: str) -> None:
        self._source = path.name
        self.text.setPlainText(text)
        self.explain()

    def _explained(self, found: tuple[Recognised, ...]) -> None:
        self._edited()
        self._show(found)
        if found:
            self.state.hide()
            return
        self.state.say(
            "neutral",
            "note",
            self.tr("No known message is in this log"),
            self.tr("Take the log of the task that failed whole, and the kernel's: journalctl -k -b on the node."),
        )

    def _failed(self, error: Exception) -> None:
        self._edited()
        wording = ErrorWording().of(error)
        self.state.say("bad", "error", wording.happened, wording.body)
        self.state.show()

    def _show(self, found: tuple[Recognised, ...]) -> None:
        for card in self.cards:
            self._cards.removeWidget(card)
            card.hide()
            card.deleteLater()
        self._found = found
        self.cards = [SymptomCard(self._node, one) for one in found]
        for card in self.cards:
            card.device_chosen.connect(self._leave_for)
            self._cards.addWidget(card)
        self.copy_button.setEnabled(bool(found))

    def _leave_for(self, address: object) -> None:
        self.device_chosen.emit(address)
        self.close()


def _read(path: Path) -> str:
    """Its text, the end of it where it is large. Raises SnapshotError("file-unreadable")."""
    try:
        with path.open("rb") as file:
            size = file.seek(0, 2)
            file.seek(max(0, size - MOST))
            return file.read().decode("utf-8", "replace")
    except OSError as error:
        raise SnapshotError("file-unreadable", path=str(path)) from error
