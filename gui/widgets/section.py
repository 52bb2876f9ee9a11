"""A heading that opens and closes what is below it."""

from __future__ import annotations

from PySide6.QtCore import QSize, Qt, Signal
from PySide6.QtWidgets import QHBoxLayout, QSizePolicy, QStyleOptionToolButton, QToolButton, QVBoxLayout, QWidget

from gui.theme import scaled


class _Head(QToolButton):
    """Shortens its text where there is no room for it."""

    def minimumSizeHint(self) -> QSize:
        return QSize(8 * self.fontMetrics().height(), super().minimumSizeHint().height())

    def initStyleOption(self, option: QStyleOptionToolButton) -> None:
        super().initStyleOption(option)
        room = self.width() - option.iconSize.width() - self.fontMetrics().height()
        option.text = self.fontMetrics().elidedText(self.text(), Qt.TextElideMode.ElideRight, room)


class Section(QWidget):
    """`body` holds the content. Space and Enter toggle; `toggled` tells whether it is open now."""

    toggled = Signal(bool)

    def __init__(self, title: str, *, opened: bool = True, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.head = _Head()
        self.head.setText(title)
        self.head.setToolTip(title)
        self.head.setAccessibleName(title)
        self.head.setFont(scaled(self.font(), 1.0, bold=True))
        self.head.setAutoRaise(True)
        self.head.setToolButtonStyle(Qt.ToolButtonStyle.ToolButtonTextBesideIcon)
        self.head.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.head.setSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Fixed)
        self.body = QWidget()
        line = self.fontMetrics().height()
        self.content = QVBoxLayout(self.body)
        self.content.setContentsMargins(round(0.4 * line), round(0.2 * line), 0, round(0.5 * line))
        self.content.setSpacing(round(0.45 * line))
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(0)
        self.line = QHBoxLayout()  # the head's line: more may stand at its end
        self.line.addWidget(self.head)
        self.line.addStretch(1)
        self.line.setSpacing(round(0.6 * line))
        column.addLayout(self.line)
        column.addWidget(self.body)
        self.head.clicked.connect(lambda: self.set_opened(not self.opened))
        self.set_opened(opened)

    @property
    def opened(self) -> bool:
        return not self.body.isHidden()

    def set_opened(self, opened: bool) -> None:
        self.head.setArrowType(Qt.ArrowType.DownArrow if opened else Qt.ArrowType.RightArrow)
        self.head.setAccessibleDescription(self.tr("open") if opened else self.tr("closed"))
        self.body.setVisible(opened)
        self.toggled.emit(opened)
