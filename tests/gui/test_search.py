"""Search: what is found, and how one walks through it."""

from __future__ import annotations

import pytest
from machines import at, workstation
from PySide6.QtCore import Qt
from pytestqt.qtbot import QtBot

from gui.pages.node_page import NodePage
from gui.search import SearchIndex


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("rtx 3090", ["01:00.0"]),
        ("10DE:2204", ["01:00.0"]),
        ("0000:01:00", ["01:00.0", "01:00.1"]),
        ("eno2", ["02:00.1"]),
        ("nouveau", ["01:00.0"]),
        ("group 15", ["01:00.0", "01:00.1"]),
        ("group 1", ["00:01.0"]),
        ("vm 101", ["01:00.0"]),
        ("vm 1", []),
        ("PCIEX16_1", ["00:01.0", "01:00.0"]),
        ("usb group 20", ["05:00.0"]),
        ("   ", []),
        ("nothing of that name", []),
    ],
)
def test_what_is_found(query: str, expected: list[str]) -> None:
    assert SearchIndex(workstation()).matches(query) == tuple(map(at, expected))


@pytest.fixture
def page(qtbot: QtBot) -> NodePage:
    made = NodePage()
    qtbot.addWidget(made)
    made.resize(1000, 700)
    made.show()
    made.show_node(workstation(), live=True)
    return made


def test_enter_goes_through_the_matches_and_escape_clears(page: NodePage, qtbot: QtBot) -> None:
    page.start_search()
    field = page.search.field
    qtbot.keyClicks(field, "group 20")
    found = page.search.matches
    assert len(found) == 4
    assert page.search.count.text() == "4 matches"
    for match in (*found, found[0]):
        qtbot.keyClick(field, Qt.Key.Key_Return)
        assert page.selection.current == match
    assert page.search.count.text() == "1 of 4"
    qtbot.keyClick(field, Qt.Key.Key_Return, Qt.KeyboardModifier.ShiftModifier)
    assert page.selection.current == found[-1]
    qtbot.keyClick(field, Qt.Key.Key_Escape)
    assert field.text() == ""
    assert page.search.count.isHidden()


def test_the_tree_shows_what_is_found_and_keeps_the_selection(page: NodePage, qtbot: QtBot) -> None:
    page.selection.current = at("01:00.0")
    shown = page.tree.model()
    everything = shown.rowCount(shown.index(0, 0))
    page.search.field.setText("eno1")
    zone = shown.index(0, 0)
    assert [shown.index(row, 0, zone).data() for row in range(shown.rowCount(zone))] == [
        "Ethernet Controller X710 for 10GbE SFP+"
    ]
    assert page.selection.current == at("01:00.0")
    page.search.field.setText("nothing of that name")
    assert shown.rowCount() == 0
    assert page.search.count.text() == "no match"
    page.search.field.clear()
    assert shown.rowCount(shown.index(0, 0)) == everything
    assert page.selection.current == at("01:00.0")


def test_another_node_is_searched_anew(page: NodePage) -> None:
    page.search.field.setText("rtx")
    assert page.search.matches == (at("01:00.0"),)
    node = workstation()
    page.show_node(type(node)(functions=tuple(f for f in node.functions if f.address != at("01:00.0"))), live=True)
    assert page.search.matches == ()
