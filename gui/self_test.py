"""``lanewright --self-test``: is everything there that the application needs, also where it is frozen?"""

from __future__ import annotations

import importlib
import pkgutil
import tempfile
from pathlib import Path

from PySide6.QtCore import QDeadlineTimer
from PySide6.QtGui import QImage, QPainter
from PySide6.QtTest import QTest

import backend
from gui.app import make_application, make_demo, make_window
from gui.tasks import TaskRunner

# Started as a program of its own, or sent to a node; not for import.
NOT_IMPORTED = frozenset({"backend.agent.on_node"})


def import_backend() -> int:
    """Import every module of backend; how many there were."""
    names = [
        found.name
        for found in pkgutil.walk_packages(backend.__path__, "backend.")
        if found.name not in NOT_IMPORTED and not found.name.endswith("__main__")
    ]
    for name in names:
        importlib.import_module(name)
    return len(names)


def self_test() -> int:
    """Import all back-ends, open the demo, draw its map. 0 where all of that worked; prints one line."""
    modules = import_backend()
    make_application()
    runner = TaskRunner()
    with tempfile.TemporaryDirectory(prefix="lanewright-") as folder:
        window = make_window(runner, Path(folder))
        window.resize(1200, 800)
        window.show()
        demo = make_demo(runner, window)
        demo.start()
        deadline = QDeadlineTimer(60_000)
        while window.current is None and not demo.trouble and not deadline.hasExpired():
            QTest.qWait(20)
        opened = window.current
        drawn = False
        if opened is not None:
            image = QImage(window.page.map.size(), QImage.Format.Format_RGB32)
            image.fill(0)
            painter = QPainter(image)
            window.page.map.render(painter)
            painter.end()
            drawn = len({image.pixel(x, image.height() // 3) for x in range(image.width())}) > 1
        trouble = demo.trouble
        runner.shutdown(window.close_transports, demo.close, limit=5)
        window.close()
    if opened is None or not drawn:
        print(f"self-test failed: {trouble or 'the demo did not open or its map stayed empty'}")
        return 1
    print(f"self-test passed: {modules} modules, {opened.name} with {len(opened.node.functions)} functions")
    return 0
