"""The window as a whole, against a stand-in for the backend."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from gui_findings import finding
from gui_stand_ins import GPU, NIC, StandInNode, StandInOpening
from PySide6.QtCore import QSettings
from PySide6.QtWidgets import QMessageBox

from backend.errors import SnapshotError
from backend.plan.plan import Hazard
from gui.dialogs.log_dialog import LogDialog
from gui.main_window import MainWindow


@pytest.fixture
def opening() -> StandInOpening:
    return StandInOpening()


@pytest.fixture
def window(qtbot, runner, opening, settings: QSettings) -> MainWindow:
    made = MainWindow(runner, opening, settings)
    qtbot.addWidget(made)
    made.show()
    return made


@pytest.fixture
def node(window: MainWindow) -> StandInNode:
    made = StandInNode()
    window.add_node(made)
    return made


def to_review(qtbot, window: MainWindow) -> None:
    window.bar.review.click()
    qtbot.waitUntil(lambda: window.stack.currentWidget() is window.review)


def test_an_empty_window_says_what_to_do_first(window: MainWindow) -> None:
    assert window.stack.currentWidget() is window.empty
    assert not window.bar.isVisible()
    for action in (window.menus.refresh, window.menus.review, window.menus.save, window.menus.iommu):
        assert not action.isEnabled()


def test_the_change_bar_comes_with_the_first_change_and_goes_with_the_last(window, node) -> None:
    assert window.stack.currentWidget() is window.page
    assert not window.bar.isVisible()
    window.reserve(GPU)
    assert window.bar.isVisible()
    assert window.bar.title.text() == "1 change on pve1"
    window.page.iommu_button.click()
    assert window.bar.title.text() == "2 changes on pve1"
    assert not window.page.iommu_button.isVisible()
    window.unstage_last()
    assert [intent.kind for intent in node.staged] == ["reserve-card"]
    window.menus.unstage.trigger()
    assert node.staged == ()
    assert not window.bar.isVisible()
    assert window.page.iommu_button.isVisible()


def test_unstaging_one_function_unstages_its_card(window, node) -> None:
    window.reserve(GPU)
    window.stage_iommu_on()
    window.page.unstage_requested.emit(GPU)
    assert [intent.kind for intent in node.staged] == ["iommu-on"]
    window.discard()
    assert node.staged == ()


def test_from_change_to_verdict_and_back(qtbot, window, node) -> None:
    window.reserve(GPU)
    to_review(qtbot, window)
    assert not window.bar.isVisible()
    shown = window.review.plan
    window.review.push_button.click()
    qtbot.waitUntil(lambda: window.push.state(0) == "running")
    assert window.stack.currentWidget() is window.push
    assert not window.nodes.isEnabled()
    node.gate.set()
    qtbot.waitUntil(lambda: not window.push.running)
    assert node.pushed == [shown]
    window.push.undo_button.click()
    qtbot.waitUntil(lambda: window.stack.currentWidget() is window.review)
    assert window.review.plan.writes[0].after == b'A="quiet"\n'
    window.review.push_button.click()
    qtbot.waitUntil(lambda: window.push.banner.isVisible())
    assert "byte for byte" in window.push.banner.text
    window.push.done_button.click()
    assert window.stack.currentWidget() is window.page


def test_a_refused_plan_cannot_be_pushed(qtbot, window, node) -> None:
    node.hazards = (Hazard("this-connection", NIC, ("eno1",)),)
    window.reserve(GPU)
    to_review(qtbot, window)
    assert not window.review.push_button.isEnabled()
    window.review.back_requested.emit()
    assert window.bar.isVisible()


def test_a_snapshot_file_is_reviewed_but_not_pushed(qtbot, window) -> None:
    window.add_node(StandInNode(name="saved", live=False))
    window.reserve(GPU)
    to_review(qtbot, window)
    assert not window.review.push_button.isEnabled()
    assert not window.menus.refresh.isEnabled()


def test_staged_changes_stay_with_their_node(window, node) -> None:
    other = StandInNode(name="pve2")
    window.add_node(other)
    window.reserve(GPU)
    assert (len(node.staged), len(other.staged)) == (0, 1)
    window.nodes.setCurrentRow(0)
    assert not window.bar.isVisible()
    window.nodes.setCurrentRow(1)
    assert window.bar.title.text() == "1 change on pve2"


def test_quitting_during_a_push_is_refused_with_a_word(qtbot, window, node) -> None:
    window.reserve(GPU)
    to_review(qtbot, window)
    window.review.push_button.click()
    qtbot.waitUntil(lambda: window.push.running)
    assert not window.close()
    box = window.findChild(QMessageBox, "quit_box")
    assert "before the next step" in box.informativeText()
    box.close()
    node.gate.set()
    qtbot.waitUntil(lambda: not window.push.running)
    assert window.close()


def test_a_file_that_is_no_snapshot_is_told_in_words(qtbot, window, opening, tmp_path: Path) -> None:
    opening.answers = [SnapshotError("listing-cut", path="/x/lspci.txt", line="7")]
    window.open_file(tmp_path / "lspci.txt")
    qtbot.waitUntil(lambda: window.findChild(QMessageBox, "error_box") is not None)
    box = window.findChild(QMessageBox, "error_box")
    assert "ends in the middle" in box.text()
    assert "/x/lspci.txt, line 7" in box.informativeText()
    box.close()


def test_geometry_is_remembered(qtbot, runner, opening, settings, window) -> None:
    window.resize(790, 590)
    size = window.size()
    window.close()
    again = MainWindow(runner, opening, settings)
    qtbot.addWidget(again)
    assert again.size() == size


def test_a_file_is_compared_and_a_device_of_it_shown(qtbot, window, node, opening, tmp_path: Path) -> None:
    earlier = StandInNode()
    earlier.node = replace(
        node.node, kernel="5.15.0", functions=tuple(f for f in node.node.functions if f.address != GPU)
    )
    opening.answers.append(earlier)
    with qtbot.waitSignal(window.compare_with(tmp_path / "earlier").finished):
        pass
    assert window.stack.currentWidget() is window.comparison
    assert "Appeared" in window.comparison.text()
    window.comparison.device_requested.emit(GPU)
    assert window.stack.currentWidget() is window.page
    assert window.page.selection.current == GPU


def test_a_file_that_cannot_be_compared_is_told(qtbot, window, node, opening, tmp_path: Path) -> None:
    opening.answers.append(SnapshotError("not-a-snapshot", path=str(tmp_path)))
    with qtbot.waitSignal(window.compare_with(tmp_path).finished):
        pass
    assert window.stack.currentWidget() is window.page
    assert window.page.error.isVisible()


def test_the_doctor_examines_what_is_opened_and_its_fix_can_be_staged(qtbot, window) -> None:
    worst = finding(mends=True)
    made = StandInNode(found=(worst,))
    window.add_node(made)
    assert window.page.doctor.next.title.text() == "Examining…"
    qtbot.waitUntil(lambda: window.page.doctor.findings == (worst,))
    card = next(row for row in window.page.doctor.rows if row.step.findings).cards[0]
    card.stage.click()
    assert made.staged == (worst.told.remedy,)
    assert card.stage.text() == "Fix is staged"
    window.discard()
    assert card.stage.text() == "Stage the fix"


def test_an_examination_that_fails_is_told_on_its_own_node(qtbot, window, monkeypatch) -> None:
    broken = StandInNode()

    def fail() -> None:
        raise SnapshotError("listing-cut")

    monkeypatch.setattr(broken, "findings", fail, raising=False)
    window.add_node(broken)
    qtbot.waitUntil(lambda: "ends in the middle" in window.page.doctor.next.title.text())
    window.add_node(StandInNode(name="pve2"))
    qtbot.waitUntil(lambda: window.page.doctor.copy_button.isEnabled())
    assert "ends in the middle" not in window.page.doctor.next.title.text()


def test_each_node_keeps_its_findings(qtbot, window) -> None:
    window.add_node(StandInNode(found=(finding(),)))
    window.add_node(StandInNode(name="pve2"))
    qtbot.waitUntil(lambda: window.page.doctor.copy_button.isEnabled())
    assert window.page.doctor.findings == ()
    window.nodes.setCurrentRow(0)
    qtbot.waitUntil(lambda: len(window.page.doctor.findings) == 1)


def test_a_log_is_explained_for_the_chosen_node(qtbot, window, node) -> None:
    window.menus.explain.trigger()
    box = window.findChild(LogDialog)
    box.text.setPlainText("one\ntwo")
    box.explain()
    qtbot.waitUntil(lambda: len(node.heard) == 2)
    qtbot.waitUntil(lambda: "No known message" in box.state.title.text())
    box.close()
