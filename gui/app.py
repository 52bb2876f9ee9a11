"""The application put together: settings, translations, the window, and what catches a mistake."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from types import TracebackType

import platformdirs
from PySide6.QtCore import QLibraryInfo, QLocale, QObject, QSettings, QTranslator
from PySide6.QtGui import QFont, QFontDatabase, QIcon
from PySide6.QtWidgets import QApplication, QMessageBox, QPushButton

from gui.demo import Demo
from gui.errors import ErrorWording
from gui.main_window import MainWindow
from gui.opening import WorkspaceOpening
from gui.tasks import TaskRunner

RESOURCES = Path(__file__).resolve().parent.parent / "resources"


class Mistakes(QObject):
    """Shows what nobody caught, with details to copy; one box at a time. Put into sys.excepthook."""

    def __init__(self) -> None:
        super().__init__()
        self._box: QMessageBox | None = None

    def hook(self, kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
        sys.__excepthook__(kind, error, trace)
        if issubclass(kind, KeyboardInterrupt) or self._box is not None:
            return
        wording = ErrorWording(self).of(error)
        box = self._box = QMessageBox(QMessageBox.Icon.Critical, self.tr("Lanewright"), wording.happened)
        box.setObjectName("mistake_box")
        box.setInformativeText(wording.body)
        box.setDetailedText(wording.details)
        copy = QPushButton(self.tr("Copy details"))
        box.addButton(copy, QMessageBox.ButtonRole.ActionRole)
        copy.clicked.connect(lambda: QApplication.clipboard().setText(wording.details))
        box.addButton(QMessageBox.StandardButton.Close)
        box.finished.connect(self._closed)
        box.open()

    def _closed(self) -> None:
        if self._box is not None:
            self._box.deleteLater()
            self._box = None


def make_application() -> QApplication:
    """The QApplication, named, with its icon and translations. Offscreen where there is no display."""
    if not has_display():
        os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")
    running = QApplication.instance()
    if isinstance(running, QApplication):
        return running
    app = QApplication(sys.argv[:1])
    app.setApplicationName("lanewright")
    app.setApplicationDisplayName("Lanewright")
    app.setOrganizationName("lanewright")
    app.setDesktopFileName("lanewright")
    app.setWindowIcon(QIcon(str(RESOURCES / "icons" / "lanewright.svg")))
    if app.platformName() == "offscreen" and "Inter" in QFontDatabase.families():
        app.setFont(QFont("Inter", 10))  # no desktop here that would name a font
    qt_texts = QLibraryInfo.path(QLibraryInfo.LibraryPath.TranslationsPath)
    for name, folder in (("qtbase", qt_texts), ("lanewright", str(RESOURCES / "i18n"))):
        translator = QTranslator(app)
        if translator.load(QLocale(), name, "_", folder):
            app.installTranslator(translator)
    return app


def has_display() -> bool:
    if sys.platform in ("win32", "darwin"):
        return True
    return bool(os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY"))


def app_folder() -> Path:
    """Where the window's settings and the trusted host keys are kept; made where it is missing."""
    folder = Path(platformdirs.user_config_dir("lanewright", appauthor=False))
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    return folder


def make_window(runner: TaskRunner, folder: Path) -> MainWindow:
    settings = QSettings(str(folder / "window.ini"), QSettings.Format.IniFormat)
    return MainWindow(runner, WorkspaceOpening(folder / "known_hosts"), settings)


def make_demo(runner: TaskRunner, window: MainWindow) -> Demo:
    demo = Demo(runner, window)
    window.demo_requested.connect(demo.start)
    demo.opened.connect(window.add_node)
    demo.failed.connect(window.show_failure)
    return demo


def leave(runner: TaskRunner, window: MainWindow, demo: Demo, status: int) -> int:
    """End all work. A lane that does not let go in time would keep the process; it is left behind then."""
    ended = runner.shutdown(window.close_transports, demo.close)
    if not ended:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(status)
    return status
