"""Where a statement about a node comes from."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Evidence:
    """``source``: a path of the node, or a command as one line (``journalctl -k -b``); ``text``: what was found there,
    None where it is absent; ``line``: its number from 1, where one line of a file or an output is meant."""

    source: str
    text: str | None
    line: int | None = None

    def __str__(self) -> str:
        """``/etc/default/grub:6: GRUB_CMDLINE_LINUX_DEFAULT="quiet"``."""
        place = self.source if self.line is None else f"{self.source}:{self.line}"
        return place if self.text is None else f"{place}: {self.text}"
