"""A kernel command line as tokens."""

from __future__ import annotations

SPACE = " \t\n\v\f\r"


def split(line: str) -> tuple[str, ...]:
    """At white space outside double quotes, as the kernel's next_arg() does (lib/cmdline.c)."""
    tokens: list[str] = []
    token = ""
    quoted = False
    for sign in line:
        if sign == '"':
            quoted = not quoted
        if sign in SPACE and not quoted:
            if token:
                tokens.append(token)
            token = ""
        else:
            token += sign
    return (*tokens, token) if token else tuple(tokens)
