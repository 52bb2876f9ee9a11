"""Edits of /etc/default/grub, judged by a real shell that sources the files as grub-mkconfig does."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from backend.errors import IntentError
from backend.plan.edits import grub
from backend.plan.edits.cmdline import split

DROP_IN = "/etc/default/grub.d/50-x.cfg"
OFF = ("intel_iommu=off", "iommu=off")
PRINT = 'for file; do . "$file"; done; printf "%s\\0%s" "$GRUB_CMDLINE_LINUX" "$GRUB_CMDLINE_LINUX_DEFAULT"'


def shell(files: dict[str, bytes], folder: Path) -> tuple[str, str]:
    """GRUB_CMDLINE_LINUX and _DEFAULT as sh has them after sourcing `files` in order."""
    paths = []
    for number, path in enumerate(sorted(files)):
        (folder / str(number)).write_bytes(files[path])
        paths.append(str(folder / str(number)))
    done = subprocess.run(("sh", "-c", PRINT, "sh", *paths), capture_output=True, check=True, env={})
    linux, default = done.stdout.decode("utf-8", "surrogateescape").split("\0")
    return linux, default


def changed(files: dict[str, bytes], add: tuple[str, ...] = ("intel_iommu=on",)) -> dict[str, bytes]:
    return files | grub.change(files, add, OFF)


def one(text: bytes, add: tuple[str, ...] = ("intel_iommu=on",)) -> bytes:
    return changed({grub.DEFAULT: text}, add)[grub.DEFAULT]


NAME = b"GRUB_CMDLINE_LINUX_DEFAULT="


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (b'"quiet"\n', b'"quiet intel_iommu=on"\n'),
        (b"'quiet'", b"'quiet intel_iommu=on'"),
        (b'"quiet"\r\n', b'"quiet intel_iommu=on"\r\n'),
        (b"quiet # why\n", b'quiet" intel_iommu=on" # why\n'),
        (b"\n", b'"intel_iommu=on"\n'),
        (b'""\n', b'"intel_iommu=on"\n'),
        (b'"intel_iommu=off"\n', b'"intel_iommu=on"\n'),
        (b'"iommu=off quiet  intel_iommu=off splash"\n', b'"quiet  splash intel_iommu=on"\n'),
        (b'"a \\\n iommu=off b"\n', b'"a \\\n b intel_iommu=on"\n'),
        (b'"a=\\"x iommu=off y\\" iommu=off"\n', b'"a=\\"x iommu=off y\\" intel_iommu=on"\n'),
        (b'"quiet intel_iommu=on"\n', b'"quiet intel_iommu=on"\n'),
        (b'"a $X"\n', b'"a $X intel_iommu=on"\n'),
        (b'"caf\xe9"\n', b'"caf\xe9 intel_iommu=on"\n'),
    ],
)
def test_only_the_tokens_change(before: bytes, after: bytes, tmp_path: Path) -> None:
    head = b"# it's a comment\nX=1\n"
    text = one(head + NAME + before)
    assert text == head + NAME + after
    assert "intel_iommu=on" in split(shell({grub.DEFAULT: text}, tmp_path)[1])


def test_the_last_assignment_wins_and_an_addition_goes_there() -> None:
    text = NAME + b'"one"\n' + NAME + b'"two"\n'
    assert one(text) == NAME + b'"one"\n' + NAME + b'"two intel_iommu=on"\n'


def test_a_file_without_the_variable_gets_it() -> None:
    assert one(b"GRUB_TIMEOUT=5") == b"GRUB_TIMEOUT=5\n" + NAME + b'"intel_iommu=on"\n'
    assert grub.change({}, ("a",), ()) == {grub.DEFAULT: NAME + b'"a"\n'}


def test_removals_reach_the_other_variable_and_an_effective_token_is_not_added_twice() -> None:
    text = b'GRUB_CMDLINE_LINUX="intel_iommu=on iommu=off"\n' + NAME + b'"quiet"\n'
    assert one(text) == b'GRUB_CMDLINE_LINUX="intel_iommu=on"\n' + NAME + b'"quiet"\n'


@pytest.mark.parametrize(
    ("drop_in", "edited"),
    [
        (NAME + b'"quiet"\n', DROP_IN),
        (NAME + b'"$GRUB_CMDLINE_LINUX_DEFAULT mitigations=off"\n', grub.DEFAULT),
        (b"GRUB_TIMEOUT=1\n", grub.DEFAULT),
    ],
)
def test_an_addition_goes_where_it_takes_effect(drop_in: bytes, edited: str, tmp_path: Path) -> None:
    files = {grub.DEFAULT: NAME + b'"base"\n', DROP_IN: drop_in}
    assert list(grub.change(files, ("intel_iommu=on",), OFF)) == [edited]
    assert split(shell(changed(files), tmp_path)[1]).count("intel_iommu=on") == 1


def test_other_names_in_the_folder_are_not_read() -> None:
    files = {grub.DEFAULT: NAME + b'"a"\n', DROP_IN + ".dpkg-old": NAME + b'"b"\n'}
    assert grub.effective(files) == {grub.LINUX_DEFAULT: "a"}


@pytest.mark.parametrize(
    "line",
    [
        NAME + b'"$(cat /proc/cmdline)"',
        NAME + b"`uname`",
        NAME + b'"${X:-quiet}"',
        NAME + b"quiet splash",
        NAME + b'"unclosed',
        b"if true; then\n" + NAME + b'"a"\nfi',
        b"[ -f /x ] && " + NAME + b'"a"',
        b"X=1; " + NAME + b'"a"',
        b"unset GRUB_CMDLINE_LINUX_DEFAULT",
        b"OURS=iommu=off\n" + NAME + b'"$OURS"',
    ],
)
def test_what_is_not_understood_is_refused(line: bytes) -> None:
    with pytest.raises(IntentError) as caught:
        one(line + b"\n")
    assert caught.value.code == "grub-file-not-understood"
    assert caught.value.details["path"] == grub.DEFAULT


def test_shell_that_does_not_touch_the_command_line_is_left_alone() -> None:
    head = b"GRUB_DISTRIBUTOR=`( . /etc/os-release; echo ${NAME} )`\nif true; then\n  GRUB_TIMEOUT=1\nfi\n"
    assert one(head + NAME + b'"quiet"\n') == head + NAME + b'"quiet intel_iommu=on"\n'


PLAIN = st.sampled_from(["quiet", "iommu=off", "intel_iommu=off", "intel_iommu=on", "iommu=pt", "a#b", "x=1,2"])
IN_DOUBLE = st.one_of(PLAIN, st.sampled_from(["$X", "${X}", '\\"', '\\"b c\\"', "\\$Y", "\\\\", "it's", "\\\n", ""]))
IN_SINGLE = st.one_of(PLAIN, st.sampled_from(['"', '"b c"', "$X", "\\", ""]))
BARE = st.one_of(PLAIN, st.sampled_from(["$X", "\\ ", '\\"', "\\'", "\\\n", "\\a"]))
GAP = st.sampled_from([" ", "  ", "\t", ""])


def quoted(sign: str, words: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    parts = st.lists(st.tuples(GAP, words), max_size=5)
    return parts.map(lambda found: sign + "".join(gap + word for gap, word in found) + sign)


VALUE = st.lists(st.one_of(quoted('"', IN_DOUBLE), quoted("'", IN_SINGLE), BARE), max_size=3).map("".join)
LINE = st.one_of(
    st.sampled_from(["", "# it's \"open", "X='y z'", "export X=7", "  GRUB_TIMEOUT=5 # five", 'GRUB_TITLE="a\nb"']),
    st.builds(
        "{}{}={}{}".format,
        st.sampled_from(["", "  ", "export "]),
        st.sampled_from(["GRUB_CMDLINE_LINUX", "GRUB_CMDLINE_LINUX_DEFAULT"]),
        VALUE.filter(lambda value: not value.startswith("#")),
        st.sampled_from(["", " ", " # it's", ";"]),
    ),
)
FILE = st.builds(
    lambda lines, line_end, last: (line_end.join(lines) + last).encode(),
    st.lists(LINE, max_size=5),
    st.just("\n"),
    st.sampled_from(["", "\n"]),
)


@settings(max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(first=FILE, second=FILE)
def test_a_real_shell_agrees(first: bytes, second: bytes, tmp_path: Path) -> None:
    files = {grub.DEFAULT: first, DROP_IN: second}
    before = shell(files, tmp_path)
    found = grub.effective(files)
    assert (found.get(grub.LINUX, ""), found.get(grub.LINUX_DEFAULT, "")) == before
    try:
        now = changed(files)
    except IntentError:  # for example a token that ends in an open quote: the reading back saw it
        return
    after = [token for value in shell(now, tmp_path) for token in split(value)]
    kept = [token for value in before for token in split(value) if token not in OFF]
    assert [token for token in after if token != "intel_iommu=on"] == [t for t in kept if t != "intel_iommu=on"]
    assert set(after) == {*kept, "intel_iommu=on"}
    assert changed(now) == now


@pytest.mark.corpus
def test_files_of_real_machines(corpus: Path, tmp_path: Path) -> None:
    paths = sorted((corpus / "cmdline").glob("grub_*"))
    assert paths
    for path in paths:
        files = {grub.DEFAULT: path.read_bytes()}
        linux, default = shell(files, tmp_path)
        found = grub.effective(files)
        assert (found.get(grub.LINUX, ""), found.get(grub.LINUX_DEFAULT, "")) == (linux, default), path.name
        after = [token for value in shell(changed(files), tmp_path) for token in split(value)]
        assert "intel_iommu=on" in after
        assert not set(OFF) & set(after)
