"""What a push needs of a connection; backend.remote.ssh gives it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from backend.progress import CancelToken


@dataclass(frozen=True, slots=True)
class Finished:
    """A remote command that ended. `exit` None: ended by a signal. `stdout` is empty where it was streamed."""

    exit: int | None
    stdout: bytes
    stderr: bytes


class Connection(Protocol):
    """One authenticated connection to one node."""

    @property
    def name(self) -> str:
        """How the user named the node: for messages."""

    @property
    def is_root(self) -> bool: ...

    @property
    def alive(self) -> bool:
        """False once it is known to be gone."""

    def run(
        self,
        argv: tuple[str, ...],
        stdin: bytes = b"",
        *,
        on_stdout: Callable[[bytes], None] | None = None,
        deadline: float,
        token: CancelToken,
    ) -> Finished:
        """Run one argument list to its end. `deadline`: seconds for all of it. Raises ConnectError("lost"),
        CommandTimeout, Cancelled."""

    def close(self) -> None: ...
