from __future__ import annotations

import dataclasses

import pytest
from gui_findings import finding
from machines import at, workstation
from PySide6.QtCore import Qt
from PySide6.QtGui import QGuiApplication
from PySide6.QtWidgets import QLabel
from pytestqt.qtbot import QtBot

from backend.demo.machines import catalogue
from backend.demo.world import World
from backend.node.acs import REQUIRED, Flag
from backend.node.evidence import Evidence
from backend.node.grouping import Predicted, Reason
from backend.node.mapping import MappingEntry, PciMapping
from backend.node.node import Guest, Node
from backend.snapshot.readers import read_node
from gui.models.selection import Selection
from gui.widgets.facts import verdict
from gui.widgets.inspector import InspectorPanel
from gui.widgets.sections import facts, parts


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
    assert verdict(node, at("05:00.0")).text == "06:00.0  eno3 → network"
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
    panel.copy_button.click()
    text = QGuiApplication.clipboard().text()
    assert text.startswith("Ethernet Controller X710")
    assert "Ids: 8086:1572" in text
    assert "eno1 → vmbr0 → carries this connection" in text
    assert "[/sys/bus/pci/devices/0000:02:00.0/vendor, device]" in text


def told_of(node: Node, address: str, key: str) -> dict[str, str]:
    part = next((part for part in parts(node, at(address)) if part.key == key), None)
    return {} if part is None else {fact.label: fact.value for fact in part.facts}


def test_guests_are_told_by_address_and_by_mapping() -> None:
    entry = MappingEntry(
        "pve1", ("0000:01:00",), "10de:2204", None, 15, Evidence("/etc/pve/mapping/pci.cfg", "map node=pve1", 2)
    )
    there = PciMapping("gpu", (entry,), False, Evidence("/etc/pve/mapping/pci.cfg", "gpu", 1))
    elsewhere = PciMapping("other", (dataclasses.replace(entry, node="pve2"),), False, there.evidence)
    guests = (
        Guest(101, "win11", False, {"hostpci0": "01:00,pcie=1"}, lines={"hostpci0": 4}, path="/etc/pve/101.conf"),
        Guest(102, None, False, {"hostpci1": "mapping=gpu"}),
        Guest(103, None, False, {"hostpci0": "0000:02:00.0"}),
        Guest(104, None, False, {"hostpci0": "mapping=other"}),
    )
    node = dataclasses.replace(workstation(), guests=guests, mappings=(there, elsewhere))
    assert told_of(node, "01:00.1", "guests") == {
        "VM 101 “win11”": "hostpci0: 01:00,pcie=1",
        "VM 102": "hostpci1: mapping=gpu",
        "Mapping gpu": "map node=pve1",
    }
    assert told_of(node, "06:00.0", "guests") == {}
    line = next(fact for part in parts(node, at("01:00.0")) if part.key == "guests" for fact in part.facts)
    assert line.source == "/etc/pve/101.conf:4"


def test_group_mates_say_what_they_cost_and_lead_on(panel: InspectorPanel) -> None:
    told = told_of(workstation(), "05:00.0", "group")
    assert {label: told[label] for label in ("Group", "00:1c.0", "00:1c.4", "06:00.0")} == {
        "Group": "20, with eno3",
        "00:1c.0": "PCIe Root Port: a bridge, stays with the host",
        "00:1c.4": "PCIe Root Port: a bridge, stays with the host",
        "06:00.0": "Ethernet Controller I225-V: eno3 → network",
    }
    select(panel, "05:00.0")
    mate = next(shown for shown in panel.sections["group"].findChildren(QLabel) if "I225-V" in shown.text())
    mate.linkActivated.emit("go")
    assert panel._selection.current == at("06:00.0")


def test_a_group_is_explained_and_expected_where_the_iommu_is_off(monkeypatch: pytest.MonkeyPatch) -> None:
    port, own, other = at("00:1c.0"), at("05:00.0"), at("06:00.0")
    part = Flag.REQUEST_REDIRECT | Flag.UPSTREAM_FORWARDING
    reasons = (
        Reason("no-acs", own, port, REQUIRED),
        Reason("no-acs", other, port, REQUIRED),
        Reason("not-apart", own, own, part),
        Reason("vmd", other, port),
    )
    made = Predicted((port, own, other), True, reasons)
    monkeypatch.setattr("gui.group_words.predict", lambda node: (made,))
    off = [fact for fact in facts(workstation(groups=False), own) if fact.label in ("Expected", "Why")]
    assert [fact.value for fact in off] == [
        "with eno3",
        "Devices below 00:1c.0 can reach one another past the IOMMU. Missing: Access Control Services (ACS).",
        "The functions of device 05:00 do not say that they are apart. "
        "Missing of its Access Control Services (ACS): request redirect, upstream forwarding.",
        "00:1c.0 (VMD) speaks for all devices behind it.",
    ]
    assert told_of(workstation(), "05:00.0", "group")["Differs"] == "its rules would have it with eno3"
    doubtful = dataclasses.replace(made, functions=(own,), certain=False)
    monkeypatch.setattr("gui.group_words.predict", lambda node: (doubtful,))
    assert told_of(workstation(groups=False), "05:00.0", "group")["Expected"] == "alone; not certain"
    assert "Differs" not in told_of(workstation(), "05:00.0", "group")


def test_a_closed_section_stays_closed(panel: InspectorPanel) -> None:
    select(panel, "01:00.0")
    panel.sections["identity"].head.click()
    select(panel, "02:00.0")
    assert not panel.sections["identity"].opened
    assert panel.sections["place"].opened


def test_nothing_is_wider_than_the_panel(panel: InspectorPanel, qtbot: QtBot) -> None:
    panel.set_findings((finding(address=at("05:00.0"), mends=True),))
    select(panel, "05:00.0")
    panel.resize(270, 700)
    body = panel._area.widget()
    qtbot.waitUntil(lambda: body.width() == panel._area.viewport().width())
    assert body.minimumSizeHint().width() <= panel._area.viewport().width()


def test_findings_of_the_device_can_be_staged(panel: InspectorPanel, qtbot: QtBot) -> None:
    own, other = finding(address=at("01:00.0"), mends=True), finding(address=at("02:00.0"))
    panel.set_findings((own, other))
    select(panel, "01:00.0")
    assert [card.finding for card in panel.cards] == [own]
    with qtbot.waitSignal(panel.stage_requested) as asked:
        panel.cards[0].stage.click()
    assert asked.args == [own.told.remedy]
    panel.copy()
    assert f"[{own.code}]" in QGuiApplication.clipboard().text()


def test_the_keyboard_reaches_every_fact(panel: InspectorPanel, qtbot: QtBot) -> None:
    select(panel, "01:00.0")
    panel.activateWindow()
    panel.enter()
    qtbot.waitUntil(lambda: panel.button.hasFocus())
    heard: list[str] = []
    for _ in range(80):
        qtbot.keyClick(panel.focusWidget(), Qt.Key.Key_Down)
        heard.append(panel.focusWidget().accessibleName())
    for fact in facts(workstation(), at("01:00.0")):
        assert (f"{fact.label}: {fact.value}" if fact.label else fact.value) in heard
    with qtbot.waitSignal(panel.left):
        qtbot.keyClick(panel.focusWidget(), Qt.Key.Key_Escape)


def test_a_nic_tells_the_addresses_reached_through_it() -> None:
    node = read_node(World(catalogue.workstation()).snapshot())
    assert ("Addresses", "10.77.0.11 (vmbr0)") in {(f.label, f.value) for f in facts(node, at("0000:05:00.0"))}
