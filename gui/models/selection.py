"""What is selected, for every view at once."""

from __future__ import annotations

from PySide6.QtCore import QObject, Signal

from backend.node.address import PciAddress


class Selection(QObject):
    """One function or none. Map, tree and inspector all follow it, and none of them knows another."""

    changed = Signal(object)  # PciAddress | None

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._current: PciAddress | None = None

    @property
    def current(self) -> PciAddress | None:
        return self._current

    @current.setter
    def current(self, address: PciAddress | None) -> None:
        if address != self._current:
            self._current = address
            self.changed.emit(address)
