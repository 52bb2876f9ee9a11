"""The demo cluster: three nodes behind SSH, one API behind HTTPS, all on loopback, with credentials made at start."""

from __future__ import annotations

import asyncio
import hashlib
import secrets
import tempfile
import threading
from collections.abc import Coroutine
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

from backend.demo.machines import catalogue
from backend.demo.world import World
from backend.errors import LanewrightError

try:
    import asyncssh
    from fakepve.certs import make_cert

    from backend.demo.pve_api import DemoPve
    from backend.demo.ssh import BOOT_SECONDS, NodeServer
except ImportError as error:  # the optional extra "demo"
    raise LanewrightError("demo-not-installed", module=error.name or "") from error

HOST = "127.0.0.1"


@dataclass(frozen=True, slots=True)
class DemoNode:
    """How to reach one node. `identity` is the path of an OpenSSH private key; `host_key` an OpenSSH public key line
    (type and base64), `fingerprint` its SHA256:... as ssh shows it."""

    name: str
    user: str
    host: str
    port: int
    identity: Path
    host_key: str
    fingerprint: str


@dataclass(frozen=True, slots=True)
class DemoApi:
    """How to reach the API. `fingerprint`: SHA-256 of the certificate, AA:BB:... as PVE prints it; `certificate`: PEM."""

    url: str
    user: str
    password: str
    fingerprint: str
    certificate: Path

    def __repr__(self) -> str:
        return f"DemoApi({self.url!r}, {self.user!r}, fingerprint={self.fingerprint!r})"


class DemoCluster:
    """`with DemoCluster() as demo: demo.nodes, demo.api`. Everything it made is gone afterwards.

    `boot_seconds` is how long a rebooting node stays away. Raises LanewrightError "demo-not-installed" on import.
    """

    def __init__(self, boot_seconds: float = BOOT_SECONDS) -> None:
        self._boot_seconds = boot_seconds
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
            self._call(self._start(Path(self._folder.name)))
        except BaseException:
            self.stop()
            raise
        return self

    def stop(self) -> None:
        """Close every connection and listener, end the thread, remove the credentials."""
        if self._loop.is_closed():
            return
        try:
            self._call(self._stop())
        finally:
            self._loop.call_soon_threadsafe(self._loop.stop)
            self._thread.join()
            self._loop.close()
            self._folder.cleanup()

    def _call(self, work: Coroutine[Any, Any, None]) -> None:
        asyncio.run_coroutine_threadsafe(work, self._loop).result()

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
            nodes.append(
                DemoNode(machine.name, "root", HOST, server.port, identity, line, host_key.get_fingerprint())
            )
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
        rest = asyncio.all_tasks() - {asyncio.current_task()}  # type: ignore[arg-type]
        for task in rest:
            task.cancel()
        await asyncio.gather(*rest, return_exceptions=True)
        await self._loop.shutdown_asyncgens()
        await self._loop.shutdown_default_executor()

    def _reboot(self, name: str) -> None:
        server = self._servers[name]
        server.begin(server.restart())
