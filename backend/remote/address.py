"""Where to log in."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Self

_TARGET = re.compile(
    r"(?:(?P<user>[^@\s]+)@)?(?:\[(?P<bracketed>[^\]\s]+)\]|(?P<host>[^:@\s\[\]]+))(?::(?P<port>\d+))?"
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
        bare_ipv6 = text.rpartition("@")[2]
        if bare_ipv6.count(":") > 1 and "[" not in bare_ipv6:
            user = text.rpartition("@")[0]
            return cls(bare_ipv6, user=user or "root")
        match = _TARGET.fullmatch(text)
        port = int(match["port"] or 22) if match else 0
        if match is None or not 0 < port < 65536:
            raise ValueError(f"not an address: {text!r}")
        return cls(match["bracketed"] or match["host"], port, match["user"] or "root")

    @property
    def host_key_name(self) -> str:
        """How known_hosts names it (sshd(8), SSH_KNOWN_HOSTS FILE FORMAT)."""
        return self.host if self.port == 22 else f"[{self.host}]:{self.port}"

    def __str__(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{self.user}@{host}" + ("" if self.port == 22 else f":{self.port}")
