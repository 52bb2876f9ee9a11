"""One finding: how grave, what is so, what it means, what to do, and the lines that show it."""

from __future__ import annotations

from collections.abc import Collection

from PySide6.QtCore import QRectF, Qt, Signal
from PySide6.QtGui import QAction, QColor, QGuiApplication, QPainter, QPaintEvent, QPen
from PySide6.QtWidgets import QHBoxLayout, QLabel, QPushButton, QSizePolicy, QVBoxLayout, QWidget

from backend.doctor.finding import Finding
from backend.node.node import Node
from backend.plan.plan import Intent
from gui import doctor_words
from gui.named import named
from gui.pages.wording import PlanWording
from gui.theme import colours_of, scaled
from gui.widgets.chip import Chip
from gui.widgets.lines import FixedLines, LinkButton, Muted, label


class FindingCard(QWidget):
    """`short`: for the inspector, which shows the device already."""

    stage_requested = Signal(object)  # Intent
    device_chosen = Signal(object)  # PciAddress

    def __init__(self, node: Node, finding: Finding, *, short: bool = False, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.finding = finding
        self._node = node
        text = doctor_words.said(finding)
        look = doctor_words.severity_look(finding.severity)
        self.setAccessibleName(f"{look.word}: {text.title}")
        line = self.fontMetrics().height()
        column = QVBoxLayout(self)
        column.setContentsMargins(line, round(0.7 * line), round(0.8 * line), round(0.7 * line))
        column.setSpacing(round(0.4 * line))
        head = QHBoxLayout()
        head.addWidget(Chip(look))
        head.addStretch(1)
        self.device = named(LinkButton(doctor_words.device_word(node, finding)), "finding_device")
        self.device.setToolTip(self.tr("Show it on the map"))
        self.device.clicked.connect(lambda: self.device_chosen.emit(finding.told.address))
        self.device.setVisible(finding.told.address is not None and not short)
        head.addWidget(self.device)
        if finding.told.vmid is not None:
            head.addWidget(QLabel(doctor_words.guest_word(node, finding.told.vmid)))
        column.addLayout(head)
        column.addWidget(label(text.title, scaled(self.font(), 1.0 if short else 1.05, bold=True)))
        column.addWidget(label(text.means))
        if text.do:
            column.addWidget(label(self.tr("What to do: {0}").format(text.do)))
        if finding.told.evidence:
            self.evidence = FixedLines(
                "\n".join(doctor_words.evidence_line(evidence) for evidence in finding.told.evidence),
                self.tr("Evidence"),
            )
            column.addWidget(self.evidence)
        self.stage = named(QPushButton(self.tr("Stage the fix")), "stage_fix")
        self.stage.setSizePolicy(QSizePolicy.Policy.Maximum, QSizePolicy.Policy.Fixed)
        self.stage.clicked.connect(lambda: self.stage_requested.emit(finding.told.remedy))
        self.wish = Muted("")
        self.wish.setWordWrap(True)
        if finding.told.remedy is not None:
            self.wish.setText(PlanWording().intent(finding.told.remedy, node))
        mend = QHBoxLayout()
        mend.addWidget(self.stage)
        mend.addWidget(self.wish, 1)
        column.addLayout(mend)
        for widget in (self.stage, self.wish):
            widget.setVisible(finding.told.remedy is not None)
        copy = QAction(self.tr("Copy as text"), self)
        copy.triggered.connect(self.copy)
        self.addAction(copy)
        self.setContextMenuPolicy(Qt.ContextMenuPolicy.ActionsContextMenu)

    def set_staged(self, staged: Collection[Intent]) -> None:
        """Whether the remedy is among what is staged."""
        done = self.finding.told.remedy in staged
        self.stage.setEnabled(not done)
        self.stage.setText(self.tr("Fix is staged") if done else self.tr("Stage the fix"))

    def copy(self) -> None:
        QGuiApplication.clipboard().setText(doctor_words.finding_text(self._node, self.finding))

    def paintEvent(self, event: QPaintEvent) -> None:
        colours = colours_of(self.palette())
        tone = getattr(colours, doctor_words.severity_look(self.finding.severity).tone)
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        area = QRectF(self.rect()).adjusted(0.5, 0.5, -0.5, -0.5)
        painter.setPen(QPen(QColor(colours.tile_border), 1))
        painter.setBrush(QColor(colours.tile))
        painter.drawRoundedRect(area, 6, 6)
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(QColor(tone.border))
        painter.drawRoundedRect(QRectF(1, 6, 4, max(0.0, self.height() - 12.0)), 2, 2)
        painter.end()
