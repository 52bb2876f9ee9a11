"""SSH to a node, with as few round trips as the protocol allows, and no credential before the host key is right."""

from __future__ import annotations

import logging
import select
import shlex
import socket
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

import paramiko
from cryptography.exceptions import UnsupportedAlgorithm
from paramiko.pkey import UnknownKeyType

from backend.errors import Cancelled, CommandTimeout, ConnectError, LoginError
from backend.progress import CancelToken
from backend.push.connection import Finished
from backend.remote.address import Target
from backend.remote.host_keys import HostKeys
from backend.remote.transport import EagerTransport, start_command

# paramiko writes protocol trouble of its own thread to stderr through logging's last resort; we tell it as errors.
logging.getLogger("paramiko").addHandler(logging.NullHandler())
logging.getLogger("paramiko").propagate = False

CONNECT_SECONDS = 15.0
KEEPALIVE_SECONDS = 15
_CHUNK = 1 << 16


@dataclass(frozen=True, slots=True)
class Credentials:
    """How to log in: a private key file, a password, or (all None) the SSH agent. Never shown."""

    identity: Path | None = None
    passphrase: str | None = field(default=None, repr=False)
    password: str | None = field(default=None, repr=False)


class SshConnection:
    """An authenticated connection. Each command gets a channel of its own; use it from one thread at a time."""

    def __init__(self, target: Target, transport: EagerTransport) -> None:
        self.target = target
        self._transport = transport

    @property
    def name(self) -> str:
        return str(self.target)

    @property
    def is_root(self) -> bool:
        return self.target.user == "root"

    @property
    def alive(self) -> bool:
        return bool(self._transport.is_active())

    def close(self) -> None:
        self._transport.close()

    def run(
        self,
        argv: tuple[str, ...],
        stdin: bytes = b"",
        *,
        on_stdout: Callable[[bytes], None] | None = None,
        deadline: float,
        token: CancelToken,
    ) -> Finished:
        """See backend.push.connection.Connection. Closing the channel does not end the remote process."""
        ends = time.monotonic() + deadline
        token.check()
        forget = feeding = channel = None
        try:
            channel = self._transport.session(min(deadline, CONNECT_SECONDS))
            forget = token.on_cancel(channel.close)
            # SSH knows only a command line; this is the one place that makes one of an argument list.
            start_command(channel, shlex.join(argv))
            feeding = threading.Thread(target=_feed, args=(channel, stdin), name="stdin", daemon=True)
            feeding.start()
            out, err = _listen(channel, on_stdout, ends, token, str(self.target))
        except (paramiko.SSHException, EOFError, OSError) as error:
            token.check()
            raise ConnectError("lost", node=self.name, reason=type(error).__name__) from None
        finally:
            if forget is not None:
                forget()
            if channel is not None:
                channel.close()
            if feeding is not None:
                feeding.join()
        status = channel.exit_status
        if status < 0 and not (channel.eof_received and self.alive):
            raise ConnectError("lost", node=self.name, reason="closed")
        return Finished(None if status < 0 else status, out, err)


def _feed(channel: paramiko.Channel, stdin: bytes) -> None:
    """All of stdin, then its end. It has a thread of its own because the server decides how much it takes when."""
    with suppress(OSError):  # the command ended without reading all: what it said tells why
        channel.sendall(stdin)
        channel.shutdown_write()


def _listen(
    channel: paramiko.Channel,
    on_stdout: Callable[[bytes], None] | None,
    ends: float,
    token: CancelToken,
    node: str,
) -> tuple[bytes, bytes]:
    """Drain both outputs together: whichever is left alone fills its window and stops the other."""
    out, err = bytearray(), bytearray()
    while True:
        token.check()
        left = ends - time.monotonic()
        if left <= 0:
            raise CommandTimeout(node=node)
        ended = channel.closed or (channel.eof_received and channel.status_event.is_set())  # looked at before reading
        chunk = channel.recv(_CHUNK) if channel.recv_ready() else b""
        if on_stdout is None:
            out += chunk
        elif chunk:
            on_stdout(chunk)
        complaint = channel.recv_stderr(_CHUNK) if channel.recv_stderr_ready() else b""
        err += complaint
        if chunk or complaint:
            continue
        if ended:
            return bytes(out), bytes(err)
        select.select([channel], [], [], min(left, 0.5))  # its fileno() is readable with data, and at the end


def connect(
    target: Target,
    credentials: Credentials,
    host_keys: HostKeys,
    *,
    token: CancelToken,
    timeout: float = CONNECT_SECONDS,
) -> SshConnection:
    """Connect, check the host key, log in; in that order. `timeout`: seconds for each of the three.

    Raises ConnectError, HostKeyUnknown, HostKeyChanged, LoginError, Cancelled.
    """
    key = None if credentials.identity is None else _load_key(credentials, str(target))
    line = _dial(target, token, timeout)
    forget = token.on_cancel(lambda: _drop(line))
    transport = None
    try:
        transport = EagerTransport(line)
        transport.banner_timeout = timeout
        transport.auth_timeout = timeout
        _prefer(transport, host_keys.key_types(target))
        _agree_on_keys(transport, target, timeout)
        host_keys.check(target, transport.get_remote_server_key())
        _log_in(transport, target, credentials, key)
        transport.set_keepalive(KEEPALIVE_SECONDS)
    except BaseException as error:
        if transport is not None:
            transport.close()
        line.close()
        if token.cancelled:
            raise Cancelled from None
        if isinstance(error, EOFError | OSError):
            raise ConnectError("lost", node=str(target), reason=type(error).__name__) from None
        raise
    finally:
        forget()
    return SshConnection(target, transport)


