"""What is said to the program on the node, and how its answers are read. No I/O here but reading our own source."""

from __future__ import annotations

import json
import zlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib import resources
from typing import Any

from backend.errors import NodeError

FRAMES = b"lanewright/frames/1\n"
NOISE_LIMIT = 64 * 1024  # bytes that shell start-up files may print before the first frame
HEADER_LIMIT = 1 << 20
BODY_LIMIT = 256 << 20


@cache
def source() -> bytes:
    """The program, zlib-compressed."""
    return zlib.compress(resources.files("backend.agent").joinpath("on_node.py").read_bytes(), 9)


def bootstrap_argv(root: bool) -> tuple[str, ...]:
    """The command that starts the program from stdin; through ``sudo -n`` where the login is not root."""
    code = f"import sys,zlib;exec(zlib.decompress(sys.stdin.buffer.read({len(source())})))"
    return (*(() if root else ("sudo", "-n")), "python3", "-c", code)


def encode_request(request: Mapping[str, Any], attachments: Sequence[bytes] = ()) -> bytes:
    """All of stdin: the program, the request as one line of JSON, the attachments."""
    line = json.dumps({**request, "attachments": [len(attachment) for attachment in attachments]})
    return b"".join((source(), line.encode("ascii"), b"\n", *attachments))


@dataclass(frozen=True, slots=True)
class Frame:
    """One answer. `type`: "progress", "snapshot", "step", "output", "refused" or "end"; `fields`: the other keys."""

    type: str
    fields: dict[str, Any]
    body: bytes = b""


class FrameReader:
    """Turns stdout, as it comes in pieces, into frames. Lines before the first frame (a banner) are skipped.

    Raises NodeError "agent-garbled" on anything else.
    """

    def __init__(self) -> None:
        self._pending = bytearray()
        self._begun = False
        self._header: dict[str, Any] | None = None
        self._size = 0

    @property
    def begun(self) -> bool:
        """The program has answered at all: it runs, whatever happens later."""
        return self._begun

    @property
    def whole(self) -> bool:
        """Nothing is half read: where the stream ends here, it ends between two frames."""
        return self._begun and not self._pending and self._header is None

    def feed(self, data: bytes) -> Iterator[Frame]:
        """Frames completed by `data`. To be used up: what is left in the iterator is not lost, but comes late."""
        self._pending += data
        if not self._begun and not self._skip_noise():
            return
        while True:
            if self._header is None and not self._read_header():
                return
            header = self._header
            if header is None or len(self._pending) < self._size:
                return
            body = bytes(self._pending[: self._size])
            del self._pending[: self._size]
            self._header = None
            yield Frame(header.pop("type"), header, body)

    def _skip_noise(self) -> bool:
        """True once the magic line has come: at the start of a line, or right behind a prompt without a line end."""
        at = self._pending.find(FRAMES)
        if at < 0:
            if len(self._pending) > NOISE_LIMIT:
                raise self._garbled(bytes(self._pending[:80]))
            return False
        if at > NOISE_LIMIT:
            raise self._garbled(bytes(self._pending[:80]))
        del self._pending[: at + len(FRAMES)]
        self._begun = True
        return True

    def _read_header(self) -> bool:
        end = self._pending.find(b"\n")
        if end < 0:
            if len(self._pending) > HEADER_LIMIT:
                raise self._garbled(bytes(self._pending[:80]))
            return False
        line = bytes(self._pending[:end])
        del self._pending[: end + 1]
        try:
            header = json.loads(line)
        except (ValueError, RecursionError):
            raise self._garbled(line[:80]) from None
        if not isinstance(header, dict) or not isinstance(header.get("type"), str):
            raise self._garbled(line[:80])
        size = header.pop("size", None)
        if type(size) is not int or not 0 <= size <= BODY_LIMIT:
            raise self._garbled(line[:80])
        self._header, self._size = header, size
        return True

    @staticmethod
    def _garbled(found: bytes) -> NodeError:
        return NodeError("agent-garbled", found=found.decode("ascii", "replace"))


def explain_failure(status: int | None, stderr: bytes) -> NodeError:
    """Why the program did not answer. `status`: exit status, None where the connection gave none.

    127 is the shell's "command not found" (POSIX XCU 2.8.2). sudo prints its reason behind its own name, and
    exits 1 both where it wants a password and where python3 is missing.
    """
    lines = [line.strip() for line in stderr.decode("utf-8", "replace").splitlines() if line.strip()]
    last = lines[-1][:500] if lines else ""
    about_sudo = [line for line in lines if line.startswith("sudo:") or ": sudo:" in line]
    if any("python3" in line and "not found" in line for line in lines):
        return NodeError("no-python", found=last)
    if any("sudo" in line and "not found" in line for line in lines):
        return NodeError("no-root", found=last)
    if about_sudo or any("is not in the sudoers file" in line or "may not run sudo" in line for line in lines):
        return NodeError("no-root", found=(about_sudo or lines)[-1][:500])
    if status == 127:
        return NodeError("no-python", found=last)
    return NodeError("agent-failed", found=last, status="" if status is None else str(status))
