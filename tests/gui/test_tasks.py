"""Lanes: nothing is lost, nothing runs on the wrong thread, everything can be stopped."""

from __future__ import annotations

import socket
import subprocess
import sys
import threading
import time

import pytest
from PySide6.QtCore import QCoreApplication, QThread

from backend.errors import ConnectError, LoginError, OutcomeUnknown
from backend.progress import CancelToken, Progress, Report
from gui.tasks import Task, TaskRunner


def test_signals_arrive_though_the_work_ended_before_they_were_connected(qtbot, runner: TaskRunner) -> None:
    ran = threading.Event()
    task = runner.start("disk", lambda token, report: ran.set() or 42)
    assert ran.wait(5)
    # The worker has nothing left to do but end; only then are the slots put on.
    runner.start("disk", lambda token, report: None)
    seen: list[object] = []
    task.succeeded.connect(seen.append)
    with qtbot.waitSignal(task.finished):
        pass
    assert seen == [42]


def test_every_public_signal_is_emitted_on_the_gui_thread(qtbot, runner: TaskRunner) -> None:
    threads: dict[str, bool] = {}

    def note(name: str):
        return lambda *_: threads.__setitem__(name, QThread.currentThread() is QCoreApplication.instance().thread())

    def work(token: CancelToken, report: Report) -> None:
        threads["work"] = QThread.currentThread() is QCoreApplication.instance().thread()
        report(Progress("collect"))

    def fail(token: CancelToken, report: Report) -> None:
        raise LoginError

    good, bad, stopped = (runner.start("n", w) for w in (work, fail, lambda token, report: token.wait(30)))
    good.progressed.connect(note("progressed"))
    good.succeeded.connect(note("succeeded"))
    good.finished.connect(note("finished"))
    bad.failed.connect(note("failed"))
    stopped.cancelled.connect(note("cancelled"))
    bad.finished.connect(stopped.cancel)
    with qtbot.waitSignal(stopped.finished):
        pass
    assert threads == {
        "work": False,
        "progressed": True,
        "succeeded": True,
        "finished": True,
        "failed": True,
        "cancelled": True,
    }


def test_a_lane_keeps_order_and_lanes_do_not_wait_for_each_other(qtbot, runner: TaskRunner) -> None:
    order: list[int] = []
    gate = threading.Event()
    runner.start("one", lambda token, report: (gate.wait(10), order.append(1)))
    last = runner.start("one", lambda token, report: order.append(2))
    with qtbot.waitSignal(runner.start("two", lambda token, report: order.append(0)).finished):
        pass
    assert order == [0]
    with qtbot.waitSignal(last.finished):
        gate.set()
    assert order == [0, 1, 2]


def test_cancel_frees_a_blocked_read(qtbot, runner: TaskRunner) -> None:
    ours, theirs = socket.socketpair()
    reading = threading.Event()

    def work(token: CancelToken, report: Report) -> None:
        token.on_cancel(lambda: ours.shutdown(socket.SHUT_RDWR))
        reading.set()
        ours.recv(1)
        raise ConnectError("lost")  # what a transport says of a channel that was closed under it

    task = runner.start("node", work)
    assert reading.wait(5)
    with qtbot.waitSignals([task.cancelled, task.finished]):
        task.cancel()
    ours.close()
    theirs.close()


def test_a_task_cancelled_in_the_queue_never_starts(qtbot, runner: TaskRunner) -> None:
    gate = threading.Event()
    ran: list[int] = []
    runner.start("node", lambda token, report: gate.wait(10))
    task = runner.start("node", lambda token, report: ran.append(1))
    task.cancel()
    with qtbot.waitSignal(task.cancelled):
        gate.set()
    assert ran == []


def test_cancel_does_not_hide_an_unknown_outcome(qtbot, runner: TaskRunner) -> None:
    writing = threading.Event()

    def work(token: CancelToken, report: Report) -> None:
        freed = threading.Event()
        token.on_cancel(freed.set)
        writing.set()
        freed.wait(30)
        raise OutcomeUnknown

    task = runner.start("node", work)
    assert writing.wait(5)
    with qtbot.waitSignal(task.failed) as blocker:
        task.cancel()
    assert isinstance(blocker.args[0], OutcomeUnknown)


def test_progress_in_a_flood_is_thinned_but_phases_and_the_last_one_come(qtbot, runner: TaskRunner) -> None:
    def work(token: CancelToken, report: Report) -> None:
        for done in range(5000):
            report(Progress("collect", done, 5000))
        report(Progress("verify", 1, 1))

    task = runner.start("node", work)
    seen: list[Progress] = []
    task.progressed.connect(seen.append)
    with qtbot.waitSignal(task.finished):
        pass
    assert Progress("collect", 4999, 5000) in seen
    assert seen[-1] == Progress("verify", 1, 1)
    assert len(seen) < 1000


def test_no_output_is_lost_in_a_flood(qtbot, runner: TaskRunner) -> None:
    def work(token: CancelToken, report: Report) -> None:
        for line in range(3000):
            report(Progress("run", line // 1000, 3, "command", f"{line}\n"))

    task = runner.start("node", work)
    seen: list[Progress] = []
    task.progressed.connect(seen.append)
    with qtbot.waitSignal(task.finished):
        pass
    for step in range(3):
        said = "".join(progress.output for progress in seen if progress.done == step)
        assert said == "".join(f"{line}\n" for line in range(1000 * step, 1000 * (step + 1)))


def test_progress_after_a_silence_is_not_held_back(qtbot, runner: TaskRunner) -> None:
    gate = threading.Event()

    def work(token: CancelToken, report: Report) -> None:
        report(Progress("write", 0, 2))
        report(Progress("write", 1, 2))
        gate.wait(30)

    task = runner.start("node", work)
    seen: list[Progress] = []
    task.progressed.connect(seen.append)
    qtbot.waitUntil(lambda: Progress("write", 1, 2) in seen)
    with qtbot.waitSignal(task.finished):
        gate.set()


def test_a_task_is_not_made_off_the_gui_thread(qapp) -> None:
    caught: list[BaseException] = []

    def make() -> None:
        try:
            Task(lambda token, report: None)
        except RuntimeError as error:
            caught.append(error)

    thread = threading.Thread(target=make)
    thread.start()
    thread.join()
    assert len(caught) == 1


@pytest.mark.parametrize("obeys", [True, False])
def test_quitting_with_a_busy_lane_is_bounded(obeys: bool) -> None:
    """In a process of its own: an interpreter that waits for a lane at exit would show only there."""
    script = f"""
import os, threading
os.environ["QT_QPA_PLATFORM"] = "offscreen"
from PySide6.QtCore import QCoreApplication
from gui.tasks import TaskRunner
app = QCoreApplication([])
runner = TaskRunner()
started, closed = threading.Event(), threading.Event()
def work(token, report):
    started.set()
    closed.wait(600)
runner.start("node", work)
started.wait()
ended = runner.shutdown({"closed.set, " if obeys else ""}limit=0.5)
print(ended, flush=True)
if not ended:
    os._exit(0)
"""
    begun = time.monotonic()
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=60, check=True)
    assert done.stdout.strip() == str(obeys)
    assert time.monotonic() - begun < 60