def _dial(target: Target, token: CancelToken, timeout: float) -> socket.socket:
    """A TCP connection that sends small packets at once (Nagle costs a round trip each) and notices a dead peer."""
    found: list[socket.socket] = []
    trouble: list[OSError | UnicodeError] = []
    ready = threading.Event()
    gone = threading.Event()

    def dial() -> None:
        try:
            line = socket.create_connection((target.host, target.port), timeout)
            line.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            line.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        except (OSError, UnicodeError) as error:  # UnicodeError: a name that IDNA cannot hold
            trouble.append(error)
        else:
            found.append(line)
            if gone.is_set():
                line.close()
        ready.set()

    # Name look-up and connect cannot be interrupted: they run aside, and a cancel leaves them behind.
    threading.Thread(target=dial, name="dial", daemon=True).start()
    forget = token.on_cancel(ready.set)
    ready.wait(timeout * 2)
    forget()
    if token.cancelled:
        gone.set()
        for line in found:
            line.close()
        raise Cancelled
    if not found:
        raise ConnectError(_dial_code(trouble[0] if trouble else TimeoutError()), node=str(target))
    return found[0]


def _dial_code(error: OSError | UnicodeError) -> str:
    if isinstance(error, socket.gaierror | UnicodeError):
        return "name-unknown"
    if isinstance(error, ConnectionRefusedError):
        return "refused"
    if isinstance(error, ConnectionError):
        return "lost"
    return "timeout" if isinstance(error, TimeoutError) else "unreachable"


def _drop(line: socket.socket) -> None:
    try:
        line.shutdown(socket.SHUT_RDWR)
    except OSError:
        line.close()  # not connected any more


def _agree_on_keys(transport: EagerTransport, target: Target, timeout: float) -> None:
    try:
        transport.start_client(timeout=timeout)
    except paramiko.ssh_exception.IncompatiblePeer as error:
        raise ConnectError("no-common-algorithm", node=str(target), reason=str(error)[:200]) from None
    except (paramiko.SSHException, EOFError, OSError) as error:
        code = "lost" if transport.remote_version else "not-ssh"
        raise ConnectError(code, node=str(target), reason=str(error)[:200]) from None
    if not transport.initial_kex_done:  # start_client returns as if all were well when its time is over
        raise ConnectError("timeout", node=str(target))


def _prefer(transport: EagerTransport, known: tuple[str, ...]) -> None:
    """Ask first for the host key types that are trusted: else a host with several keys shows an unknown one."""
    options = transport.get_security_options()
    wanted = {"rsa-sha2-512", "rsa-sha2-256"} if "ssh-rsa" in known else set()
    wanted |= set(known)
    options.key_types = sorted(options.key_types, key=lambda name: name not in wanted)


def _log_in(transport: EagerTransport, target: Target, credentials: Credentials, key: paramiko.PKey | None) -> None:
    try:
        if key is not None:
            transport.auth_publickey(target.user, key)
        elif credentials.password is not None:
            transport.auth_password(target.user, credentials.password)  # falls back to keyboard-interactive
        else:
            _log_in_by_agent(transport, target)
    except paramiko.AuthenticationException:
        allowed = ", ".join(transport.allowed_methods)
        if not allowed:  # no word from the server: it is gone, or silent
            raise ConnectError("timeout" if transport.is_active() else "lost", node=str(target)) from None
        raise LoginError(node=str(target), user=target.user, allowed=allowed) from None
    except paramiko.SSHException as error:
        raise ConnectError("lost", node=str(target), reason=str(error)[:200]) from None
    if not transport.is_authenticated():
        raise LoginError("login-more-needed", node=str(target))


def _log_in_by_agent(transport: EagerTransport, target: Target) -> None:
    agent = paramiko.Agent()
    try:
        keys = agent.get_keys()
        if not keys:
            raise LoginError("agent-empty", node=str(target))
        for position, key in enumerate(keys, start=1):
            try:
                transport.auth_publickey(target.user, key)
                return
            except paramiko.AuthenticationException:
                if position == len(keys) or not transport.is_active():
                    raise
    finally:
        agent.close()


def _load_key(credentials: Credentials, name: str) -> paramiko.PKey:
    """Raises LoginError: "key-unreadable", "key-passphrase", "key-wrong-passphrase"."""
    path = credentials.identity
    assert path is not None
    try:
        return _open_key(path, None)
    except _LOCKED:
        code = "key-passphrase"
    except _NO_KEY:
        raise LoginError("key-unreadable", node=name, path=str(path)) from None
    if credentials.passphrase:
        try:
            return _open_key(path, credentials.passphrase.encode())
        except (*_LOCKED, *_NO_KEY):
            code = "key-wrong-passphrase"
    raise LoginError(code, node=name, path=str(path))


_LOCKED = (TypeError, paramiko.PasswordRequiredException)  # TypeError is cryptography's word for it
_NO_KEY = (OSError, ValueError, paramiko.SSHException, UnknownKeyType, UnsupportedAlgorithm)


def _open_key(path: Path, passphrase: bytes | None) -> paramiko.PKey:
    # Its stub says str, cryptography below it takes bytes alone.
    return paramiko.PKey.from_path(path.expanduser(), passphrase)  # type: ignore[arg-type]
