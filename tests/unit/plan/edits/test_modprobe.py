"""Edits of /etc/modprobe.d."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from backend.plan.edits import modprobe

A = "/etc/modprobe.d/a.conf"
Z = "/etc/modprobe.d/z.conf"


def claim(files: dict[str, bytes], *ids: str, drivers: tuple[str, ...] = ()) -> dict[str, bytes]:
    return modprobe.claim(files, ids, drivers)


def test_our_file_is_made() -> None:
    text = claim({}, "10de:2786", "10de:22bc", drivers=("nouveau",))[modprobe.OURS].decode()
    assert text.splitlines()[1:] == ["options vfio-pci ids=10de:2786,10de:22bc", "softdep nouveau pre: vfio-pci"]


def test_a_second_claim_grows_our_line_and_a_third_changes_nothing() -> None:
    first = claim({}, "1:2", drivers=("nouveau",))
    second = claim(first, "3:4", drivers=("nouveau", "nvme"))
    text = second[modprobe.OURS].decode()
    assert "options vfio-pci ids=1:2,3:4\n" in text
    assert text.count("options") == 1
    assert text.count("softdep nouveau") == 1
    assert claim(second, "1:2", "3:4", drivers=("nvme",)) == {}


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (b"options vfio-pci ids=1:2 disable_vga=1 # x\n", b"options vfio-pci ids=1:2,3:4 disable_vga=1 # x\n"),
        (b"options vfio_pci ids=1:2", b"options vfio_pci ids=1:2,3:4"),
        (b'options vfio-pci ids="1:2"\r\n', b"options vfio-pci ids=1:2,3:4\r\n"),
        (b"options vfio-pci \\\n  ids=1:2\n", b"options vfio-pci \\\n  ids=1:2,3:4\n"),
        (b"options vfio-pci ids=1:\\\n2\n#end", b"options vfio-pci ids=1:2,3:4\n#end"),
        (
            b"options vfio-pci ids=9:9\noptions vfio-pci ids=1:2\n",
            b"options vfio-pci ids=9:9\noptions vfio-pci ids=1:2,3:4\n",
        ),
    ],
)
def test_an_admins_list_grows_in_its_place(before: bytes, after: bytes) -> None:
    assert claim({Z: before}, "3:4") == {Z: after}


def test_the_file_read_last_is_in_effect_and_comments_are_not() -> None:
    files = {Z: b"options vfio-pci ids=1:2\n", A: b"options vfio-pci ids=3:4\n#options vfio-pci ids=5:6\n"}
    assert modprobe.claimed(files) == (Z, ("1:2",))
    assert modprobe.claimed({Z + ".bak": files[Z]}) == (None, ())


def test_ids_are_compared_without_case() -> None:
    assert claim({Z: b"options vfio-pci ids=10DE:2786\n"}, "10de:2786") == {}


def test_an_earlier_softdep_of_the_admin_grows_because_ours_would_not_be_heard() -> None:
    files = {A: b"softdep snd-hda-* pre: snd_seq\n", modprobe.OURS: b"options vfio-pci ids=1:2\n"}
    assert claim(files, "1:2", drivers=("snd_hda_intel",)) == {A: b"softdep snd-hda-* pre: snd_seq pre: vfio-pci\n"}


def test_a_later_softdep_of_the_admin_does_not_keep_ours_away() -> None:
    files = {Z: b"softdep nouveau post: x\n", modprobe.OURS: b"options vfio-pci ids=1:2\n"}
    changed = claim(files, "1:2", drivers=("nouveau",))
    assert changed == {modprobe.OURS: b"options vfio-pci ids=1:2\nsoftdep nouveau pre: vfio-pci\n"}


WORD = st.sampled_from(
    ["ids=1:2", "ids=1:2,3:4", "disable_vga=1", "\\\n", "\\\n ", "ids=5:\\\n6", "pre:", "vfio-pci", "post:", "x"]
)
COMMAND = st.builds(
    "{} {}".format,
    st.sampled_from(
        ["options vfio-pci", "options vfio_pci", " options vfio-pci", "#options vfio-pci", "softdep nouveau", "# \\\n"]
    ),
    st.lists(WORD, min_size=1, max_size=4).map(" ".join),
)
FILE = st.lists(COMMAND, max_size=4).map(lambda commands: "\n".join([*commands, ""]).encode())


@pytest.mark.skipif(shutil.which("modprobe") is None, reason="kmod is not installed")
@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(first=FILE, last=FILE)
@example(first=b"softdep nouveau \\\n \n", last=b"")
@example(first=b"softdep nouveau\n", last=b"softdep nouveau pre: snd\n")
@example(first=b"softdep  nouveau  pre: vfio-pci\n", last=b"")
def test_kmod_agrees(first: bytes, last: bytes, tmp_path: Path) -> None:
    def asked(files: dict[str, bytes]) -> tuple[list[str], list[str]]:
        """The ids= that vfio-pci gets, and the first softdep of nouveau, as kmod tells them."""
        for path, content in files.items():
            (tmp_path / path.rpartition("/")[2]).write_bytes(content)
        told = subprocess.run(("modprobe", "-C", str(tmp_path), "-c"), capture_output=True, text=True, check=True)
        said = [line.split() for line in told.stdout.splitlines()]
        ids = [
            word for words in said if words[:2] == ["options", "vfio_pci"] for word in words if word.startswith("ids=")
        ]
        softdeps = [words for words in said if words[:2] == ["softdep", "nouveau"]]
        return ids, softdeps[0] if softdeps else []

    files = {A: first, modprobe.OURS: b"", Z: last}
    ids, _ = asked(files)
    assert modprobe.claimed(files)[1] == (modprobe.split_ids(ids[-1]) if ids else ())
    ids, softdep = asked(files | claim(files, "7:8", drivers=("nouveau",)))
    assert "7:8" in ids[-1]
    assert "vfio-pci" in " ".join(softdep).partition("pre:")[2].partition("post:")[0]
