"""One symptom of a log: what it says, the lines that say it, and what may be behind it on this node."""

from __future__ import annotations

from PySide6.QtCore import QRectF, Signal
from PySide6.QtGui import QColor, QPainter, QPaintEvent, QPen
from PySide6.QtWidgets import QHBoxLayout, QVBoxLayout, QWidget

from backend.doctor.symptoms import Cause, Fit, Recognised
from backend.node.node import Node
from gui import doctor_words, words
from gui.theme import colours_of, scaled
from gui.widgets.chip import Chip
from gui.widgets.lines import FixedLines, LinkButton, Muted, label
from gui.widgets.section import Section


class SymptomCard(QWidget):
    """Causes stand in the order in which they fit the node; those it shows no sign of are folded away."""

    device_chosen = Signal(object)  # PciAddress

    def __init__(self, node: Node, recognised: Recognised, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        text = doctor_words.texts(recognised.symptom.code)
        self.setAccessibleName(text.title)
        line = self.fontMetrics().height()
        column = QVBoxLayout(self)
        column.setContentsMargins(line, round(0.7 * line), round(0.8 * line), round(0.7 * line))
        column.setSpacing(round(0.4 * line))
        head = QHBoxLayout()
        head.addWidget(label(text.title, scaled(self.font(), 1.05, bold=True)), 1)
        if recognised.vmid is not None:
            head.addWidget(Muted(doctor_words.guest_word(node, recognised.vmid)))
        if recognised.address is not None:
            device = LinkButton(words.short_address(recognised.address))
            device.setEnabled(recognised.address in node.by_address)
            device.clicked.connect(lambda: self.device_chosen.emit(recognised.address))
            head.addWidget(device)
        column.addLayout(head)
        column.addWidget(label(text.means))
        lines = "\n".join(doctor_words.evidence_line(evidence) for evidence in recognised.evidence[:5])
        column.addWidget(FixedLines(lines, self.tr("Evidence")))
        if recognised.count > 5:
            column.addWidget(Muted(self.tr("%n lines in all", "", recognised.count)))
        likely = [cause for cause in recognised.causes if cause.fit is not Fit.NOT_SEEN]
        rest = [cause for cause in recognised.causes if cause.fit is Fit.NOT_SEEN]
        if likely:
            column.addWidget(Muted(self.tr("What may be behind it")))
        for cause in likely:
            column.addLayout(self._cause(cause, recognised, line))
        if rest:
            self.rest = Section(self.tr("No sign of it on this node: {0}").format(len(rest)), opened=not likely)
            for cause in rest:
                self.rest.content.addLayout(self._cause(cause, recognised, line))
            column.addWidget(self.rest)

    def _cause(self, cause: Cause, recognised: Recognised, line: int) -> QVBoxLayout:
        text = doctor_words.cause_texts(cause, recognised)
        column = QVBoxLayout()
        column.setContentsMargins(round(0.4 * line), round(0.2 * line), 0, round(0.2 * line))
        column.setSpacing(round(0.2 * line))
        head = QHBoxLayout()
        head.addWidget(label(text.title, scaled(self.font(), 1.0, bold=True)), 1)
        head.addWidget(Chip(doctor_words.fit_look(cause.fit)))
        column.addLayout(head)
        if text.do and cause.fit is not Fit.NOT_SEEN:
            column.addWidget(label(text.do))
        return column

    def paintEvent(self, event: QPaintEvent) -> None:
        colours = colours_of(self.palette())
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setPen(QPen(QColor(colours.tile_border), 1))
        painter.setBrush(QColor(colours.tile))
        painter.drawRoundedRect(QRectF(self.rect()).adjusted(0.5, 0.5, -0.5, -0.5), 6, 6)
        painter.end()
