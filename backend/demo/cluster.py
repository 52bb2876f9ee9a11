"""The demo cluster: three nodes behind SSH, one API behind HTTPS, all on loopback.

Credentials are made at start and gone at the end.
"""

from __future__ import annotations

import asyncio
import hashlib
import secrets
import tempfile
import threading
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from backend.demo.machines import catalogue
from backend.demo.world import World
from backend.errors import LanewrightError

try:
    import asyncssh
    from fakepve.certs import make_cert  # type: ignore[import-untyped]

    from backend.demo.pve_api import DemoPve
    from backend.demo.ssh import BOOT_SECONDS, NodeServer
except ImportError as error:  # the optional extra "demo"
    raise LanewrightError("demo-not-installed", module=error.name or "") from error

HOST = "127.0.0.1"


@dataclass(frozen=True, slots=True)
class DemoNode:
    """How to reach one node.

    `identity` is the path of an OpenSSH private key; `host_key` an OpenSSH public key line (type and base64),
    `fingerprint` its SHA256:... as ssh shows it.
    """

    name: str
    user: str
    host: str
    port: int
    identity: Path
    host_key: str
    fingerprint: str


@dataclass(frozen=True, slots=True)
class DemoApi:
    """How to reach the API. `fingerprint`: AA:BB:... as PVE prints it; `certificate`: a PEM file."""

    url: str
    user: str
    password: str
    fingerprint: str
    certificate: Path

    def __repr__(self) -> str:
        return f"DemoApi({self.url!r}, {self.user!r}, fingerprint={self.fingerprint!r})"


class DemoCluster:
    """`with DemoCluster() as demo: demo.nodes, demo.api`. Everything it made is gone afterwards.

    `boot_seconds` is how long a rebooting node stays away. Without the optional extra, importing this module
    raises LanewrightError "demo-not-installed".
    """

    def __init__(self, boot_seconds: float = BOOT_SECONDS) -> None:
        self._boot_seconds = boot_seconds
        self._loop: asyncio.AbstractEventLoop | None = None
        self.worlds: dict[str, World] = {}
        self.nodes: tuple[DemoNode, ...] = ()
        self.api: DemoApi

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(self, *_exc: object) -> None:
        self.stop()

    def start(self) -> Self:
        self._folder = tempfile.TemporaryDirectory(prefix="lanewright-demo-")
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="demo", daemon=True)
        self._thread.start()
        self._servers: dict[str, NodeServer] = {}
        self._pve: DemoPve | None = None
        try:
            asyncio.run_coroutine_threadsafe(self._start(Path(self._folder.name)), self._loop).result()
        except BaseException:
            self.stop()
            raise
        return self

    def stop(self) -> None:
        """Close every connection and listener, end the thread, remove the credentials."""
        loop, self._loop = self._loop, None
        if loop is None:
            return
        try:
            asyncio.run_coroutine_threadsafe(self._stop(), loop).result()
        finally:
            loop.call_soon_threadsafe(loop.stop)
            self._thread.join()
            loop.close()
            self._folder.cleanup()

    async def _start(self, folder: Path) -> None:
        user_key = asyncssh.generate_private_key("ssh-ed25519", comment="lanewright demo")
        identity = folder / "id_ed25519"
        identity.touch(0o600)
        identity.write_bytes(user_key.export_private_key("openssh"))
        nodes = []
        for machine in (catalogue.workstation(), catalogue.server(), catalogue.small()):
            world = World(machine)
            host_key = asyncssh.generate_private_key("ssh-ed25519")
            server = NodeServer(world, HOST, host_key, user_key, self._boot_seconds)
            await server.listen()
            self.worlds[machine.name] = world
            self._servers[machine.name] = server
            line = " ".join(host_key.export_public_key().decode().split()[:2])
            nodes.append(DemoNode(machine.name, "root", HOST, server.port, identity, line, host_key.get_fingerprint()))
        self.nodes = tuple(nodes)
        await self._start_api(folder)

    async def _start_api(self, folder: Path) -> None:
        password = secrets.token_urlsafe(16)
        certificate, key, der = make_cert(str(folder), "demo-pve", hosts=(HOST,))
        self._pve = DemoPve(self.worlds, password, HOST, self._reboot)
        await self._pve.start(certificate, key)
        digest = hashlib.sha256(der).hexdigest().upper()
        pairs = ":".join(digest[i : i + 2] for i in range(0, 64, 2))
        self.api = DemoApi(self._pve.url, "root@pam", password, pairs, Path(certificate))

    async def _stop(self) -> None:
        if self._pve is not None:
            await self._pve.stop()
        for server in self._servers.values():
            await server.close()
        rest = asyncio.all_tasks() - {asyncio.current_task()}
        for task in rest:
            task.cancel()
        await asyncio.gather(*rest, return_exceptions=True)
        loop = asyncio.get_running_loop()
        await loop.shutdown_asyncgens()
        await loop.shutdown_default_executor()

    def _reboot(self, name: str) -> None:
        server = self._servers[name]
        server.begin(server.restart())
