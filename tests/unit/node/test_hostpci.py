"""hostpci values, judged by PVE's own parser and printer."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backend.node.address import PciAddress
from backend.node.function import Function
from backend.node.hostpci import BadHostPci, HostPci, named, parsed_lines, refusal
from backend.node.node import Node


def test_as_pve_judges(vectors: Path) -> None:
    """Accepted or refused, the parsed values, the canonical print, and each refusal's key and text."""
    count = 0
    for text in (vectors / "hostpci.jsonl").read_text(encoding="utf-8").splitlines():
        case = json.loads(text)
        count += 1
        try:
            line = HostPci.parse(case["input"])
        except BadHostPci as bad:
            assert not case["valid"], case
            said = {fault.key: fault.text for fault in bad.faults if not fault.is_about_string}
            assert said == {key: words.rstrip("\n") for key, words in case["errors"].items()}, case
            assert sorted(key for key in said if key) == sorted(case["bad_keys"])
        else:
            assert case["valid"], case
            assert str(line) == case["canonical"]
            assert dict(line.values) == {key: str(value) for key, value in case["value"].items()}
    assert count == 2500


@given(st.text(alphabet="0123456789abf:.;,= -xgempo\n/"))
def test_what_is_printed_reads_the_same(text: str) -> None:
    try:
        line = HostPci.parse(text)
    except BadHostPci:
        return
    assert HostPci.parse(str(line)) == line


def test_meaning() -> None:
    line = HostPci.parse("01:00.0;01:00.1,pcie=on,x-vga=YES,rombar=off,romfile=sub/a.rom,legacy-igd=0,driver=keep")
    assert line.host == ("01:00.0", "01:00.1")
    assert (line.pcie, line.x_vga, line.rombar, line.legacy_igd, line.keeps_driver) == (True, True, False, False, True)
    assert (line.romfile, line.mapping, line.mdev) == ("sub/a.rom", None, None)
    assert HostPci.parse("mapping=gpu").rombar
    assert HostPci.parse("mapping=gpu").host == ()
    assert HostPci.parse("01:00,mdev=nvidia-63").keeps_driver
    assert not HostPci.parse("01:00,driver=vfio").keeps_driver


@pytest.mark.parametrize(
    ("id_", "found"),
    [
        ("01:00", ["0000:01:00.0", "0000:01:00.1", "0000:01:00.4"]),
        ("0000:01:00.1", ["0000:01:00.1"]),
        ("01:00.1", ["0000:01:00.1"]),
        ("10000:01:00", ["10000:01:00.0"]),
        ("01:10", ["0000:01:10.0"]),
        ("02:00", []),
        ("01:00.f", []),
    ],
)
def test_named(id_: str, found: list[str]) -> None:
    """A prefix of the address; a VF at the card's own device number is among them."""
    texts = ("0000:01:00.0", "0000:01:00.1", "0000:01:00.4", "0000:01:10.0", "10000:01:00.0")
    functions = [
        Function(
            PciAddress.parse(text), physical_function=PciAddress.parse(texts[0]) if text == "0000:01:00.4" else None
        )
        for text in texts
    ]
    assert [str(function.address) for function in named(id_, functions)] == found
    assert Node(functions=tuple(functions)).named(id_) == named(id_, functions)


def test_lines_in_pves_order() -> None:
    settings = {"hostpci10": "0a:00", "hostpci2": "02:00", "hostpci3": "03:00,pcie=2", "hostpci16": "10:00"}
    assert [(slot, str(line)) for slot, line in parsed_lines(settings)] == [
        ("hostpci2", "02:00"),
        ("hostpci10", "0a:00"),
    ]


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("0000:01:00.0,pcie=1", None),
        (
            "00:1F.2,pcie=2",
            "invalid format - format error\nhostpci0.host: value does not match the regex pattern\n"
            "hostpci0.pcie: type check ('boolean') failed - got '2'\n",
        ),
        ("01:00,host=02:00", "invalid format - duplicate key in comma-separated list property: host\n"),
        ("01:00,rombar=", "invalid format - missing key in comma-separated list property\n"),
    ],
)
def test_what_the_api_answers(value: str, text: str | None) -> None:
    assert refusal("hostpci0", value) == text
