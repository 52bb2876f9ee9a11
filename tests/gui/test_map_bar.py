"""The bar over the map, and what the window's menu makes of it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from gui_findings import finding
from gui_stand_ins import StandInNode, StandInOpening
from machines import at, workstation
from PySide6.QtGui import QImage
from pytestqt.qtbot import QtBot

from backend.doctor.finding import Severity
from gui.main_window import MainWindow
from gui.pictures import report


@pytest.fixture
def window(qtbot: QtBot, runner, settings) -> MainWindow:
    made = MainWindow(runner, StandInOpening(), settings)
    qtbot.addWidget(made)
    made.show()
    made.add_node(StandInNode(node=workstation()))
    qtbot.waitUntil(lambda: made.page.doctor.copy_button.isEnabled())
    return made


def test_the_arrangement_is_changed_from_any_tab(window: MainWindow) -> None:
    bar, page = window.page.map_bar, window.page
    page.tabs.setCurrentWidget(page.tree)
    bar.groups.trigger()
    assert page.tabs.currentWidget() is page.map_page
    assert page.map.arrangement == "groups"
    assert not bar.slots.isChecked()
    bar.slots.trigger()
    assert page.map.arrangement == "slots"


def test_the_zoom_goes_in_out_and_fits(window: MainWindow) -> None:
    bar, view = window.page.map_bar, window.page.map
    view.set_zoom(1.0)
    bar.zoom_in.trigger()
    assert view.zoom > 1.0
    bar.zoom_out.trigger()
    assert view.zoom == pytest.approx(1.0)
    view.set_zoom(3.0)
    bar.fit.trigger()
    assert view.zoom <= 1.0


def test_shortcuts_are_shown_and_stand_in_the_menu(window: MainWindow) -> None:
    bar = window.page.map_bar
    keys = [action.shortcut().toString() for action in (*bar.arranging, bar.fit, window.menus.find)]
    assert keys == ["Ctrl+1", "Ctrl+2", "Ctrl+0", "Ctrl+F"]
    assert bar.slots.toolTip() == "Devices where they are plugged (Ctrl+1)"
    shown = [action.text() for menu in window.menuBar().actions() for action in menu.menu().actions()]
    assert {bar.slots.text(), bar.fit.text(), "&Export"} <= set(shown)
    shortcuts = [action.shortcut().toString() for action in window.findChildren(type(bar.slots))]
    used = [key for key in shortcuts if key]
    assert len(used) == len(set(used))


def test_the_view_rests_while_no_node_is_shown(window: MainWindow) -> None:
    window.menus.close.trigger()
    assert not any(action.isEnabled() for action in window.menus.on_page)


@pytest.mark.parametrize("kind", ["png", "svg", "pdf"])
def test_the_board_is_exported(window: MainWindow, qtbot: QtBot, tmp_path: Path, kind: str) -> None:
    path = tmp_path / f"board.{kind}"
    with qtbot.waitSignal(window.export(kind, path).finished):
        pass
    assert path.stat().st_size > 1000
    assert str(path) in window.statusBar().currentMessage()
    if kind == "png":
        image = QImage(str(path))
        colours = {image.pixel(x, image.height() // 3) for x in range(image.width())}
        assert len(colours) > 3


def test_an_export_that_fails_is_told_on_the_page(window: MainWindow, qtbot: QtBot, tmp_path: Path) -> None:
    with qtbot.waitSignal(window.export("svg", tmp_path / "no folder" / "x.svg").finished):
        pass
    assert window.page.error.isVisible()
    assert "could not be written" in window.page.error.text


def test_the_report_names_the_machine_and_its_findings() -> None:
    node = replace(workstation(), pve_version="9.1", kernel="6.17.2-1-pve", taken="2026-01-01T00:00:00Z")
    made = report(node, (finding(Severity.WARNING, address=at("01:00.0")),))
    assert made.title == "pve1"
    assert made.facts.startswith("Proxmox VE 9.1 · Linux 6.17.2-1-pve · IOMMU on, ")
    assert (made.lines[0].word, made.lines[0].about) == ("Warning", "GeForce RTX 3090 · 01:00.0")
    assert report(node, ()).lines == ()
