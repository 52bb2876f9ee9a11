"""Asking for a file to open or to write; the answer comes later, and may not come."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from PySide6.QtWidgets import QFileDialog, QWidget


def ask_open(parent: QWidget, title: str, chosen: Callable[[Path], object]) -> None:
    box = QFileDialog(parent, title)
    box.setFileMode(QFileDialog.FileMode.ExistingFile)
    _show(box, chosen)


def ask_save(parent: QWidget, title: str, name: str, chosen: Callable[[Path], object]) -> None:
    """`name` is what is proposed; its ending is added where the person leaves it out."""
    box = QFileDialog(parent, title)
    box.setAcceptMode(QFileDialog.AcceptMode.AcceptSave)
    box.setDefaultSuffix(name.rpartition(".")[2])
    box.selectFile(name)
    _show(box, chosen)


def _show(box: QFileDialog, chosen: Callable[[Path], object]) -> None:
    box.fileSelected.connect(lambda path: chosen(Path(path)))
    box.finished.connect(box.deleteLater)
    box.open()
