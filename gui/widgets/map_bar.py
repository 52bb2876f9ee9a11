"""What one can do with the map, over it: its arrangement, its zoom, and a copy of it as a file."""

from __future__ import annotations

from PySide6.QtCore import Qt, Signal, SignalInstance
from PySide6.QtGui import QAction, QActionGroup, QKeySequence
from PySide6.QtWidgets import QHBoxLayout, QMenu, QSizePolicy, QToolButton, QWidget

from gui.named import named
from gui.widgets.toggle import Toggle

_KEYS = QKeySequence.StandardKey


class MapBar(QWidget):
    """The actions are in the window's menu too, so that their shortcuts are found there."""

    arrange = Signal(str)  # "slots" or "groups"
    zoom = Signal(int)  # 1 in, -1 out, 0 fit
    export = Signal(str)  # "png", "svg" or "pdf"

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.slots = self._action(
            "arrange_slots", self.tr("&Slots"), "Ctrl+1", self.tr("Devices where they are plugged")
        )
        self.groups = self._action(
            "arrange_groups", self.tr("&Groups"), "Ctrl+2", self.tr("Devices by what goes to a guest together")
        )
        both = QActionGroup(self)
        for action in (self.slots, self.groups):
            action.setCheckable(True)
            both.addAction(action)
        self.slots.setChecked(True)
        _tells(self.slots, self.arrange, "slots")
        _tells(self.groups, self.arrange, "groups")
        self.zoom_in = self._action("zoom_in", self.tr("Zoom &in"), _KEYS.ZoomIn, "", sign="+")
        self.zoom_out = self._action("zoom_out", self.tr("Zoom &out"), _KEYS.ZoomOut, "", sign="−")
        self.fit = self._action("zoom_fit", self.tr("&Fit to window"), "Ctrl+0", "", sign=self.tr("Fit"))
        _tells(self.zoom_in, self.zoom, 1)
        _tells(self.zoom_out, self.zoom, -1)
        _tells(self.fit, self.zoom, 0)
        one_page = self.tr("One page: the machine, its board, what the doctor says")
        self.exports = {
            "png": self._action("export_png", self.tr("&Picture (PNG)…"), None, ""),
            "svg": self._action("export_svg", self.tr("&Drawing (SVG)…"), None, ""),
            "pdf": self._action("export_pdf", self.tr("&Report (PDF)…"), None, one_page),
        }
        for kind, action in self.exports.items():
            _tells(action, self.export, kind)
        self.export_menu = QMenu(self.tr("&Export"), self)
        self.export_menu.addActions(list(self.exports.values()))
        export = named(QToolButton(), "export")
        export.setText(self.tr("Export"))
        export.setPopupMode(QToolButton.ToolButtonPopupMode.InstantPopup)
        export.setMenu(self.export_menu)
        export.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 4, 0, 4)
        row.setSpacing(2)
        for action in (self.slots, self.groups):
            row.addWidget(self._button(action))
        row.addSpacing(14)
        for action in (self.zoom_out, self.zoom_in, self.fit):
            row.addWidget(self._button(action))
        row.addStretch(1)
        row.addWidget(export)
        self.setSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Fixed)

    @property
    def arranging(self) -> tuple[QAction, ...]:
        return self.slots, self.groups

    @property
    def zooming(self) -> tuple[QAction, ...]:
        return self.zoom_in, self.zoom_out, self.fit

    def _action(
        self, name: str, text: str, shortcut: str | QKeySequence.StandardKey | None, tip: str, sign: str = ""
    ) -> QAction:
        made = named(QAction(text, self), name)
        said = tip or text.replace("&", "")
        if shortcut is not None:
            made.setShortcut(QKeySequence(shortcut))
            said = f"{said} ({made.shortcut().toString(QKeySequence.SequenceFormat.NativeText)})"
        made.setToolTip(said)
        if sign:
            made.setIconText(sign)
        return made

    def _button(self, action: QAction) -> QToolButton:
        button = Toggle() if action.isCheckable() else QToolButton()
        button.setDefaultAction(action)
        button.setToolButtonStyle(Qt.ToolButtonStyle.ToolButtonTextOnly)
        button.setAccessibleName(action.text().replace("&", ""))
        button.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        button.setMinimumWidth(button.fontMetrics().height() * 2)
        return button


def _tells(action: QAction, signal: SignalInstance, value: object) -> None:
    action.triggered.connect(lambda: signal.emit(value))
