"""A kernel command line as tokens."""

from __future__ import annotations

import re
from collections.abc import Sequence

SPACE = " \t\n\v\f\r"
_PIECE = re.compile(r'([ \t\n\v\f\r]*)((?:"[^"]*(?:"|$)|[^ \t\n\v\f\r"])+)')


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


def edit(line: str, add: Sequence[str], remove: Sequence[str]) -> str:
    """Cut whole tokens out, each with the gap before it (the one after it where it stands first), and append others.
    All other bytes stay."""
    pieces = [(match[1], match[2]) for match in _PIECE.finditer(line)]
    end = sum(len(gap) + len(token) for gap, token in pieces)
    kept = [(gap, token) for gap, token in pieces if token not in remove]
    if kept:
        kept[0] = pieces[0][0], kept[0][1]
    text = "".join(gap + token for gap, token in kept)
    for token in dict.fromkeys(add):
        if token not in (token for _, token in kept):
            text += f" {token}" if text else token
    return text + line[end:]
