"""What the window's tests share: an offscreen application and settings that nobody keeps."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")

from PySide6.QtCore import QSettings, QStandardPaths

from gui.tasks import TaskRunner


@pytest.fixture(autouse=True)
def _standard_paths() -> None:
    QStandardPaths.setTestModeEnabled(True)


@pytest.fixture
def settings(tmp_path: Path) -> QSettings:
    return QSettings(str(tmp_path / "window.ini"), QSettings.Format.IniFormat)


@pytest.fixture
def runner(qapp: object) -> Iterator[TaskRunner]:
    runner = TaskRunner()
    yield runner
    assert runner.shutdown(limit=5), "a test left a lane busy"


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        # The offscreen platform says so of every window that has a minimum size.
        item.add_marker(pytest.mark.qt_log_ignore("This plugin does not support propagateSizeHints"))
