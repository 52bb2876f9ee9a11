"""How long work tells where it is, and how it is asked to stop."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass

from backend.errors import Cancelled


@dataclass(frozen=True, slots=True)
class Progress:
    """`phase` is a code ("connect", "collect", "write", "run", "reboot", "wait", "verify"); `total` None: unknown.
    `output` is what a command has printed since the last time."""

    phase: str
    done: int = 0
    total: int | None = None
    detail: str = ""  # a path or command, never translated; of "wait" the code of why the last try failed
    output: str = ""


Report = Callable[[Progress], None]


def silent(_progress: Progress) -> None:
    """A Report for those who do not listen."""


class CancelToken:
    """Set once by the one who waits; seen by the one who works. Callbacks free a blocked read (close a channel)."""

    def __init__(self) -> None:
        self._event = threading.Event()
        self._lock = threading.Lock()
        self._callbacks: list[Callable[[], None]] = []

    @property
    def cancelled(self) -> bool:
        return self._event.is_set()

    def cancel(self) -> None:
        with self._lock:
            self._event.set()
            callbacks, self._callbacks = self._callbacks, []
        for callback in callbacks:
            callback()

    def on_cancel(self, callback: Callable[[], None]) -> Callable[[], None]:
        """Have `callback` called on cancel, at once if that was before. Returns what takes it off again."""
        with self._lock:
            if not self._event.is_set():
                self._callbacks.append(callback)
                return lambda: self._forget(callback)
        callback()
        return lambda: None

    def _forget(self, callback: Callable[[], None]) -> None:
        with self._lock:
            if callback in self._callbacks:
                self._callbacks.remove(callback)

    def check(self) -> None:
        """Raise Cancelled if so."""
        if self.cancelled:
            raise Cancelled

    def wait(self, seconds: float) -> None:
        """Sleep, but not beyond a cancel: raises Cancelled then."""
        self._event.wait(seconds)
        self.check()
