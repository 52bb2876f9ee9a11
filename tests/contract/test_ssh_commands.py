"""Commands over SSH on a real OpenSSH server: the traps that stop an unwary client."""

from __future__ import annotations

import sys
import threading
from collections.abc import Iterator

import pytest
from sshd import Sshd

from backend.errors import Cancelled, CommandTimeout, ConnectError
from backend.progress import CancelToken
from backend.remote.ssh import Credentials, SshConnection, connect

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="needs sshd and its log")


@pytest.fixture
def connection(sshd: Sshd) -> Iterator[SshConnection]:
    made = connect(sshd.target, Credentials(sshd.identity), sshd.host_keys, token=CancelToken())
    yield made
    made.close()


def test_arguments_arrive_as_they_were_given(connection: SshConnection) -> None:
    argv = ("printf", "%s\\n", "two words", "$HOME", "it's", "a;b", "")
    done = connection.run(argv, deadline=30, token=CancelToken())
    assert (done.exit, done.stdout, done.stderr) == (0, b"two words\n$HOME\nit's\na;b\n\n", b"")


def test_exit_status_and_signal(connection: SshConnection) -> None:
    assert connection.run(("sh", "-c", "exit 7"), deadline=30, token=CancelToken()).exit == 7
    assert connection.run(("sh", "-c", "kill -9 $$"), deadline=30, token=CancelToken()).exit is None


def test_stdin_comes_whole_and_ends(connection: SshConnection) -> None:
    sent = bytes(range(256)) * 20_000  # more than the server's window
    done = connection.run(("cat",), sent, deadline=60, token=CancelToken())
    assert done.stdout == sent


def test_command_that_reads_stdin_ends_when_there_is_none(connection: SshConnection) -> None:
    assert connection.run(("cat",), deadline=30, token=CancelToken()).stdout == b""


def test_command_that_does_not_read_its_stdin(connection: SshConnection) -> None:
    done = connection.run(("echo", "no"), b"x" * (8 << 20), deadline=60, token=CancelToken())
    assert (done.exit, done.stdout) == (0, b"no\n")


def test_four_mebibytes_on_stderr_while_stdout_is_silent(connection: SshConnection) -> None:
    argv = ("sh", "-c", "head -c 4194304 /dev/zero >&2; echo end")
    done = connection.run(argv, deadline=60, token=CancelToken())
    assert (len(done.stderr), done.stdout) == (4 << 20, b"end\n")


def test_output_is_handed_over_as_it_comes(connection: SshConnection) -> None:
    came: list[bytes] = []
    done = connection.run(
        ("head", "-c", "300000", "/dev/zero"), on_stdout=came.append, deadline=60, token=CancelToken()
    )
    assert (sum(map(len, came)), done.stdout) == (300000, b"")


def test_dripping_command_obeys_the_whole_deadline(connection: SshConnection) -> None:
    argv = ("sh", "-c", "while :; do echo drop; sleep 0.1; done")
    with pytest.raises(CommandTimeout):
        connection.run(argv, deadline=1, token=CancelToken())
    assert connection.run(("true",), deadline=30, token=CancelToken()).exit == 0  # the connection lives on


def test_silent_command_is_cancelled(connection: SshConnection) -> None:
    token = CancelToken()
    waiting = threading.Event()
    threading.Thread(target=lambda: (waiting.wait(30), token.cancel()), daemon=True).start()
    with pytest.raises(Cancelled):
        connection.run(
            ("sh", "-c", "echo here; exec sleep 600"),
            on_stdout=lambda _chunk: waiting.set(),
            deadline=600,
            token=token,
        )


def test_cancelled_token_starts_nothing(connection: SshConnection) -> None:
    token = CancelToken()
    token.cancel()
    with pytest.raises(Cancelled):
        connection.run(("true",), deadline=30, token=token)


def test_connection_killed_in_the_middle_is_lost(connection: SshConnection) -> None:
    """The command kills the server's process of this very session."""
    said = bytearray()
    with pytest.raises(ConnectError) as caught:
        connection.run(
            ("sh", "-c", "echo before; kill -9 $PPID; sleep 600"),
            on_stdout=said.extend,
            deadline=60,
            token=CancelToken(),
        )
    assert caught.value.code == "lost"
    assert not connection.alive
    with pytest.raises(ConnectError, match="lost"):
        connection.run(("true",), deadline=30, token=CancelToken())


def test_many_commands_on_one_connection(connection: SshConnection) -> None:
    """Each channel is given back: sshd allows ten at a time (MaxSessions)."""
    for number in range(25):
        assert connection.run(("echo", str(number)), deadline=30, token=CancelToken()).stdout == f"{number}\n".encode()
