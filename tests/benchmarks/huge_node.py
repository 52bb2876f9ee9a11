"""How long a node of 4,096 virtual functions takes to read and model, and what a node of 300 functions costs.

    python -m tests.benchmarks.huge_node

Exit status 1 where a limit is passed: 1 s, 2 MB of snapshot, 200 MB resident (Linux only).
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from statistics import median

from backend.demo.machines.server import huge
from backend.demo.world import World
from backend.snapshot import file
from backend.snapshot.readers import read_node

READ_SECONDS = 1.0
FILE_BYTES = 2_000_000
RESIDENT_BYTES = 200_000_000


def main() -> int:
    if sys.argv[1:2] == ["--window"]:
        return _resident(Path(sys.argv[2]))
    return max(_time_of_huge(), _size_and_memory())


def _time_of_huge() -> int:
    data = file.dumps(World(huge()).snapshot())
    taken = []
    for _ in range(3):
        began = time.perf_counter()
        functions = read_node(file.loads(data)).functions
        taken.append(time.perf_counter() - began)
    print(f"{len(functions)} functions read and modelled in {median(taken):.3f} s ({len(data):,} bytes)")
    return int(median(taken) >= READ_SECONDS)


def _size_and_memory() -> int:
    snapshot = World(huge(_virtual_functions_of(300))).snapshot()
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "node.lwsnap"
        file.save(path, snapshot)
        size = path.stat().st_size
        print(f"{len(read_node(snapshot).functions)} functions in a snapshot file of {size:,} bytes")
        # In a process of its own: this one has made the demo's machine.
        argv = [sys.executable, "-m", "tests.benchmarks.huge_node", "--window", str(path)]
        status = subprocess.run(argv, check=False).returncode
    return int(size >= FILE_BYTES or status != 0)


def _virtual_functions_of(total: int) -> int:
    """How many virtual functions make a machine of at least `total` functions."""
    few = 128
    while len(read_node(World(huge(few)).snapshot()).functions) < total:
        few += 8
    return few


def _resident(path: Path) -> int:
    """Open the file in the window, draw it, look at what the kernel says is resident (proc_pid_status(5))."""
    from PySide6.QtCore import QDeadlineTimer
    from PySide6.QtTest import QTest

    os.environ["QT_QPA_PLATFORM"] = "offscreen"
    from gui.app import make_application, make_window
    from gui.tasks import TaskRunner

    make_application()
    runner = TaskRunner()
    window = make_window(runner, path.parent)
    window.resize(1400, 900)
    window.show()
    window.open_file(path)
    deadline = QDeadlineTimer(60_000)
    while window.current is None and not deadline.hasExpired():
        QTest.qWait(20)
    opened = window.current
    window.grab()
    status = dict(line.split(":", 1) for line in Path("/proc/self/status").read_text().splitlines())
    resident = int(status["VmRSS"].split()[0]) * 1024
    runner.shutdown(window.close_transports, limit=5)
    if opened is None:
        print("the window did not open the file")
        return 1
    print(f"{resident / 1e6:.0f} MB resident with {len(opened.node.functions)} functions open")
    return int(resident >= RESIDENT_BYTES)


if __name__ == "__main__":
    sys.exit(main())
