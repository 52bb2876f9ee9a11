"""Kernel command lines as tokens."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backend.plan.edits.cmdline import edit, split


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


@pytest.mark.parametrize(
    ("line", "add", "remove", "edited"),
    [
        ("root=x ro", ("iommu=pt",), (), "root=x ro iommu=pt"),
        ("root=x iommu=off  ro ", (), ("iommu=off",), "root=x  ro "),
        ("iommu=off root=x", (), ("iommu=off",), "root=x"),
        (" a b", (), ("a",), " b"),
        ("a", ("b", "b"), ("a",), "b"),
        ("", ("a",), (), "a"),
        ('dyndbg="file x" q', ("q",), ("x",), 'dyndbg="file x" q'),
    ],
)
def test_an_edit_touches_its_tokens_alone(
    line: str, add: tuple[str, ...], remove: tuple[str, ...], edited: str
) -> None:
    assert edit(line, add, remove) == edited


TOKENS = st.lists(st.sampled_from(("a", "b", "root=x", 'd="e f"')), max_size=3, unique=True)


@given(st.text(alphabet='ab= "\t', max_size=20), TOKENS, TOKENS)
def test_after_an_edit_the_tokens_are_those_asked_for(line: str, add: list[str], remove: list[str]) -> None:
    if line.count('"') % 2:
        line += '"'
    wanted = [token for token in split(line) if token not in remove]
    wanted += [token for token in add if token not in wanted]
    assert list(split(edit(line, add, remove))) == wanted
    assert edit(line, (), ()) == line
