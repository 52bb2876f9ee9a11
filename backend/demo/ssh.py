"""A simulated node's SSH server: public key log-in as root, the agent's exec, and nothing else."""

from __future__ import annotations

import asyncio
import contextlib
import json
import re

import asyncssh

from backend.demo.agent import FRAMES, answer
from backend.demo.world import World

# What backend/agent sends: see docs/architecture.md. Its source is read and thrown away, never run.
_BOOTSTRAP = re.compile(r"(?:sudo -n )?python3 .*\bsys\.stdin\.buffer\.read\((\d+)\)")
BOOT_SECONDS = 1.0


class _Login(asyncssh.SSHServer):
    """Keeps its node's list of connections, so that a reboot can cut them."""

    def __init__(self, node: NodeServer) -> None:
        self._node = node

    def connection_made(self, conn: asyncssh.SSHServerConnection) -> None:
        self._conn = conn
        self._node.connections.add(conn)

    def connection_lost(self, exc: Exception | None) -> None:
        self._node.connections.discard(self._conn)


class NodeServer:
    """Listens for one World. All of it lives on one event loop."""

    def __init__(
        self,
        world: World,
        host: str,
        host_key: asyncssh.SSHKey,
        user_key: asyncssh.SSHKey,
        boot_seconds: float,
    ) -> None:
        self.world = world
        self.port = 0
        self.connections: set[asyncssh.SSHServerConnection] = set()
        self._host = host
        self._host_key = host_key
        self._boot_seconds = boot_seconds
        self._allowed = asyncssh.import_authorized_keys(user_key.export_public_key().decode())
        self._listener: asyncssh.SSHAcceptor | None = None
        self._tasks: set[asyncio.Task[None]] = set()

    async def listen(self) -> None:
        self._listener = await asyncssh.create_server(
            lambda: _Login(self),
            self._host,
            self.port,
            server_host_keys=[self._host_key],
            authorized_client_keys=self._allowed,
            process_factory=self._serve,
            encoding=None,
            reuse_address=True,
        )
        self.port = self._listener.get_port()

    async def close(self) -> None:
        """End what runs, drop all connections, and listen no more."""
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self._shut()

    async def _shut(self) -> None:
        if self._listener is None:
            return
        self._listener.close()
        connections = list(self.connections)
        for connection in connections:
            connection.abort()
        for connection in connections:
            await connection.wait_closed()
        await self._listener.wait_closed()
        self._listener = None

    async def restart(self) -> None:
        """Reboot: unreachable for a while, then another boot_id.

        A node that lost its root disk or its network to vfio-pci stays away.
        """
        await self._shut()
        await asyncio.sleep(self._boot_seconds)
        self.world.restart()
        if self.world.reachable:
            await self.listen()

    def begin(self, work: asyncio._CoroutineLike[None]) -> asyncio.Task[None]:
        """A task that outlives the connection that asked for it, as a step on a real node does."""
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task

    async def _serve(self, process: asyncssh.SSHServerProcess[bytes]) -> None:
        asked = _BOOTSTRAP.search(process.command or "")
        if asked is None:
            process.stderr.write(b"bash: line 1: command not found\n")
            process.exit(127)
            return
        try:
            await process.stdin.readexactly(int(asked[1]))
            request = json.loads(await process.stdin.readline())
            attachments = [
                await process.stdin.readexactly(size) if size else b"" for size in request.get("attachments", ())
            ]
        except (asyncio.IncompleteReadError, ValueError, asyncssh.Error):
            process.exit(1)
            return
        await asyncio.shield(self.begin(self._answer(process, request, attachments)))

    async def _answer(
        self, process: asyncssh.SSHServerProcess[bytes], request: dict[str, object], attachments: list[bytes]
    ) -> None:
        def send(data: bytes) -> None:
            with contextlib.suppress(OSError, asyncssh.Error):  # the other side is gone: the steps go on
                process.stdout.write(data)

        send(FRAMES)
        restart = await answer(self.world, request, attachments, send)
        with contextlib.suppress(OSError, asyncssh.Error):
            await process.stdout.drain()
            process.exit(0)
        if restart:
            self.begin(self._restart_soon())

    async def _restart_soon(self) -> None:
        await asyncio.sleep(0.2)  # systemd takes its time to end the sessions
        await self.restart()
