"""The kernel's command line."""

from __future__ import annotations

from backend.snapshot.snapshot import Snapshot


def read_cmdline(snapshot: Snapshot) -> str | None:
    """/proc/cmdline without the line end."""
    return snapshot.text("/proc/cmdline")


def tokens(cmdline: str) -> tuple[str, ...]:
    """Split as the kernel does (``next_arg`` in lib/cmdline.c): at white space outside double quotes."""
    found: list[str] = []
    token = ""
    quoted = False
    for sign in cmdline:
        if sign.isspace() and not quoted:
            if token:
                found.append(token)
            token = ""
            continue
        quoted ^= sign == '"'
        token += sign
    return (*found, token) if token else tuple(found)


def values(cmdline: str, key: str) -> tuple[str, ...]:
    """What stands behind every ``key=``, in order."""
    return tuple(token[len(key) + 1 :] for token in tokens(cmdline) if token.startswith(key + "="))
