"""What the Qt binding itself must not do."""

from __future__ import annotations

import sys

from PySide6.QtCore import QObject, Signal
from PySide6.QtWidgets import QApplication


class Sender(QObject):
    sent = Signal(int)


def test_the_binding_keeps_its_references(qapp: QApplication) -> None:
    """PySide6 6.12.0 lost one to None, or to True, with each such call; Python below 3.12 then ends in mid-air."""
    sender = Sender()
    sender.sent.connect(lambda number: None)
    before = sys.getrefcount(None), sys.getrefcount(True)
    for _ in range(500):
        qapp.processEvents()
        sender.sent.emit(1)
    after = sys.getrefcount(None), sys.getrefcount(True)
    assert all(now > then - 250 for now, then in zip(after, before, strict=True))
