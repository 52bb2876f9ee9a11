"""Backend work off the GUI thread: lanes, progress, cancel.

A lane is one thread, so what runs in it keeps its order: one lane for each node, one for the disk. Work is a
plain function of (token, report) that knows nothing of Qt. Its worker emits one private, queued signal; the
public ones come from the GUI thread, so a caller may connect any time before it returns to the event loop.
"""

from __future__ import annotations

import concurrent.futures
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, replace
from typing import Any

from PySide6.QtCore import QCoreApplication, QObject, Qt, QThread, QTimer, Signal, Slot

from backend.errors import Cancelled, ConnectError
from backend.progress import CancelToken, Progress, Report

Work = Callable[[CancelToken, Report], object]

PROGRESS_INTERVAL_MS = 100  # at most ten updates a second reach the widgets


@dataclass(frozen=True, slots=True)
class _Outcome:
    result: object = None
    error: Exception | None = None


class Task(QObject):
    """One piece of work. Made on the GUI thread; every public signal is emitted there.

    Exactly one of succeeded, failed, cancelled comes, then finished. Of progress that comes faster than it
    can be shown, the last of each phase is kept, and all output.
    """

    progressed = Signal(object)  # Progress
    succeeded = Signal(object)  # what the work returned
    failed = Signal(object)  # Exception
    cancelled = Signal()
    finished = Signal()

    _told = Signal(object)  # _Outcome, or None: progress is waiting

    def __init__(self, work: Work, parent: QObject | None = None) -> None:
        super().__init__(parent)
        app = QCoreApplication.instance()
        # A signal's plain-function slots run in the thread where its carrier lives, so it must be this one.
        if app is None or QThread.currentThread() is not app.thread():
            raise RuntimeError("a Task is made on the GUI thread")
        self.token = CancelToken()
        self._work = work
        self._lock = threading.Lock()
        self._waiting: list[Progress] = []
        self._woken = False
        self._pause = QTimer(self)
        self._pause.setSingleShot(True)
        self._pause.setInterval(PROGRESS_INTERVAL_MS)
        self._pause.timeout.connect(self._deliver)
        self._told.connect(self._hear, Qt.ConnectionType.QueuedConnection)

    def cancel(self) -> None:
        """Ask the work to stop. It says when it has: by cancelled, or by whatever else it came to."""
        self.token.cancel()

    def run(self) -> None:
        """Called by the lane, in its thread."""
        try:
            self.token.check()
            outcome = _Outcome(result=self._work(self.token, self._report))
        except Exception as error:  # noqa: BLE001 - whatever it is, it goes to the one who waits
            outcome = _Outcome(error=error)
        self._told.emit(outcome)

    def _report(self, progress: Progress) -> None:
        with self._lock:
            last = self._waiting[-1] if self._waiting else None
            if last is None or last.phase != progress.phase or (last.done != progress.done and last.output):
                self._waiting.append(progress)
            else:
                self._waiting[-1] = replace(progress, output=last.output + progress.output)
            if self._woken:
                return
            self._woken = True
        self._told.emit(None)

    @Slot(object)
    def _hear(self, outcome: _Outcome | None) -> None:
        if outcome is None:
            self._deliver()
            return
        self._pause.stop()
        self._emit_waiting()
        error = outcome.error
        if error is None:
            self.succeeded.emit(outcome.result)
        elif isinstance(error, Cancelled) or (self.token.cancelled and isinstance(error, ConnectError)):
            # A cancel closes the channel under a blocked read, which then fails as a lost connection does.
            self.cancelled.emit()
        else:
            self.failed.emit(error)
        self.finished.emit()

    @Slot()
    def _deliver(self) -> None:
        if self._emit_waiting():
            self._pause.start()

    def _emit_waiting(self) -> bool:
        with self._lock:
            waiting, self._waiting = self._waiting, []
            self._woken = bool(waiting)
        for progress in waiting:
            self.progressed.emit(progress)
        return bool(waiting)


class TaskRunner(QObject):
    """The lanes and what runs in them."""

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._lanes: dict[str, ThreadPoolExecutor] = {}
        self._running: dict[Task, Future[None]] = {}

    @property
    def busy(self) -> bool:
        return bool(self._running)

    def start(self, lane: str, work: Work) -> Task:
        """Queue `work` in `lane` ("disk", or a node's name)."""
        task = Task(work, self)
        executor = self._lanes.get(lane)
        if executor is None:
            executor = self._lanes[lane] = ThreadPoolExecutor(1, thread_name_prefix=f"lane-{lane}")
        # The entry must be there before the worker can tell that it ended; that comes through the event loop.
        self._running[task] = executor.submit(task.run)
        task.finished.connect(self._forget)
        return task

    @Slot()
    def _forget(self) -> None:
        task = self.sender()
        if isinstance(task, Task):
            self._running.pop(task, None)
            task.deleteLater()

    def shutdown(self, *closers: Callable[[], Any], limit: float = 2.0) -> bool:
        """Cancel all work, close transports with `closers`, and wait at most `limit` seconds for the lanes.

        True when every lane ended. Where one did not, the interpreter would wait for its thread at exit.
        """
        for task in list(self._running):
            task.cancel()
        for closer in closers:
            closer()
        futures = [future for future in self._running.values() if not future.cancel()]
        for executor in self._lanes.values():
            executor.shutdown(wait=False, cancel_futures=True)
        self._lanes.clear()
        deadline = time.monotonic() + limit
        return not concurrent.futures.wait(futures, max(0.0, deadline - time.monotonic())).not_done
