"""The inspector: everything known of the selected function, and what may be done with it."""

from __future__ import annotations

from collections.abc import Iterable

from PySide6.QtCore import QSize, Qt, Signal
from PySide6.QtGui import QAction, QFont, QGuiApplication, QKeySequence
from PySide6.QtWidgets import (
    QFormLayout,
    QFrame,
    QLabel,
    QPushButton,
    QScrollArea,
    QSizePolicy,
    QStackedLayout,
    QVBoxLayout,
    QWidget,
)

from backend.node.address import PciAddress
from backend.node.function import Function
from backend.node.node import Node
from gui import words
from gui.models.selection import Selection
from gui.theme import colours_of, fixed, scaled
from gui.widgets.box import Box
from gui.widgets.facts import as_text, facts, refusal, verdict


class InspectorPanel(QWidget):
    """Follows `selection`. Reserving is asked for by signal: staging is the window's business."""

    reserve_requested = Signal(object)  # PciAddress
    unstage_requested = Signal(object)  # PciAddress

    def __init__(self, selection: Selection, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setAccessibleName(self.tr("Inspector"))
        self._selection = selection
        self._node: Node | None = None
        self._staged: frozenset[PciAddress] = frozenset()

        self.empty = QLabel(self.tr("Select a device"), self)
        self.empty.setAlignment(Qt.AlignmentFlag.AlignCenter)
        self.title = self._label(scaled(self.font(), 1.3, bold=True))
        self.title.setAccessibleName(self.tr("Selected device"))
        self.subtitle = self._label(fixed(self.font(), 0.9))
        self.verdict = Box(self)
        self.button = QPushButton(self.tr("Reserve for passthrough"), self)
        self.button.setDefault(True)
        self.button.setSizePolicy(QSizePolicy.Policy.Maximum, QSizePolicy.Policy.Fixed)
        self.button.clicked.connect(self._reserve)
        self.state = self._label(self.font())
        self.state.setTextInteractionFlags(
            Qt.TextInteractionFlag.LinksAccessibleByMouse | Qt.TextInteractionFlag.LinksAccessibleByKeyboard
        )
        self.state.linkActivated.connect(self._unstage)
        self._uses_title = self._label(scaled(self.font(), 1.0, bold=True))
        self._uses_title.setText(self.tr("Who uses it"))
        self._uses = self._label(self.font())
        self._form_holder = QWidget(self)

        body = QWidget()
        line = self.fontMetrics().height()
        column = QVBoxLayout(body)
        column.setContentsMargins(line, line, line, line)
        column.setSpacing(round(0.5 * line))
        column.addWidget(self.title)
        column.addWidget(self.subtitle)
        column.addSpacing(round(0.3 * line))
        column.addWidget(self.verdict)
        column.addSpacing(round(0.3 * line))
        column.addWidget(self.button)
        column.addWidget(self.state)
        column.addSpacing(round(0.3 * line))
        column.addWidget(self._uses_title)
        column.addWidget(self._uses)
        column.addSpacing(round(0.3 * line))
        self._column = column
        column.addWidget(self._form_holder)
        column.addStretch(1)
        self._area = QScrollArea(self)
        self._area.setWidgetResizable(True)
        self._area.setFrameShape(QFrame.Shape.NoFrame)
        self._area.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self._area.setWidget(body)
        self._stack = QStackedLayout(self)
        self._stack.addWidget(self.empty)
        self._stack.addWidget(self._area)

        self._copy = QAction(self.tr("Copy as text"), self)
        self._copy.setShortcut(QKeySequence.StandardKey.Copy)
        self._copy.setShortcutContext(Qt.ShortcutContext.WidgetWithChildrenShortcut)
        self._copy.triggered.connect(self.copy)
        self.addAction(self._copy)
        self.setContextMenuPolicy(Qt.ContextMenuPolicy.ActionsContextMenu)
        selection.changed.connect(self._show)
        self._show()

    def sizeHint(self) -> QSize:
        return QSize(22 * self.fontMetrics().height(), 600)

    def set_node(self, node: Node | None) -> None:
        self._node = node
        self._show()

    def set_staged(self, staged: Iterable[PciAddress]) -> None:
        """Functions for which a reservation is staged."""
        self._staged = frozenset(staged)
        self._show()

    def copy(self) -> None:
        """Put all that is shown on the clipboard."""
        function = self._function()
        if function is not None and self._node is not None:
            QGuiApplication.clipboard().setText(as_text(self._node, function.address))

    # --- content ----------------------------------------------------------------------------------

    def _label(self, font: QFont) -> QLabel:
        label = QLabel(self)
        label.setFont(font)
        label.setWordWrap(True)
        label.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        return label

    def _function(self) -> Function | None:
        if self._node is None or self._selection.current is None:
            return None
        return self._node.by_address.get(self._selection.current)

    def _show(self) -> None:
        function = self._function()
        self._copy.setEnabled(function is not None)
        if function is None or self._node is None:
            self._stack.setCurrentWidget(self.empty)
            return
        node, address = self._node, function.address
        self.title.setText(words.short_name(function))
        parts = [words.short_address(address), function.slot, function.ids]
        self.subtitle.setText(" · ".join(part for part in parts if part))
        said = verdict(node, address)
        self.verdict.say(said.tone, said.icon, said.title, said.text)
        uses = node.uses_of.get(address, ())
        self._uses.setText("\n".join(words.use_chain(use) for use in uses))
        self._uses_title.setVisible(bool(uses))
        self._uses.setVisible(bool(uses))
        self._show_state(function)
        self._show_facts(node, address)
        self._stack.setCurrentWidget(self._area)

    def _show_state(self, function: Function) -> None:
        """The button, or the reason why there is none to press."""
        why = refusal(function)
        staged = function.address in self._staged
        if why is not None:
            text = why
        elif staged:
            text = self.tr("Staged: vfio-pci from the next reboot. {link}").format(
                link=f'<a href="undo" style="color:{colours_of(self.palette()).accent}">{self.tr("Undo")}</a>'
            )
        elif function.driver == "vfio-pci":
            text = self.tr("Reserved: vfio-pci drives it already.")
        else:
            text = ""
        self.button.setVisible(not staged and function.driver != "vfio-pci")
        self.button.setEnabled(why is None)
        self.button.setToolTip(why or "")
        self.state.setText(text)
        self.state.setVisible(bool(text))

    def _show_facts(self, node: Node, address: PciAddress) -> None:
        holder = QWidget(self)
        form = QFormLayout(holder)
        line = self.fontMetrics().height()
        form.setContentsMargins(0, 0, 0, 0)
        form.setHorizontalSpacing(line)
        form.setVerticalSpacing(round(0.4 * line))
        form.setLabelAlignment(Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignTop)
        form.setFieldGrowthPolicy(QFormLayout.FieldGrowthPolicy.AllNonFixedFieldsGrow)
        for fact in facts(node, address):
            value = self._label(fixed(self.font(), 0.95) if fact.fixed else self.font())
            value.setText(fact.value)
            value.setAccessibleName(f"{fact.label}: {fact.value}")
            label = QLabel(fact.label, holder)
            label.setForegroundRole(self.foregroundRole())
            form.addRow(label, value)
        old = self._form_holder
        self._column.replaceWidget(old, holder)
        self._form_holder = holder
        old.hide()
        old.deleteLater()

    def _reserve(self) -> None:
        function = self._function()
        if function is not None:
            self.reserve_requested.emit(function.address)

    def _unstage(self) -> None:
        function = self._function()
        if function is not None:
            self.unstage_requested.emit(function.address)
