from __future__ import annotations

import dataclasses

import pytest
from machines import at, workstation
from PySide6.QtCore import Qt
from PySide6.QtGui import QGuiApplication
from pytestqt.qtbot import QtBot

from gui.models.selection import Selection
from gui.widgets.facts import losses, verdict
from gui.widgets.inspector import InspectorPanel
from gui.widgets.sections import facts


@pytest.fixture
def panel(qtbot: QtBot) -> InspectorPanel:
    panel = InspectorPanel(Selection())
    qtbot.addWidget(panel)
    panel.set_node(workstation())
    panel.resize(320, 700)
    panel.show()
    return panel


def select(panel: InspectorPanel, address: str | None) -> None:
    panel._selection.current = None if address is None else at(address)


def test_nothing_selected_says_so(panel: InspectorPanel) -> None:
    assert panel.empty.isVisible()
    assert panel.empty.text() == "Select a device"
    select(panel, "01:00.0")
    assert not panel.empty.isVisible()
    select(panel, None)
    assert panel.empty.isVisible()


def test_a_free_card_can_be_reserved(panel: InspectorPanel, qtbot: QtBot) -> None:
    select(panel, "01:00.0")
    assert panel.title.text() == "GeForce RTX 3090"
    assert panel.verdict.title.text() == "Free to pass"
    with qtbot.waitSignal(panel.reserve_requested) as asked:
        qtbot.mouseClick(panel.button, Qt.MouseButton.LeftButton)
    assert asked.args == [at("01:00.0")]


def test_staged_can_be_undone(panel: InspectorPanel, qtbot: QtBot) -> None:
    select(panel, "01:00.0")
    panel.set_staged({at("01:00.0")})
    assert not panel.button.isVisible()
    assert panel.state.text().startswith("Staged")
    with qtbot.waitSignal(panel.unstage_requested) as asked:
        panel.state.linkActivated.emit("undo")
    assert asked.args == [at("01:00.0")]
    panel.set_staged(set())
    assert panel.button.isVisible()


@pytest.mark.parametrize(
    ("address", "word"), [("00:01.0", "A bridge or port"), ("02:02.1", "physical function 02:00.0")]
)
def test_what_cannot_be_reserved_says_why(panel: InspectorPanel, address: str, word: str) -> None:
    select(panel, address)
    assert not panel.button.isEnabled()
    assert word in panel.state.text()


def test_what_vfio_drives_already_is_said(panel: InspectorPanel) -> None:
    node = workstation()
    functions = tuple(dataclasses.replace(f, driver="vfio-pci") if f.address.bus == 1 else f for f in node.functions)
    panel.set_node(dataclasses.replace(node, functions=functions))
    select(panel, "01:00.0")
    assert not panel.button.isVisible()
    assert panel.state.text().startswith("Reserved")


def test_the_verdict_names_what_the_host_would_lose() -> None:
    node = workstation()
    said = verdict(node, at("02:00.1"))  # its other function carries the connection
    assert (said.tone, said.title) == ("bad", "The host would lose")
    assert said.text == "02:00.0  eno1 → vmbr0 → carries this connection"
    # The USB card itself is idle; its group mate is not.
    assert [use.address for use in losses(node, at("05:00.0"))] == [at("06:00.0")]
    assert verdict(node, at("00:17.0")).tone == "good"
    assert verdict(workstation(groups=False), at("01:00.0")).title == "Not yet: the IOMMU is off"


def test_facts_leave_out_what_is_not_told() -> None:
    told = {fact.label: fact.value for fact in facts(workstation(), at("01:00.0"))}
    assert told["Link"] == "2.5 GT/s x16 of 16 GT/s x16"
    assert told["BAR 1"] == "32 GiB, prefetchable · 0x6000000000"
    assert told["Group"] == "15, with its own functions only"
    assert told["Power"] == "D0, may reach D3cold"
    assert "Serial" not in {fact.label for fact in facts(workstation(), at("06:00.0"))}


def test_copy_as_text(panel: InspectorPanel, qtbot: QtBot) -> None:
    select(panel, "02:00.0")
    panel.copy()
    text = QGuiApplication.clipboard().text()
    assert text.startswith("Ethernet Controller X710")
    assert "Ids: 8086:1572" in text
    assert "eno1 → vmbr0 → carries this connection" in text
