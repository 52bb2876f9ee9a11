"""Which host keys are trusted: a known_hosts file of our own."""

from __future__ import annotations

import base64
import hashlib
import hmac
import os
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from paramiko import PKey

from backend.errors import HostKeyChanged, HostKeyUnknown
from backend.remote.address import Target


@dataclass(frozen=True, slots=True)
class _Entry:
    marker: str  # "", "@revoked", "@cert-authority"
    hosts: str
    key_type: str
    key: str  # base64

    def names(self, name: str) -> bool:
        """True where the entry is about this host. Wildcards are not honoured: what is trusted is named. Only what
        is revoked may be so for every host."""
        if self.hosts.startswith("|1|"):
            try:
                salt, digest = (base64.b64decode(part) for part in self.hosts[3:].split("|"))
            except ValueError:
                return False
            return hmac.compare_digest(hmac.new(salt, name.encode(), hashlib.sha1).digest(), digest)
        return name in self.hosts.lower().split(",") or (self.marker == "@revoked" and self.hosts == "*")


def fingerprint(key: bytes) -> str:
    """``SHA256:...`` of a public key blob, as ssh-keygen prints it."""
    return "SHA256:" + base64.b64encode(hashlib.sha256(key).digest()).decode().rstrip("=")


class HostKeys:
    """Reads known_hosts (sshd(8)) anew at each question; adds lines, never rewrites what others wrote.

    `path` is ours; `also` are further files that are only read.
    """

    def __init__(self, path: Path, also: tuple[Path, ...] = ()) -> None:
        self._path = path
        self._also = also

    def key_types(self, target: Target) -> tuple[str, ...]:
        """Types that are trusted for this host: to be asked for first, so that a known key can be shown."""
        return tuple(entry.key_type for entry in self._of(target) if not entry.marker)

    def check(self, target: Target, key: PKey) -> None:
        """Return where the key is trusted. Raises HostKeyUnknown or HostKeyChanged."""
        shown = base64.b64encode(key.asbytes()).decode()
        known = list(self._of(target))
        told = {
            "host": target.host,
            "port": str(target.port),
            "key_type": key.get_name(),
            "fingerprint": fingerprint(key.asbytes()),
        }
        if any(entry.marker == "@revoked" and entry.key == shown for entry in known):
            raise HostKeyChanged("host-key-revoked", **told, expected="")
        trusted = [entry for entry in known if not entry.marker]
        if any(entry.key == shown for entry in trusted):
            return
        if trusted:
            expected = ", ".join(f"{e.key_type} {fingerprint(base64.b64decode(e.key))}" for e in trusted)
            raise HostKeyChanged(**told, expected=expected)
        raise HostKeyUnknown(**told, key=f"{key.get_name()} {shown}")

    def trust(self, unknown: HostKeyUnknown) -> None:
        """Keep the key that was shown. Raises OSError."""
        told = unknown.details
        self.add(Target(told["host"], int(told["port"])), told["key"])

    def add(self, target: Target, key: str) -> None:
        """Add ``TYPE BASE64`` for this host: whole or not at all, comments and order of the file kept."""
        self._path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        path = self._path.resolve()  # a link stays one
        with _lock(path):
            before = path.read_bytes() if path.exists() else b""
            if before and not before.endswith(b"\n"):
                before += b"\n"
            handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=".known_hosts.")
            try:
                with os.fdopen(handle, "wb") as file:
                    file.write(before + f"{target.host_key_name.lower()} {key}\n".encode())
                Path(temporary).replace(path)
            except BaseException:
                Path(temporary).unlink(missing_ok=True)
                raise

    def _of(self, target: Target) -> Iterator[_Entry]:
        name = target.host_key_name.lower()
        for path in (self._path, *self._also):
            with suppress(OSError):
                for line in path.read_text(encoding="utf-8", errors="replace").splitlines():
                    entry = _parse(line)
                    if entry is not None and entry.names(name):
                        yield entry


@contextmanager
def _lock(path: Path) -> Iterator[None]:
    """Two of us that trust a key at the same time both keep theirs. The lock ends with the process that holds it."""
    with path.with_name(path.name + ".lock").open("ab") as file:
        if sys.platform == "win32":
            import msvcrt

            msvcrt.locking(file.fileno(), msvcrt.LK_LOCK, 1)
        else:
            import fcntl

            fcntl.flock(file, fcntl.LOCK_EX)
        yield


def _parse(line: str) -> _Entry | None:
    words = line.split()
    marker = words.pop(0) if words and words[0].startswith("@") else ""
    if len(words) < 3 or words[0].startswith("#"):
        return None
    with suppress(ValueError):
        base64.b64decode(words[2], validate=True)
        return _Entry(marker, words[0], words[1], words[2])
    return None
