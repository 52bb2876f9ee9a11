"""The window's actions, their shortcuts, and the menus they stand in."""

from __future__ import annotations

from PySide6.QtGui import QAction, QKeySequence
from PySide6.QtWidgets import QMainWindow

from gui.widgets.map_bar import MapBar

_KEYS = QKeySequence.StandardKey


class Menus:
    """Made by the window, which connects the actions and says when they can be used. Those of the map are its bar's."""

    def __init__(self, window: QMainWindow, map_bar: MapBar) -> None:
        self._window = window
        tr = window.tr
        self.connect = self._action("action_connect", tr("&Connect to a node…"), "Ctrl+N")
        self.open = self._action("action_open", tr("&Open a file…"), _KEYS.Open)
        self.demo = self._action("action_demo", tr("Open the &demo"))
        self.refresh = self._action("action_refresh", tr("&Read again"), "Ctrl+R")
        self.save = self._action("action_save", tr("&Save snapshot…"), _KEYS.Save)
        self.compare = self._action("action_compare", tr("Co&mpare with a file…"), "Ctrl+D")
        self.close = self._action("action_close_node", tr("C&lose node"), "Ctrl+W")
        self.quit = self._action("action_quit", tr("&Quit"), "Ctrl+Q")
        self.find = self._action("action_find", tr("&Find devices…"), _KEYS.Find)
        self.explain = self._action("action_explain", tr("&Explain a log…"), "Ctrl+L")
        self.what_if = self._action("action_what_if", tr("&What if…"), "Ctrl+T")
        self.iommu = self._action("action_iommu_on", tr("Turn &IOMMU on"), "Ctrl+I")
        self.unstage = self._action("action_unstage_last", tr("&Unstage last change"), _KEYS.Undo)
        self.discard = self._action("action_discard", tr("&Discard all changes"))
        self.review = self._action("action_review", tr("R&eview changes…"), "Ctrl+Return")
        self.rollback = self._action("action_rollback", tr("Undo last &push…"))

        bar = window.menuBar()
        node = bar.addMenu(tr("&Node"))
        node.addActions([self.connect, self.open, self.demo])
        node.addSeparator()
        node.addActions([self.refresh, self.save, self.compare])
        node.addMenu(map_bar.export_menu)
        node.addAction(self.close)
        node.addSeparator()
        node.addAction(self.quit)
        view = bar.addMenu(tr("&View"))
        view.addActions(list(map_bar.arranging))
        view.addSeparator()
        view.addActions(list(map_bar.zooming))
        view.addSeparator()
        view.addActions([self.find, self.explain, self.what_if])
        self.on_page = (self.find, self.explain, *map_bar.arranging, *map_bar.zooming, *map_bar.exports.values())
        changes = bar.addMenu(tr("&Changes"))
        changes.addAction(self.iommu)
        changes.addSeparator()
        changes.addActions([self.unstage, self.discard, self.review])
        changes.addSeparator()
        changes.addAction(self.rollback)

    def _action(self, name: str, text: str, shortcut: str | QKeySequence.StandardKey | None = None) -> QAction:
        made = QAction(text, self._window)
        made.setObjectName(name)
        if shortcut is not None:
            made.setShortcut(QKeySequence(shortcut))
        return made
