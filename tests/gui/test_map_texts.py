"""What the pieces of the map say."""

from __future__ import annotations

from dataclasses import replace

from machines import at, make, node_of, port, workstation

from backend.node.node import Guest, Node, Use
from gui.map import marks
from gui.map.layout import layout
from gui.map.row import RowText
from gui.map.texts import Texts


def said(node: Node, **more: object) -> dict[str, RowText]:
    """Rows by the address they begin with, without the domain 0."""
    texts = Texts(node)
    for name, value in more.items():
        setattr(texts, name, value)
    board = layout(node, 900)
    return {
        str(row.addresses[0])[5:]: text
        for tile in board.tiles
        for row, text in zip(tile.rows, texts.tile(tile)[1], strict=True)
    }


def rooms(node: Node) -> list[str]:
    board = layout(node, 900, 16, "groups")
    own = {tile.key: [a for row in tile.rows for a in row.addresses] for tile in board.tiles}
    return [Texts(node).frame(frame, [a for key in frame.tiles for a in own[key]]) for frame in board.frames]


def with_uses(*uses: Use, **more: object) -> Node:
    return replace(workstation(), uses=uses, **more)  # type: ignore[arg-type]


def test_a_room_says_what_its_group_means() -> None:
    assert "group 15 · isolated" in rooms(workstation())
    assert "group 16 · isolated" in rooms(workstation())  # its virtual functions are in groups of their own
    assert "group 20 · shares with eno3, which carries a network" in rooms(workstation())
    connected = with_uses(Use(at("06:00.0"), "this-connection", ("eno3", "vmbr0")))
    assert "group 20 · shares with eno3, which carries this connection" in rooms(connected)
    assert "group 20 · shared by 2 cards" in rooms(with_uses())


def test_a_guest_is_named_and_whether_it_runs() -> None:
    use = Use(at("01:00.0"), "guest", ("101", "hostpci0"))
    for running, text in ((True, 'VM 101 "win11" running'), (False, 'VM 101 "win11"'), (None, 'VM 101 "win11"')):
        node = with_uses(use, guests=(Guest(101, "win11", onboot=True, running=running),))
        assert [(badge.icon, badge.text) for badge in said(node)["01:00.0"].badges] == [("vm", text)]


def test_every_badge_of_a_use_has_a_picture() -> None:
    rows = said(with_uses(Use(at("02:00.0"), "this-connection", ("eno1", "vmbr0")), Use(at("02:00.1"), "other", ())))
    assert [(badge.icon, badge.text) for badge in rows["02:00.0"].badges] == [
        ("lock", "vmbr0 · carries this connection")
    ]
    assert [badge.icon for badge in rows["02:00.1"].badges] == ["host"]


def test_a_row_notes_interfaces_disks_and_usb_devices() -> None:
    node = with_uses(
        Use(at("03:00.0"), "root", ("nvme0n1", "nvme0n1p3", "rpool", "/")),
        Use(at("03:00.0"), "boot", ("nvme0n1p2", "ESP")),
        Use(at("05:00.0"), "usb", ("1-7", "Zigbee Dongle")),
        Use(at("00:02.0"), "console", ("0 i915drmfb",)),
        interfaces={"eno1": at("02:00.0"), "enp2s0f0": at("02:00.0")},
    )
    rows = said(node)
    assert rows["02:00.0"].note == "eno1, enp2s0f0"
    assert rows["03:00.0"].note == "nvme0n1"
    assert rows["05:00.0"].note == "Zigbee Dongle"
    assert (rows["00:02.0"].note, rows["00:02.0"].badges[0].text) == ("", "console")


def test_a_change_that_a_mark_tells_is_not_told_twice() -> None:
    staged = {at("01:00.0"): "vfio-pci"}
    assert said(workstation(), staged=staged)["01:00.0"].staged == "vfio at reboot"
    told = {at("01:00.0"): (marks.at_reboot("vfio-pci"),)}
    row = said(workstation(), staged=staged, marks=told)["01:00.0"]
    assert row.staged == ""
    assert "vfio at reboot" in [badge.text for badge in row.badges]


def test_what_is_outside_says_so() -> None:
    node = node_of(
        [
            port("00:07.0", 1),
            make("3a:00.0", 0x030000, "eGPU", None, 2, parent="00:07.0", removable=True),
        ]
    )
    assert [(badge.icon, badge.text) for badge in said(node)["3a:00.0"].badges] == [("plug", "external")]


def test_a_vmd_is_called_by_its_name() -> None:
    node = node_of(
        [
            make("00:0e.0", 0x010400, "Volume Management Device", "vmd", 7),
            port("10000:e0:06.0", 7, parent="00:0e.0"),
            make("10000:e1:00.0", 0x010802, "NVMe SSD", "nvme", 7, parent="10000:e0:06.0"),
        ]
    )
    board = layout(node, 900)
    assert "VMD 00:0e.0" in [Texts(node).lane(lane)[0] for lane in board.lanes]
    unparented = replace(
        node, functions=tuple(replace(f, parent=None) for f in node.functions[:2]) + node.functions[2:]
    )
    titles = [Texts(unparented).zone(zone) for zone in layout(unparented, 900).zones]
    assert any("VMD, root complex 10000:e0" in title for title in titles)


def test_many_bridges_are_counted() -> None:
    board = layout(workstation(), 900, 16, "groups")
    texts = {t.key: Texts(workstation()).tile(t)[1][0].name for t in board.tiles if t.is_faint}
    assert texts["bridges 20"] == "bridges 00:1c.0, 00:1c.4"
    assert texts["bridges bridges"] == "6 bridges: 00:00.0 … 00:1d.0"
