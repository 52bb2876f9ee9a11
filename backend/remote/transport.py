"""paramiko's transport with the waits left out that SSH does not ask for: each is a round trip before a node is read.

What is sent ahead, and where that is allowed: KEXINIT before the server's identification (RFC 4253, 7.1: either side
may begin at once), the first authentication request behind the service request, and the opening of the first channel
behind the authentication request (RFC 4252, 5.1: what follows the request that succeeds is passed to the service).
Nothing of the latter two leaves before the caller has checked the host key: `start_client` ends first.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any, cast

from paramiko import Channel
from paramiko.auth_handler import AuthOnlyHandler
from paramiko.common import (
    cMSG_CHANNEL_OPEN,
    cMSG_CHANNEL_REQUEST,
    cMSG_SERVICE_REQUEST,
    cMSG_USERAUTH_REQUEST,
)
from paramiko.message import Message
from paramiko.ssh_exception import SSHException
from paramiko.transport import ServiceRequestingTransport

_SESSION = "session"


class LoginHandler(AuthOnlyHandler):
    """Sends a request with `transport.open_ahead` behind it, and remembers what the server would have allowed."""

    allowed: tuple[str, ...] = ()
    transport: Any  # the EagerTransport, held weakly

    def send_auth_request(
        self, username: str, method: str, finish_message: Callable[[Message], None] | None = None
    ) -> list[str]:
        self.auth_method = method
        self.username = username
        message = Message()
        message.add_byte(cMSG_USERAUTH_REQUEST)
        message.add_string(username)
        message.add_string("ssh-connection")
        message.add_string(method)
        if finish_message is not None:
            finish_message(message)
        self.auth_event = threading.Event()  # before it is sent: paramiko makes it after, and may miss a fast answer
        with self.transport.lock:
            self.transport._send_message(message)
        if method == "publickey":
            self.transport.open_ahead()
        return self.wait_for_response(self.auth_event)

    def _parse_userauth_failure(self, message: Message) -> None:
        start = message.packet.tell()
        self.allowed = tuple(message.get_list())
        message.packet.seek(start)
        self.transport.forget_ahead()
        super()._parse_userauth_failure(message)  # type: ignore[misc]


class EagerTransport(ServiceRequestingTransport):
    """A client's Transport that does not wait for what it need not know."""

    # Of paramiko's own, and missing in its stub.
    active: bool
    _channels: Any
    _service_userauth_accepted: bool
    _send_message: Callable[[Message], None]
    _send_user_message: Callable[[Message], None]
    _next_channel: Callable[[], int]

    _early = False
    _ahead: Channel | None = None

    def _check_banner(self) -> None:
        self._send_kex_init()
        self._early = True
        super()._check_banner()  # type: ignore[misc]

    def _send_kex_init(self) -> None:
        if self._early:  # the one that `run` asks for after the banner has been sent
            self._early = False
            return
        super()._send_kex_init()  # type: ignore[misc]

    def ensure_session(self) -> None:
        if not self.active or not self.initial_kex_done:
            raise SSHException("No existing session")
        if self._service_userauth_accepted:
            return
        message = Message()
        message.add_byte(cMSG_SERVICE_REQUEST)
        message.add_string("ssh-userauth")
        self._send_message(message)
        self._service_userauth_accepted = True
        self.auth_handler = LoginHandler(self)

    @property
    def allowed_methods(self) -> tuple[str, ...]:
        """What the server names as ways to log in, where it refused one."""
        return self.auth_handler.allowed if isinstance(self.auth_handler, LoginHandler) else ()

    def open_ahead(self) -> None:
        """Ask for the first channel before the server has said that the log-in is right.

        Only of OpenSSH, which reads one message after the other; a server that goes on reading while it thinks about
        the log-in (asyncssh) takes this for a breach of the protocol. A refused log-in makes it answer UNIMPLEMENTED.
        """
        if "OpenSSH" in self.remote_version and self._ahead is None:
            self._ahead = self._ask_for_channel()

    def forget_ahead(self) -> None:
        """The server will not open it: the log-in was refused, or more is asked for."""
        if self._ahead is not None:
            self._channels.delete(self._ahead.get_id())
            self._ahead = None

    def session(self, timeout: float) -> Channel:
        """A channel for one command: the one asked for ahead, or a new one. Raises SSHException, TimeoutError."""
        channel = self._ahead or self._ask_for_channel()
        opened = self._opened
        self._ahead = None
        if not opened.wait(timeout):
            raise TimeoutError
        if not self.active or self._channels.get(channel.get_id()) is None:
            raise self.get_exception() or SSHException("no channel")
        return channel

    def _ask_for_channel(self) -> Channel:
        """The first half of paramiko's open_channel, which waits for the answer."""
        with self.lock:
            number = self._next_channel()
            channel: Any = Channel(number)  # its stub leaves out what a transport calls
            self._channels.put(number, channel)
            self.channel_events[number] = self._opened = threading.Event()
            self.channels_seen[number] = True
            channel._set_transport(self)
            channel._set_window(self.default_window_size, self.default_max_packet_size)
        message = Message()
        message.add_byte(cMSG_CHANNEL_OPEN)
        message.add_string(_SESSION)
        message.add_int(number)
        message.add_int(self.default_window_size)
        message.add_int(self.default_max_packet_size)
        self._send_user_message(message)
        return cast(Channel, channel)


def start_command(channel: Channel, command: str) -> None:
    """Channel.exec_command without waiting for the answer: where it is refused, paramiko closes the channel."""
    message = Message()
    message.add_byte(cMSG_CHANNEL_REQUEST)
    message.add_int(channel.remote_chanid)
    message.add_string("exec")
    message.add_boolean(True)
    message.add_string(command)
    transport: Any = channel.get_transport()
    transport._send_user_message(message)
