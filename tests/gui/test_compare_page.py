"""Two snapshots side by side."""

from __future__ import annotations

from dataclasses import replace

import pytest
from PySide6.QtCore import Qt
from PySide6.QtGui import QGuiApplication

from backend.node.address import PciAddress
from backend.node.compare import compare
from backend.node.function import Function
from backend.node.node import Node
from gui.pages.compare_page import ComparePage

CARD = PciAddress.parse("0000:01:00.0")
GPU = Function(
    CARD, class_code=0x030000, vendor=0x10DE, device=0x2204, device_name="GA102 [GeForce RTX 3090]", driver="nouveau"
)
THEN = Node("pve1", kernel="6.8.4-2-pve", functions=(GPU,), taken="2026-11-01T10:00:00Z")
NOW = replace(THEN, kernel="6.8.12-1-pve", functions=(replace(GPU, driver=None),), taken="2026-11-23T10:00:00Z")


@pytest.fixture
def page(qtbot) -> ComparePage:
    made = ComparePage()
    qtbot.addWidget(made)
    made.resize(1000, 600)
    made.show()
    return made


def test_each_difference_stands_below_what_it_is_of(page: ComparePage) -> None:
    page.show_comparison(THEN, NOW, compare(THEN, NOW))
    machine, card = (page.tree.topLevelItem(row) for row in range(2))
    assert [machine.child(0).text(c) for c in range(3)] == ["Kernel", "6.8.4-2-pve", "6.8.12-1-pve"]
    assert "RTX 3090" in card.text(0)
    assert [card.child(0).text(c) for c in range(3)] == ["Driver", "nouveau", "none"]
    assert page.tree.headerItem().text(1) == "Then"


def test_two_machines_are_named(page: ComparePage) -> None:
    other = replace(NOW, hostname="pve2")
    page.show_comparison(THEN, other, compare(THEN, other))
    assert [page.tree.headerItem().text(column) for column in (1, 2)] == ["pve1", "pve2"]


def test_no_difference_is_said(page: ComparePage) -> None:
    page.show_comparison(THEN, THEN, ())
    assert page.tree.topLevelItemCount() == 0
    assert "No difference." in page.text()
    assert not page.copy_button.isEnabled()


def test_enter_shows_the_device(qtbot, page: ComparePage) -> None:
    page.show_comparison(THEN, NOW, compare(THEN, NOW))
    page.tree.setCurrentItem(page.tree.topLevelItem(1).child(0))
    with qtbot.waitSignal(page.device_requested) as asked:
        qtbot.keyClick(page.tree, Qt.Key.Key_Return)
    assert asked.args == [CARD]


def test_copy(qtbot, page: ComparePage) -> None:
    page.show_comparison(THEN, NOW, compare(THEN, NOW))
    page.copy_button.click()
    assert "    Driver: nouveau → none\n" in QGuiApplication.clipboard().text()
