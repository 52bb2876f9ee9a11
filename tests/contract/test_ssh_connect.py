"""Reaching and logging in to a real OpenSSH server, and every way in which that goes wrong."""

from __future__ import annotations

import socket
import struct
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from sshd import Sshd, generate_key, public_key

from backend.errors import Cancelled, ConnectError, HostKeyChanged, HostKeyUnknown, LoginError
from backend.progress import CancelToken
from backend.remote.address import Target
from backend.remote.host_keys import HostKeys
from backend.remote.ssh import Credentials, SshConnection, connect


def log_in(
    sshd: Sshd, credentials: Credentials | None = None, host_keys: HostKeys | None = None, user: str | None = None
) -> SshConnection:
    target = Target(sshd.target.host, sshd.port, user or sshd.target.user)
    return connect(target, credentials or Credentials(sshd.identity), host_keys or sshd.host_keys, token=CancelToken())


def attempts(sshd: Sshd) -> int:
    """How often anybody tried to log in (sshd's DEBUG1)."""
    return sshd.log.count("userauth-request for user")


@contextmanager
def answering(greeting: bytes, *, close: bool) -> Iterator[int]:
    """A port whose server says `greeting`, then hangs up where `close`, and hears out the other side."""
    with socket.create_server(("127.0.0.1", 0)) as server:

        def answer() -> None:
            line, _ = server.accept()
            with line:
                line.sendall(greeting)
                if close:
                    line.shutdown(socket.SHUT_WR)
                while line.recv(1 << 16):
                    pass

        thread = threading.Thread(target=answer)
        thread.start()
        yield server.getsockname()[1]
        thread.join(30)


def test_logs_in_and_runs(sshd: Sshd) -> None:
    connection = log_in(sshd)
    assert connection.alive
    assert connection.run(("echo", "hello"), deadline=30, token=CancelToken()).stdout == b"hello\n"
    connection.close()
    assert not connection.alive
    assert attempts(sshd) == 1  # "none" is not tried first, and the key is signed at once


def test_unknown_host_key_is_shown_and_no_credential_leaves(sshd: Sshd, tmp_path: Path) -> None:
    keys = HostKeys(tmp_path / "known_hosts")
    with pytest.raises(HostKeyUnknown) as caught:
        log_in(sshd, host_keys=keys)
    assert caught.value.details["fingerprint"].startswith("SHA256:")
    assert caught.value.details["key"] == public_key(sshd.folder / "host_key")
    assert not (tmp_path / "known_hosts").exists()
    assert attempts(sshd) == 0
    keys.trust(caught.value)
    log_in(sshd, host_keys=keys).close()


def test_changed_host_key_is_refused_and_no_credential_leaves(sshd: Sshd, tmp_path: Path) -> None:
    other = public_key(generate_key(tmp_path / "other"))
    keys = HostKeys(tmp_path / "known_hosts")
    keys.add(sshd.target, other)
    before = (tmp_path / "known_hosts").read_bytes()
    with pytest.raises(HostKeyChanged) as caught:
        log_in(sshd, host_keys=keys)
    assert caught.value.code == "host-key-changed"
    assert caught.value.details["fingerprint"] not in caught.value.details["expected"]
    assert attempts(sshd) == 0
    assert (tmp_path / "known_hosts").read_bytes() == before


def test_revoked_host_key_is_refused(sshd: Sshd, tmp_path: Path) -> None:
    path = tmp_path / "known_hosts"
    path.write_bytes(sshd.known_hosts.read_bytes() + f"@revoked * {public_key(sshd.folder / 'host_key')}\n".encode())
    with pytest.raises(HostKeyChanged) as caught:
        log_in(sshd, host_keys=HostKeys(path))
    assert caught.value.code == "host-key-revoked"
    assert attempts(sshd) == 0


def test_strange_key_is_refused_with_what_the_server_allows(sshd: Sshd, tmp_path: Path) -> None:
    with pytest.raises(LoginError) as caught:
        log_in(sshd, Credentials(generate_key(tmp_path / "strange")))
    assert (caught.value.code, caught.value.details["allowed"]) == ("login-refused", "publickey")


def test_password_where_none_is_allowed(sshd: Sshd) -> None:
    with pytest.raises(LoginError) as caught:
        log_in(sshd, Credentials(password="hunter2"))
    assert (caught.value.code, caught.value.details["allowed"]) == ("login-refused", "publickey")
    assert "hunter2" not in f"{caught.value!r} {caught.value.details}"


def test_unknown_user(sshd: Sshd) -> None:
    with pytest.raises(LoginError, match="login-refused"):
        log_in(sshd, user="nobody-of-that-name")


@pytest.mark.parametrize("key_type", ["ed25519", "rsa", "ecdsa"])
def test_every_type_of_key(sshd: Sshd, tmp_path: Path, key_type: str) -> None:
    key = generate_key(tmp_path / "key", key_type=key_type)
    (sshd.folder / "authorized_keys").write_text(public_key(key) + "\n")
    log_in(sshd, Credentials(key)).close()


def test_passphrase(sshd: Sshd, tmp_path: Path) -> None:
    key = generate_key(tmp_path / "key", passphrase="correct horse")
    (sshd.folder / "authorized_keys").write_text(public_key(key) + "\n")
    with pytest.raises(LoginError, match="key-passphrase"):
        log_in(sshd, Credentials(key))
    with pytest.raises(LoginError, match="key-wrong-passphrase") as caught:
        log_in(sshd, Credentials(key, passphrase="battery staple"))
    assert "battery" not in f"{caught.value!r} {caught.value.details}"
    assert attempts(sshd) == 0
    log_in(sshd, Credentials(key, passphrase="correct horse")).close()


