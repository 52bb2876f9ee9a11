"""The page of a node by keyboard alone: from map or tree into the inspector and back."""

from __future__ import annotations

import pytest
from gui_findings import finding
from machines import at, workstation
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QWidget
from pytestqt.qtbot import QtBot

from backend.doctor.finding import Severity
from gui.models.device_tree import DOCTOR
from gui.pages.node_page import NodePage


@pytest.fixture
def page(qtbot: QtBot) -> NodePage:
    made = NodePage()
    qtbot.addWidget(made)
    made.resize(1100, 700)
    made.show()
    made.activateWindow()
    made.show_node(workstation(), live=True)
    made.show_findings((finding(Severity.WARNING, address=at("01:00.0")),))
    return made


def focused(page: NodePage) -> QWidget:
    found = page.focusWidget()
    assert found is not None
    return found


@pytest.mark.parametrize("view", ["map", "tree"])
def test_enter_goes_into_the_inspector_and_escape_back(page: NodePage, qtbot: QtBot, view: str) -> None:
    shown = getattr(page, view)
    page.tabs.setCurrentWidget(page.map_page if view == "map" else page.tree)
    page.selection.current = at("01:00.0")
    shown.setFocus()
    assert focused(page) is shown
    qtbot.keyClick(shown, Qt.Key.Key_Return)
    assert page.inspector.isAncestorOf(focused(page))
    qtbot.keyClick(focused(page), Qt.Key.Key_Escape)
    assert focused(page) is shown


def test_the_tree_counts_what_the_doctor_found(page: NodePage) -> None:
    page.selection.current = at("01:00.0")
    cell = page.tree.currentIndex().siblingAtColumn(DOCTOR)
    assert cell.data() == "1 warning"
    assert cell.data(Qt.ItemDataRole.AccessibleTextRole) == "Doctor: 1 warning"
    page.show_findings(())
    assert cell.data() == ""


def test_typing_a_search_on_the_doctors_page_shows_the_map(page: NodePage) -> None:
    page.tabs.setCurrentWidget(page.doctor)
    page.search.field.setText("eno1")
    assert page.tabs.currentWidget() is page.map_page
    page.tabs.setCurrentWidget(page.doctor)
    page.search.field.clear()
    assert page.tabs.currentWidget() is page.doctor
