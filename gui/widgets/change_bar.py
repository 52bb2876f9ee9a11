"""What is staged, at the bottom of the window, with the ways on and back."""

from __future__ import annotations

from PySide6.QtWidgets import QFrame, QHBoxLayout, QLabel, QPushButton, QWidget

from gui.named import named
from gui.pages.primary_button import PrimaryButton
from gui.theme import scaled


class ChangeBar(QFrame):
    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("change_bar")
        self.setFrameShape(QFrame.Shape.StyledPanel)
        self.title = named(QLabel(), "change_bar_title")
        self.title.setFont(scaled(self.font(), 1.0, bold=True))
        self.note = QLabel()
        self.note.setWordWrap(True)
        self.discard = named(QPushButton(self.tr("Discard")), "discard")
        self.review = named(PrimaryButton(self.tr("Review…")), "review")
        row = QHBoxLayout(self)
        row.setContentsMargins(16, 8, 16, 8)
        row.setSpacing(12)
        row.addWidget(self.title)
        row.addWidget(self.note, 1)
        row.addWidget(self.discard)
        row.addWidget(self.review)

    def show_changes(self, name: str, count: int, note: str) -> None:
        one, many = self.tr("1 change on {0}"), self.tr("%n changes on {0}", "", count)
        self.title.setText((one if count == 1 else many).format(name))
        self.note.setText(note)

    def set_able(self, able: bool, *, reading: bool) -> None:
        self.review.setEnabled(able)
        self.discard.setEnabled(able)
        self.review.setText(self.tr("Reading the node…") if reading else self.tr("Review…"))
