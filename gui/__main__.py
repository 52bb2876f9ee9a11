"""``python -m gui``, and the frozen application's start."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from gui.app import Mistakes, app_folder, leave, make_application, make_demo, make_window
from gui.self_test import self_test
from gui.tasks import TaskRunner


def main(argv: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="lanewright", description="Passes PCI devices through to guests.")
    parser.add_argument("--demo", action="store_true", help="open a simulated cluster")
    parser.add_argument("--self-test", action="store_true", help="check that everything is there, and end")
    parser.add_argument("files", nargs="*", type=Path, metavar="FILE", help="snapshots to open")
    options = parser.parse_args(argv)
    if options.self_test:
        return self_test()
    app = make_application()
    mistakes = Mistakes()
    sys.excepthook = mistakes.hook
    runner = TaskRunner()
    window = make_window(runner, app_folder())
    demo = make_demo(runner, window)
    for file in options.files:
        window.open_file(file)
    if options.demo:
        demo.start()
    window.show()
    return leave(runner, window, demo, app.exec())


if __name__ == "__main__":
    sys.exit(main())
