"""A slow link: a TCP relay on loopback that delivers every chunk half a round trip after it came.

For machines whose kernel has no netem. The delay is of time, not of rate: chunks overtake nothing and wait for nothing.
"""

from __future__ import annotations

import queue
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress

_CHUNK = 1 << 16


@contextmanager
def slow_link(port: int, round_trip: float) -> Iterator[int]:
    """A port on loopback that leads to `port` there. `round_trip`: seconds."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        threading.Thread(target=_accept, args=(server, port, round_trip / 2), daemon=True).start()
        yield int(server.getsockname()[1])


def _accept(server: socket.socket, port: int, delay: float) -> None:
    while True:
        try:
            here, _ = server.accept()
        except OSError:
            return  # closed
        threading.Thread(target=_join, args=(here, port, delay), daemon=True).start()


def _join(here: socket.socket, port: int, delay: float) -> None:
    time.sleep(2 * delay)  # the round trip that TCP's own greeting takes
    there = socket.create_connection(("127.0.0.1", port))
    for line in (here, there):
        line.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    for source, sink in ((here, there), (there, here)):
        pipe: queue.SimpleQueue[tuple[float, bytes]] = queue.SimpleQueue()
        threading.Thread(target=_read, args=(source, pipe, delay), daemon=True).start()
        threading.Thread(target=_write, args=(sink, pipe), daemon=True).start()


def _read(source: socket.socket, pipe: queue.SimpleQueue[tuple[float, bytes]], delay: float) -> None:
    chunk = b"-"
    while chunk:
        try:
            chunk = source.recv(_CHUNK)
        except OSError:
            chunk = b""
        pipe.put((time.monotonic() + delay, chunk))


def _write(sink: socket.socket, pipe: queue.SimpleQueue[tuple[float, bytes]]) -> None:
    while True:
        due, chunk = pipe.get()
        time.sleep(max(0.0, due - time.monotonic()))
        with suppress(OSError):
            if not chunk:
                sink.shutdown(socket.SHUT_WR)
                return
            sink.sendall(chunk)