def test_passphrase_for_a_key_without_one(sshd: Sshd) -> None:
    log_in(sshd, Credentials(sshd.identity, passphrase="not needed")).close()


@pytest.mark.parametrize("content", [None, b"", b"no key", b"-----BEGIN OPENSSH PRIVATE KEY-----\nAAAA\n"])
def test_key_that_is_none(sshd: Sshd, tmp_path: Path, content: bytes | None) -> None:
    path = tmp_path / "key"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(LoginError, match="key-unreadable"):
        log_in(sshd, Credentials(path))


def test_agent_without_keys(sshd: Sshd, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("SSH_AUTH_SOCK", raising=False)
    with pytest.raises(LoginError, match="agent-empty"):
        log_in(sshd, Credentials())


def test_agent_whose_first_key_is_not_the_right_one(
    sshd: Sshd, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A refused key takes the channel with it that was asked for ahead."""
    socket_path = tmp_path / "agent"
    agent = subprocess.Popen(["ssh-agent", "-D", "-a", socket_path], stdout=subprocess.PIPE)
    assert agent.stdout is not None
    try:
        agent.stdout.readline()  # it names its socket once that is there
        monkeypatch.setenv("SSH_AUTH_SOCK", str(socket_path))
        for key in (generate_key(tmp_path / "strange"), sshd.identity):
            subprocess.run(["ssh-add", "-q", key], check=True)
        connection = log_in(sshd, Credentials())
        assert connection.run(("echo", "in"), deadline=30, token=CancelToken()).stdout == b"in\n"
        connection.close()
    finally:
        agent.terminate()
        agent.communicate(timeout=10)
    assert attempts(sshd) == 2


def test_nobody_listens(sshd: Sshd) -> None:
    with socket.create_server(("127.0.0.1", 0)) as gone:
        port = gone.getsockname()[1]
    with pytest.raises(ConnectError, match="refused"):
        connect(Target("127.0.0.1", port), Credentials(sshd.identity), sshd.host_keys, token=CancelToken())


def test_name_that_nobody_has(sshd: Sshd) -> None:
    with pytest.raises(ConnectError, match="name-unknown"):
        connect(Target("no-such-host.invalid"), Credentials(sshd.identity), sshd.host_keys, token=CancelToken())


@pytest.mark.parametrize("greeting", [b"HTTP/1.1 400 Bad Request\r\n\r\n", b"", b"220 mail\r\n", b"\0" * 4096])
def test_what_answers_is_no_ssh_server(sshd: Sshd, greeting: bytes, capfd: pytest.CaptureFixture[str]) -> None:
    with answering(greeting, close=True) as port, pytest.raises(ConnectError) as caught:
        connect(Target("127.0.0.1", port), Credentials(sshd.identity), sshd.host_keys, token=CancelToken())
    assert caught.value.code == "not-ssh"
    assert capfd.readouterr().err == ""  # paramiko logs what its thread meets; nobody asked


def test_connection_that_is_reset_at_once(sshd: Sshd) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:

        def reset() -> None:
            line, _ = server.accept()
            line.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            line.close()

        thread = threading.Thread(target=reset)
        thread.start()
        with pytest.raises(ConnectError) as caught:
            target = Target("127.0.0.1", server.getsockname()[1])
            connect(target, Credentials(sshd.identity), sshd.host_keys, token=CancelToken())
        thread.join(30)
    assert caught.value.code in ("not-ssh", "lost")


def test_server_that_hangs_up_in_the_greeting(sshd: Sshd) -> None:
    with answering(b"SSH-2.0-OpenSSH_9.2\r\n", close=True) as port, pytest.raises(ConnectError) as caught:
        connect(Target("127.0.0.1", port), Credentials(sshd.identity), sshd.host_keys, token=CancelToken())
    assert caught.value.code == "lost"


@pytest.mark.parametrize("greeting", [b"", b"SSH-2.0-OpenSSH_9.2\r\n"])
def test_silent_server_ends_by_its_time(sshd: Sshd, greeting: bytes) -> None:
    with answering(greeting, close=False) as port, pytest.raises(ConnectError) as caught:
        connect(Target("127.0.0.1", port), Credentials(sshd.identity), sshd.host_keys, token=CancelToken(), timeout=0.5)
    assert caught.value.code in ("timeout", "not-ssh")


def test_cancel_while_a_silent_server_is_waited_for(sshd: Sshd) -> None:
    token = CancelToken()
    with socket.create_server(("127.0.0.1", 0)) as server:

        def cancel() -> None:
            line, _ = server.accept()
            with line:
                line.recv(4)  # it has begun to speak SSH
                token.cancel()
                while line.recv(1 << 16):
                    pass

        threading.Thread(target=cancel, daemon=True).start()
        target = Target("127.0.0.1", server.getsockname()[1])
        with pytest.raises(Cancelled):
            connect(target, Credentials(sshd.identity), sshd.host_keys, token=token, timeout=600)


def test_credentials_hide_their_secrets() -> None:
    shown = repr(Credentials(Path("key"), passphrase="open sesame", password="hunter2"))
    assert "sesame" not in shown
    assert "hunter2" not in shown
