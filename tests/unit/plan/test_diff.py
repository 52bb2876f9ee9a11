"""The diff of a write, judged by patch(1)'s inverse: diff lines rebuild both sides."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from backend.plan.diff import DiffLine, diff_lines, unified
from backend.plan.plan import WriteFile

TEXT = st.lists(st.sampled_from(["a", "b", "", "c d"]), max_size=12).map(lambda lines: "".join(f"{x}\n" for x in lines))


def test_lines_have_their_numbers() -> None:
    step = WriteFile("/x", b"one\ntwo\nthree\n", b"one\n2\nthree\n")
    assert diff_lines(step) == (
        DiffLine("hunk", None, None, "@@ -1,3 +1,3 @@"),
        DiffLine("context", 1, 1, "one"),
        DiffLine("removed", 2, None, "two"),
        DiffLine("added", None, 2, "2"),
        DiffLine("context", 3, 3, "three"),
    )


def test_a_file_that_is_made_or_removed_has_no_other_side() -> None:
    assert unified(WriteFile("/x", None, b"a\n")) == "--- /dev/null\n+++ /x\n@@ -0,0 +1,1 @@\n+a\n"
    assert unified(WriteFile("/x", b"a\n", None)) == "--- /x\n+++ /dev/null\n@@ -1,1 +0,0 @@\n-a\n"


def test_a_missing_line_end_and_odd_bytes_are_seen() -> None:
    texts = [line.text for line in diff_lines(WriteFile("/x", b"a", b"a\n")) if line.kind != "hunk"]
    assert len(set(texts)) == 2
    texts = [line.text for line in diff_lines(WriteFile("/x", b"a\xe9\n", b"a\xe8\r\n")) if line.kind != "hunk"]
    assert texts == ["a\\xe9", "a\\xe8\\r"]


@given(old=TEXT, new=TEXT)
def test_each_side_can_be_read_off(old: str, new: str) -> None:
    lines = diff_lines(WriteFile("/x", old.encode(), new.encode()))
    for line in lines:
        assert line.old is None or old.split("\n")[line.old - 1] == line.text
        assert line.new is None or new.split("\n")[line.new - 1] == line.text
    removed = {line.old for line in lines if line.kind == "removed"}
    added = {line.new for line in lines if line.kind == "added"}
    kept_old = [x for number, x in enumerate(old.split("\n"), 1) if number not in removed]
    kept_new = [x for number, x in enumerate(new.split("\n"), 1) if number not in added]
    assert kept_old == kept_new
