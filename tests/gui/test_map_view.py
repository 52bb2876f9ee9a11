from __future__ import annotations

import pytest
from machines import at, server, workstation
from PySide6.QtCore import QPointF, Qt
from PySide6.QtGui import QColor, QPalette
from PySide6.QtWidgets import QApplication
from pytestqt.qtbot import QtBot

from gui.map.items import TileItem
from gui.map.view import MapView
from gui.models.selection import Selection


@pytest.fixture
def selection() -> Selection:
    return Selection()


@pytest.fixture
def view(qtbot: QtBot, selection: Selection) -> MapView:
    view = MapView(selection)
    qtbot.addWidget(view)
    view.resize(940, 900)
    view.show()
    view.set_node(workstation())
    return view


def tile(view: MapView, key: str) -> TileItem:
    return next(
        item
        for item in view.scene().items()
        if isinstance(item, TileItem) and item.tile is not None and item.tile.key == key
    )


def test_staging_changes_the_tile_and_keeps_the_items(view: MapView) -> None:
    before = set(map(id, view.scene().items()))
    other = tile(view, "0000:02:00").texts
    view.set_staged({at("01:00.0"): "vfio-pci"})
    assert [text.staged for text in tile(view, "0000:01:00").texts] == ["vfio at reboot", ""]
    assert tile(view, "0000:02:00").texts is other
    assert set(map(id, view.scene().items())) == before
    view.set_staged({})
    assert [text.staged for text in tile(view, "0000:01:00").texts] == ["", ""]


def test_a_click_selects_the_row(view: MapView, selection: Selection, qtbot: QtBot) -> None:
    piece = tile(view, "0000:01:00").tile
    assert piece is not None
    rect = piece.rows[1].rect
    point = view.mapFromScene(QPointF(rect.x + 20, rect.y + rect.h / 2))
    qtbot.mouseClick(view.viewport(), Qt.MouseButton.LeftButton, pos=point)
    assert selection.current == at("01:00.1")


def test_selecting_lights_the_group_and_the_way_to_the_root(view: MapView, selection: Selection) -> None:
    selection.current = at("05:00.0")
    lit = {
        getattr(item, "frame", None) or getattr(item, "lane", None)
        for item in view.scene().items()
        if getattr(item, "emphasis", False)
    }
    assert {piece.key for piece in lit if piece is not None} == {"frame 0000:05:00", "lane 0000:00:1c.0"}


def test_arrows_go_through_every_row_of_the_slots(view: MapView, selection: Selection, qtbot: QtBot) -> None:
    seen = []
    for _ in range(8):
        qtbot.keyClick(view, Qt.Key.Key_Down)
        seen.append(str(selection.current)[5:])
    assert seen == ["01:00.0", "01:00.1", "02:00.0", "02:02.0", "02:00.1", "03:00.0", "05:00.0", "06:00.0"]
    qtbot.keyClick(view, Qt.Key.Key_Up)
    assert selection.current == at("05:00.0")
    with qtbot.waitSignal(view.inspect_requested) as asked:
        qtbot.keyClick(view, Qt.Key.Key_Return)
    assert asked.args == [at("05:00.0")]


def test_zoom_by_keys(view: MapView, qtbot: QtBot) -> None:
    qtbot.keyClick(view, Qt.Key.Key_Plus)
    assert view.zoom > 1
    qtbot.keyClick(view, Qt.Key.Key_0)
    assert view.zoom == 1
    view.resize(500, 300)
    qtbot.keyClick(view, Qt.Key.Key_F)
    assert 0 < view.zoom < 1


def test_a_vf_lights_the_row_of_all_vfs(view: MapView, selection: Selection) -> None:
    selection.current = at("02:02.3")
    assert tile(view, "0000:02:00").current == at("02:02.3")


def test_another_palette_paints_other_colours(view: MapView) -> None:
    light = view.grab().toImage().pixelColor(2, 2)
    view.setPalette(QPalette(QColor("#202428")))
    QApplication.processEvents()
    dark = view.grab().toImage().pixelColor(2, 2)
    assert dark.lightness() < 60 < 200 < light.lightness()


def test_another_node_takes_the_place_of_the_first(view: MapView, selection: Selection) -> None:
    selection.current = at("01:00.0")
    view.set_node(server(3))
    keys = {item.tile.key for item in view.scene().items() if isinstance(item, TileItem) and item.tile}
    assert "0000:81:00" in keys
    assert "0000:01:00" not in keys
    view.set_node(None)
    assert view.scene().items() == []
    assert not view.grab().isNull()
