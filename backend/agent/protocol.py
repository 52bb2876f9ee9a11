"""How the app speaks with its program on the node: what is sent, and the frames that come back."""

from __future__ import annotations

import json
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from importlib import resources
from typing import Any

from backend.errors import NodeError

MAGIC = b"lanewright/frames/1"
_NOISE = 65536  # bytes of a login's chatter that are passed over before the first frame
_HEADER = 1 << 20  # a frame's line of JSON
_BODY = 1 << 30


@cache
def source() -> bytes:
    """The program, compressed as it is sent."""
    return zlib.compress(resources.files("backend.agent").joinpath("on_node.py").read_bytes(), 9)


def bootstrap_argv(*, root: bool) -> tuple[str, ...]:
    """The command that runs the program from its stdin. `root`: the login is root; else sudo must ask nothing."""
    start = f"import sys,zlib;exec(zlib.decompress(sys.stdin.buffer.read({len(source())})))"
    argv = ("python3", "-c", start)
    return argv if root else ("sudo", "-n", *argv)


def encode_request(request: dict[str, Any], attachments: Sequence[bytes] = ()) -> bytes:
    """All that goes to stdin: program, one line of JSON, attachments."""
    line = json.dumps({**request, "attachments": [len(a) for a in attachments]}).encode("ascii")
    return b"".join((source(), line, b"\n", *attachments))


@dataclass(frozen=True, slots=True)
class Frame:
    """One answer. `fields` are those of its JSON line besides type and size."""

    type: str
    fields: dict[str, Any]
    body: bytes = b""


class FrameReader:
    """Frames out of a stream that arrives in pieces. A banner or shell message before the first one is passed over."""

    def __init__(self) -> None:
        self._pieces = bytearray()
        self._begun = False
        self._head: dict[str, Any] | None = None
        self._wanted = 0

    def feed(self, data: bytes) -> Iterator[Frame]:
        """Yield what is complete. Raises NodeError "agent-garbled" on what is no frame."""
        self._pieces += data
        while True:
            if self._head is None:
                end = self._pieces.find(b"\n")
                if end < 0:
                    if len(self._pieces) > _HEADER:
                        raise NodeError("agent-garbled")
                    return
                line = bytes(self._pieces[:end])
                if not self._begun:
                    del self._pieces[: end + 1]
                    self._pass_over(line)
                    continue
                del self._pieces[: end + 1]
                self._read_head(line)
            if len(self._pieces) < self._wanted:
                return
            assert self._head is not None
            head, self._head = self._head, None
            body = bytes(self._pieces[: self._wanted])
            del self._pieces[: self._wanted]
            yield Frame(head.pop("type"), head, body)

    def _pass_over(self, line: bytes) -> None:
        if line.rstrip(b"\r") == MAGIC:
            self._begun = True
            return
        self._wanted += len(line) + 1  # noise so far
        if self._wanted > _NOISE:
            raise NodeError("agent-garbled")

    def _read_head(self, line: bytes) -> None:
        try:
            head = json.loads(line)
            size = head.pop("size")
            if not isinstance(head["type"], str) or not isinstance(size, int) or not 0 <= size <= _BODY:
                raise ValueError
        except (ValueError, KeyError, TypeError, AttributeError):
            raise NodeError("agent-garbled") from None
        self._head, self._wanted = head, size


def explain_failure(exit_status: int | None, stderr: bytes) -> NodeError:
    """Why no frame came. 127: the shell found no python3 (POSIX sh, 2.8.2)."""
    said = stderr.decode("utf-8", "replace").strip()
    last = said.splitlines()[-1][:300] if said else ""
    if "sudo:" in said:
        code = "no-python" if "python3" in said and "not found" in said else "no-root"
        return NodeError(code, detail=last)
    if exit_status == 127:
        code = "no-root" if "sudo" in said and "not found" in said else "no-python"
        return NodeError(code, detail=last)
    return NodeError("agent-failed", detail=last, exit=str(exit_status))
