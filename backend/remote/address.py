"""Where to log in."""

from __future__ import annotations

import re
from dataclasses import dataclass
from ipaddress import IPv6Address
from typing import Self

_TARGET = re.compile(
    r"(?:(?P<user>[^@\s-][^@\s]*)@)?"
    r"(?:\[(?P<ipv6>[^\]\s]+)\]|(?P<host>[^:@\s\[\]-][^:@\s\[\]]*))"
    r"(?::(?P<port>[0-9]{1,5}))?"
)


@dataclass(frozen=True, slots=True)
class Target:
    """User, host name or address, TCP port of sshd."""

    host: str
    port: int = 22
    user: str = "root"

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read ``[USER@]HOST[:PORT]``; an IPv6 address with a port stands in brackets. Raises ValueError."""
        user, at, place = text.rpartition("@")
        if place.count(":") > 1 and "[" not in place:
            text = f"{user}{at}[{place}]"
        match = _TARGET.fullmatch(text)
        port = int(match["port"] or 22) if match else 0
        if match is None or not 0 < port < 65536:
            raise ValueError(f"not an address: {text!r}")
        if match["ipv6"]:
            try:
                IPv6Address(match["ipv6"])
            except ValueError:
                raise ValueError(f"not an address: {text!r}") from None
        return cls(match["ipv6"] or match["host"], port, match["user"] or "root")

    @property
    def host_key_name(self) -> str:
        """How known_hosts names it (sshd(8), SSH_KNOWN_HOSTS FILE FORMAT)."""
        return self.host if self.port == 22 else f"[{self.host}]:{self.port}"

    def __str__(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{self.user}@{host}" + ("" if self.port == 22 else f":{self.port}")
