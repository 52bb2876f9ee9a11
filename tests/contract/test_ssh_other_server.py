"""What is sent ahead to OpenSSH must not disturb another server: asyncssh's, which the demo is made of."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

asyncssh = pytest.importorskip("asyncssh")

from backend.errors import LoginError  # noqa: E402
from backend.progress import CancelToken  # noqa: E402
from backend.remote.address import Target  # noqa: E402
from backend.remote.host_keys import HostKeys  # noqa: E402
from backend.remote.ssh import Credentials, connect  # noqa: E402

PASSWORD = "correct horse"


class OnlyPassword(asyncssh.SSHServer):  # type: ignore[misc]
    def password_auth_supported(self) -> bool:
        return True

    def validate_password(self, username: str, password: str) -> bool:
        return password == PASSWORD


class OnlyQuestions(asyncssh.SSHServer):  # type: ignore[misc]
    """keyboard-interactive alone, as a server with PAM may be set up."""

    def kbdint_auth_supported(self) -> bool:
        return True

    def get_kbdint_challenge(self, username: str, lang: str, submethods: str) -> object:
        return "", "", "", [("Password: ", False)]

    def validate_kbdint_response(self, username: str, responses: list[str]) -> bool:
        return list(responses) == [PASSWORD]


@pytest.fixture(params=[OnlyPassword, OnlyQuestions], ids=["password", "keyboard-interactive"])
def server(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[tuple[Target, HostKeys]]:
    host_key = asyncssh.generate_private_key("ssh-ed25519")
    connections: list[asyncssh.SSHServerConnection] = []
    ready = threading.Event()
    running: list[tuple[asyncio.AbstractEventLoop, asyncio.Event, int]] = []

    class Remembered(request.param):  # type: ignore[misc, name-defined]
        def connection_made(self, conn: asyncssh.SSHServerConnection) -> None:
            connections.append(conn)

    async def answer(process: asyncssh.SSHServerProcess) -> None:
        said = await process.stdin.read()
        process.stdout.write(f"{process.command}:{said}")
        process.exit(0)

    async def serve() -> None:
        ended = asyncio.Event()
        acceptor = await asyncssh.listen(
            "127.0.0.1", 0, server_factory=Remembered, server_host_keys=[host_key], process_factory=answer
        )
        running.append((asyncio.get_running_loop(), ended, acceptor.get_port()))
        ready.set()
        await ended.wait()
        acceptor.close()
        for connection in connections:
            connection.abort()
            await connection.wait_closed()
        await acceptor.wait_closed()

    thread = threading.Thread(target=lambda: asyncio.run(serve()))
    thread.start()
    assert ready.wait(30)
    loop, ended, port = running[0]
    target = Target("127.0.0.1", port, "admin")
    keys = HostKeys(tmp_path / "known_hosts")
    keys.add(target, " ".join(host_key.export_public_key().decode().split()[:2]))
    yield target, keys
    loop.call_soon_threadsafe(ended.set)
    thread.join(30)


def test_password_opens_either(server: tuple[Target, HostKeys]) -> None:
    target, keys = server
    connection = connect(target, Credentials(password=PASSWORD), keys, token=CancelToken())
    for _ in range(2):
        done = connection.run(("say", "a b"), b"stdin", deadline=30, token=CancelToken())
        assert (done.exit, done.stdout) == (0, b"say 'a b':stdin")
    connection.close()


def test_wrong_password_is_refused(server: tuple[Target, HostKeys]) -> None:
    target, keys = server
    with pytest.raises(LoginError) as caught:
        connect(target, Credentials(password="battery staple"), keys, token=CancelToken())
    assert caught.value.code == "login-refused"
    assert "keyboard-interactive" in caught.value.details["allowed"]  # asyncssh asks for a password in both ways
    assert "staple" not in f"{caught.value!r} {caught.value.details}"
