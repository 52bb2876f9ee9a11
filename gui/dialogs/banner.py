"""A framed message: an icon, one bold line, and what to do. Never colour alone."""

from __future__ import annotations

from PySide6.QtCore import QEvent, Qt
from PySide6.QtWidgets import (
    QApplication,
    QFrame,
    QHBoxLayout,
    QLabel,
    QPushButton,
    QSizePolicy,
    QVBoxLayout,
    QWidget,
)

from gui.errors import Wording
from gui.theme import colours_of

_SIGNS = {"error": "✕", "warning": "!", "info": "i", "good": "✓"}


class Banner(QFrame):
    """Hidden until it has something to say. `kind`: "error", "warning", "info", "good"."""

    def __init__(self, kind: str, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("banner")
        self._kind = kind
        self._sign = QLabel()
        self._sign.setAlignment(Qt.AlignmentFlag.AlignTop | Qt.AlignmentFlag.AlignHCenter)
        self._sign.setFixedWidth(self.fontMetrics().horizontalAdvance("MM"))
        self._title = QLabel()
        self._body = QLabel()
        for label in (self._title, self._body):
            label.setWordWrap(True)
            label.setTextFormat(Qt.TextFormat.PlainText)
            label.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        font = self._title.font()
        font.setBold(True)
        self._title.setFont(font)
        self._sign.setFont(font)
        self._actions = QHBoxLayout()
        copy = QPushButton(self.tr("Copy details"))
        copy.setAutoDefault(False)
        copy.clicked.connect(self._copy)
        self._copy_button = copy

        text = QVBoxLayout()
        text.setSpacing(4)
        text.addWidget(self._title)
        text.addWidget(self._body)
        layout = QHBoxLayout(self)
        layout.setContentsMargins(10, 10, 12, 10)
        layout.addWidget(self._sign)
        layout.addLayout(text, 1)
        layout.addLayout(self._actions)
        self._actions.addWidget(copy, 0, Qt.AlignmentFlag.AlignVCenter)
        self.setSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Maximum)
        self._details = ""
        self._paint()
        self.hide()

    @property
    def is_error(self) -> bool:
        return self._kind == "error"

    @property
    def text(self) -> str:
        return "\n".join(part for part in (self._title.text(), self._body.text()) if part)

    def add_button(self, button: QPushButton) -> None:
        self._actions.addWidget(button, 0, Qt.AlignmentFlag.AlignVCenter)

    def say(self, title: str, body: str = "", *, kind: str | None = None) -> None:
        if kind is not None:
            self._kind = kind
        self._details = ""
        self._show(title, body)

    def show_error(self, wording: Wording) -> None:
        self._kind = "error"
        self._details = wording.details
        self._show(wording.happened, wording.body)

    def _show(self, title: str, body: str) -> None:
        self._title.setText(title)
        self._body.setText(body)
        self._body.setVisible(bool(body))
        self._copy_button.setVisible(bool(self._details))
        self.setAccessibleName(title)
        self.setAccessibleDescription(body)
        self._paint()
        self.show()

    def _copy(self) -> None:
        QApplication.clipboard().setText(f"{self.text}\n\n{self._details}")

    def changeEvent(self, event: QEvent) -> None:
        if event.type() is QEvent.Type.PaletteChange:
            self._paint()
        super().changeEvent(event)

    def _paint(self) -> None:
        colours = colours_of(QApplication.palette())
        tone = {"error": colours.bad, "warning": colours.warn, "good": colours.good}.get(self._kind, colours.neutral)
        self._sign.setText(_SIGNS[self._kind])
        style = (
            f"Banner {{ background: {tone.fill}; border: 1px solid {tone.border}; border-radius: 6px; }}"
            f" Banner > QLabel {{ color: {tone.text}; }}"
        )
        if style != self.styleSheet():
            self.setStyleSheet(style)
