from __future__ import annotations

from machines import at, server, workstation
from PySide6.QtCore import QModelIndex, Qt
from pytestqt.modeltest import ModelTester
from pytestqt.qtbot import QtBot

from gui.map.view import MapView
from gui.models.device_tree import ADDRESS, DOCTOR, DRIVER, DeviceTreeModel, DeviceTreeView
from gui.models.selection import Selection


def below(model: DeviceTreeModel, parent: QModelIndex) -> list[str]:
    return [str(model.address_of(model.index(row, 0, parent)))[5:] for row in range(model.rowCount(parent))]


def test_the_model_keeps_qts_rules(qtmodeltester: ModelTester) -> None:
    model = DeviceTreeModel(workstation())
    qtmodeltester.check(model, force_py=True)
    model.set_staged({at("01:00.0"): "vfio-pci"})
    model.set_node(server(8))


def test_functions_lie_below_their_card_and_vfs_below_their_pf() -> None:
    model = DeviceTreeModel(workstation())
    assert model.rowCount() == 1
    assert below(model, model.index_of(at("01:00.0"))) == ["01:00.1"]
    assert below(model, model.index_of(at("02:00.0"))) == [
        "02:00.1",
        "02:02.0",
        "02:02.1",
        "02:02.2",
        "02:02.3",
    ]


def test_every_function_is_there_bridges_too() -> None:
    node = server(20)
    model = DeviceTreeModel(node)
    assert all(model.address_of(model.index_of(f.address)) == f.address for f in node.functions)
    assert model.rowCount() == 8


def test_cells() -> None:
    model = DeviceTreeModel(workstation())
    line = model.index_of(at("02:00.0"))
    cells = [line.siblingAtColumn(column).data() for column in range(model.columnCount())]
    assert cells == [
        "Ethernet Controller X710 for 10GbE SFP+",
        "0000:02:00.0",
        "16",
        "i40e",
        "vmbr0 · carries this connection",
        "",
    ]
    spoken = line.siblingAtColumn(ADDRESS).data(Qt.ItemDataRole.AccessibleTextRole)
    assert spoken == "Address: 0000:02:00.0"


def test_staged_drivers_are_told(qtbot: QtBot) -> None:
    model = DeviceTreeModel(workstation())
    line = model.index_of(at("01:00.0"))
    with qtbot.waitSignal(model.dataChanged) as changed:
        model.set_staged({at("01:00.0"): "vfio-pci"})
    assert changed.args[:2] == [line, line.siblingAtColumn(DOCTOR)]
    assert line.siblingAtColumn(DRIVER).data() == "nouveau → vfio at reboot"


def test_map_and_tree_follow_one_selection(qtbot: QtBot) -> None:
    selection = Selection()
    tree, view = DeviceTreeView(selection), MapView(selection)
    for widget in (tree, view):
        qtbot.addWidget(widget)
        widget.set_node(workstation())
    selection.current = at("03:00.0")
    assert tree.currentIndex().data() == "NVMe SSD Controller PM9A1/PM9A3/980PRO"
    qtbot.keyClick(view, Qt.Key.Key_Down)
    assert selection.current == at("05:00.0")
    assert tree.currentIndex().siblingAtColumn(ADDRESS).data() == "0000:05:00.0"
    qtbot.keyClick(tree, Qt.Key.Key_Up)
    assert selection.current == at("03:00.0")
    selection.current = None
    assert not tree.selectionModel().hasSelection()


def test_all_columns_fit_narrow_and_wide(qtbot: QtBot) -> None:
    tree = DeviceTreeView(Selection())
    qtbot.addWidget(tree)
    tree.set_node(workstation())
    tree.show()
    for width in (700, 1900):
        tree.resize(width, 400)
        qtbot.waitUntil(lambda: tree.horizontalScrollBar().maximum() == 0)
        assert sum(tree.columnWidth(column) for column in range(DOCTOR + 1)) == tree.viewport().width()
