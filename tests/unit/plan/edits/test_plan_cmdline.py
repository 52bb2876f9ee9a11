"""Kernel command lines as tokens."""

from __future__ import annotations

import pytest

from backend.plan.edits.cmdline import split


@pytest.mark.parametrize(
    ("line", "tokens"),
    [
        ("", ()),
        (" quiet\troot=ZFS=rpool/ROOT/pve-1 \n", ("quiet", "root=ZFS=rpool/ROOT/pve-1")),
        ('dyndbg="file a.c +p" x', ('dyndbg="file a.c +p"', "x")),
        ('"a b=c d" "open', ('"a b=c d"', '"open')),
    ],
)
def test_split(line: str, tokens: tuple[str, ...]) -> None:
    assert split(line) == tokens
