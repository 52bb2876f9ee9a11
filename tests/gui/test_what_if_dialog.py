"""What if: an override, or another slot, and the honest price of each."""

from __future__ import annotations

import pytest
from gui_stand_ins import StandInOpening
from PySide6.QtCore import QSettings
from PySide6.QtWidgets import QTreeWidgetItem

from backend.demo.machines import catalogue
from backend.demo.world import World
from backend.node.address import PciAddress
from backend.node.node import Node
from backend.node.what_if import ask
from backend.snapshot.readers import read_node
from backend.workspace import OpenNode
from gui.dialogs.what_if_dialog import WhatIfDialog
from gui.main_window import MainWindow
from gui.tasks import TaskRunner

GPU = PciAddress.parse("0000:01:00.0")


@pytest.fixture(scope="module")
def node() -> Node:
    return read_node(World(catalogue.workstation()).snapshot())


def rows(item: QTreeWidgetItem) -> dict[str, tuple[str, str]]:
    children = (item.child(row) for row in range(item.childCount()))
    return {child.text(0): (child.text(1), child.text(2)) for child in children}


def test_an_override_is_called_what_it_is(qtbot, node: Node) -> None:
    shown = WhatIfDialog(node, GPU, ask(node, GPU))
    qtbot.addWidget(shown)
    override = rows(shown.tree.topLevelItem(0))
    group, cost = override["pcie_acs_override=downstream,multifunction"]
    assert group == "alone"
    assert "Not isolated" in cost
    assert "GeForce" in shown.now.text()


def test_free_slots_are_named(qtbot, node: Node) -> None:
    shown = WhatIfDialog(node, GPU, ask(node, GPU))
    qtbot.addWidget(shown)
    slots = rows(shown.tree.topLevelItem(1))
    assert slots
    assert all("Addresses" in cost for _, cost in slots.values())


def test_it_is_offered_for_a_device_and_opens(qtbot, runner: TaskRunner, settings: QSettings, node: Node) -> None:
    window = MainWindow(runner, StandInOpening(), settings)
    qtbot.addWidget(window)
    window.show()
    window.add_node(OpenNode("pve1", node))
    assert not window.menus.what_if.isEnabled()
    window.page.selection.current = GPU
    assert window.menus.what_if.isEnabled()
    window.menus.what_if.trigger()
    qtbot.waitUntil(lambda: window.findChild(WhatIfDialog) is not None)
    window.findChild(WhatIfDialog).close()
    window.page.selection.current = PciAddress.parse("0000:00:01.0")
    assert not window.menus.what_if.isEnabled()
