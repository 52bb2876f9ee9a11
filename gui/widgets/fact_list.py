"""Labels and values in two columns, each line reached by keyboard and said whole by a screen reader."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import QGridLayout, QLabel, QWidget

from gui.theme import colours_of, fixed
from gui.widgets.lines import Muted, label
from gui.widgets.sections import Fact

LABELS = 6  # width of the labels in lines of text: the same in every list


class FactList(QWidget):
    """A fact that leads to another function is a link. The tool tip says where on the node it stands."""

    chosen = Signal(object)  # PciAddress

    def __init__(self, facts: Sequence[Fact], parent: QWidget | None = None) -> None:
        super().__init__(parent)
        line = self.fontMetrics().height()
        grid = QGridLayout(self)
        grid.setContentsMargins(0, 0, 0, 0)
        grid.setHorizontalSpacing(round(0.7 * line))
        grid.setVerticalSpacing(round(0.35 * line))
        grid.setColumnStretch(1, 1)
        top = Qt.AlignmentFlag.AlignTop
        for row, fact in enumerate(facts):
            value = self._value(fact)
            if not fact.label:
                grid.addWidget(value, row, 0, 1, 2, top)
                continue
            name = Muted(fact.label)
            name.setWordWrap(True)
            name.setFixedWidth(LABELS * line)
            grid.addWidget(name, row, 0, top)
            grid.addWidget(value, row, 1, top)

    def _value(self, fact: Fact) -> QLabel:
        value = label(fact.value, fixed(self.font(), 0.95) if fact.fixed else self.font())
        if fact.leads_to is not None:
            value.setTextFormat(Qt.TextFormat.RichText)
            colour = colours_of(self.palette()).accent
            value.setText(f'<a href="go" style="color:{colour}">{escape(fact.value)}</a>')
            value.setTextInteractionFlags(
                Qt.TextInteractionFlag.LinksAccessibleByMouse | Qt.TextInteractionFlag.LinksAccessibleByKeyboard
            )
            value.linkActivated.connect(lambda _: self.chosen.emit(fact.leads_to))
        value.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        value.setAccessibleName(f"{fact.label}: {fact.value}" if fact.label else fact.value)
        if fact.source:
            where = self.tr("On the node: {0}").format(fact.source)
            value.setToolTip(where)
            value.setAccessibleDescription(where)
        return value
