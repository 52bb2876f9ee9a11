"""A real OpenSSH server on a free loopback port, run as whoever runs the tests."""

from __future__ import annotations

import getpass
import os
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from backend.remote.address import Target
from backend.remote.host_keys import HostKeys

SSHD = shutil.which("sshd", path=os.environ.get("PATH", "") + ":/usr/sbin:/sbin")
_STARTS = 20.0  # seconds


@dataclass(frozen=True)
class Sshd:
    """`identity` may log in; `known_hosts` names the host key; `log` is what sshd wrote (DEBUG1)."""

    folder: Path
    port: int
    identity: Path

    @property
    def target(self) -> Target:
        return Target("127.0.0.1", self.port, getpass.getuser())

    @property
    def known_hosts(self) -> Path:
        return self.folder / "known_hosts"

    @property
    def host_keys(self) -> HostKeys:
        return HostKeys(self.known_hosts)

    @property
    def log(self) -> str:
        return (self.folder / "log").read_text(encoding="utf-8", errors="replace")


def generate_key(path: Path, passphrase: str = "", key_type: str = "ed25519") -> Path:
    """As an admin would, with ssh-keygen."""
    subprocess.run(["ssh-keygen", "-q", "-t", key_type, "-N", passphrase, "-C", "test", "-f", path], check=True)
    return path


def public_key(path: Path) -> str:
    """``TYPE BASE64`` of a key file."""
    kind, blob = path.with_name(path.name + ".pub").read_text(encoding="ascii").split()[:2]
    return f"{kind} {blob}"


@contextmanager
def running(folder: Path) -> Iterator[Sshd]:
    """Start a server with fresh keys in `folder`; end it."""
    assert SSHD is not None
    if os.geteuid() == 0:
        Path("/run/sshd").mkdir(mode=0o755, exist_ok=True)  # its privilege separation directory
    host_key = generate_key(folder / "host_key")
    identity = generate_key(folder / "identity")
    (folder / "authorized_keys").write_text(public_key(identity) + "\n", encoding="ascii")
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port: int = probe.getsockname()[1]
    (folder / "known_hosts").write_text(f"[127.0.0.1]:{port} {public_key(host_key)}\n", encoding="ascii")
    (folder / "sshd_config").write_text(
        f"""ListenAddress 127.0.0.1:{port}
HostKey {host_key}
AuthorizedKeysFile {folder / "authorized_keys"}
PidFile none
UsePAM no
StrictModes no
PasswordAuthentication no
KbdInteractiveAuthentication no
PermitRootLogin yes
MaxStartups 100
LogLevel DEBUG1
""",
        encoding="utf-8",
    )
    process = subprocess.Popen([SSHD, "-D", "-f", folder / "sshd_config", "-E", folder / "log"])
    try:
        _wait(process, port, folder / "log")
        yield Sshd(folder, port, identity)
    finally:
        process.terminate()
        process.wait(10)


def _wait(process: subprocess.Popen[bytes], port: int, log: Path) -> None:
    ends = time.monotonic() + _STARTS
    while time.monotonic() < ends:
        if process.poll() is not None:
            raise RuntimeError(f"sshd ended: {log.read_text(errors='replace')[-2000:]}")
        try:
            socket.create_connection(("127.0.0.1", port), 1).close()
        except OSError:
            time.sleep(0.02)
        else:
            return
    raise RuntimeError("sshd did not listen")
