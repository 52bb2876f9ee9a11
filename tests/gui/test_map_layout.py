from __future__ import annotations

from itertools import combinations
from pathlib import Path

import pytest
from machines import at, make, node_of, port, server, workstation

from backend.demo.machines.server import huge as demo_huge
from backend.demo.machines.server import server as demo_server
from backend.demo.machines.small import small as demo_small
from backend.demo.machines.workstation import workstation as demo_workstation
from backend.demo.world import World
from backend.errors import LanewrightError
from backend.node.address import PciAddress
from backend.node.node import Iommu, Node
from backend.snapshot.foreign import open_any
from backend.snapshot.readers import read_node
from gui.map.layout import is_system, layout, parents_of
from gui.map.pieces import MapLayout, Rect
from gui.map.structure import Structure

MACHINES = {
    "workstation": workstation(),
    "no groups": workstation(groups=False),
    "server": server(8),
    "nothing": Node(),
    "demo small": read_node(World(demo_small()).snapshot()),
    "demo workstation": read_node(World(demo_workstation()).snapshot()),
    "demo server": read_node(World(demo_server()).snapshot()),
    "demo huge": read_node(World(demo_huge(300)).snapshot()),
}


def check(node: Node, board: MapLayout) -> None:
    """What holds on every board."""
    for pieces in (board.tiles, board.frames, board.zones, board.bars):
        for one, other in combinations(pieces, 2):
            assert not one.rect.overlaps(other.rect), (one.key, other.key)
    everything = [*board.tiles, *board.bars, *board.frames, *board.lanes]
    for piece in everything:
        assert any(
            zone.rect.x <= piece.rect.x
            and piece.rect.right <= zone.rect.right
            and zone.rect.y <= piece.rect.y
            and piece.rect.bottom <= zone.rect.bottom
            for zone in board.zones
        ), piece
    for zone in board.zones:
        assert zone.rect.right <= board.width
        assert zone.rect.bottom <= board.height
    keys = [piece.key for piece in everything] + [zone.key for zone in board.zones]
    assert len(keys) == len(set(keys))
    for tile in board.tiles:
        heights = sum(row.rect.h for row in tile.rows) + tile.head
        assert heights == pytest.approx(tile.rect.h)
        assert len({node.by_address[r.addresses[0]].group for r in tile.rows if r.kind == "function"}) <= 1
    drawn = drawn_in(board)
    assert len(drawn) == len(set(drawn))
    assert set(drawn) <= set(node.by_address)


def drawn_in(board: MapLayout) -> list[PciAddress]:
    return [a for tile in board.tiles for row in tile.rows for a in row.addresses]


def check_slots(node: Node, board: MapLayout) -> None:
    check(node, board)
    drawn = set(drawn_in(board))
    lanes = {lane.port for lane in board.lanes} | {bar.address for bar in board.bars}
    assert set(node.by_address) <= drawn | lanes
    assert drawn >= {
        f.address for f in node.functions if not f.is_pci_bridge and f.address not in parents_of(node).values()
    }
    framed = [key for frame in board.frames for key in frame.tiles]
    assert sorted(framed) == sorted(t.key for t in board.tiles if not t.is_faint)


def check_groups(node: Node, board: MapLayout) -> None:
    check(node, board)
    assert set(drawn_in(board)) == set(node.by_address)
    tiles = {tile.key: tile for tile in board.tiles}
    for room in board.frames:
        (group,) = room.groups
        inside = {a for key in room.tiles for row in tiles[key].rows for a in row.addresses if row.kind == "function"}
        bridges = (
            {a for row in tiles[f"bridges {group}"].rows for a in row.addresses}
            if f"bridges {group}" in tiles
            else set()
        )
        folded = Structure(node).hidden
        assert inside | bridges == set(node.by_group[group].functions) - folded
        assert all(covers(room.rect, tiles[key].rect) for key in room.tiles)


def covers(outer: Rect, inner: Rect) -> bool:
    across = outer.x <= inner.x and inner.right <= outer.right
    return across and outer.y <= inner.y and inner.bottom <= outer.bottom


def moving(board: MapLayout) -> dict[str, list[tuple[PciAddress, ...]]]:
    return {tile.key: [row.addresses for row in tile.rows] for tile in board.tiles if not tile.is_faint}


@pytest.mark.parametrize("name", MACHINES)
@pytest.mark.parametrize("width", [300, 940, 1900])
@pytest.mark.parametrize("line", [15.0, 32.0])
def test_nothing_overlaps_and_nothing_is_missing(name: str, width: float, line: float) -> None:
    node = MACHINES[name]
    slots, groups = layout(node, width, line), layout(node, width, line, "groups")
    check_slots(node, slots)
    check_groups(node, groups)
    assert moving(slots) == moving(groups)


def test_equal_nodes_give_equal_boards() -> None:
    for arrangement in ("slots", "groups"):
        assert layout(workstation(), 900, 16, arrangement) == layout(workstation(), 900, 16, arrangement)


def test_a_shared_group_has_one_dashed_frame_round_both_cards() -> None:
    board = layout(workstation(), 900)
    (frame,) = [frame for frame in board.frames if frame.hue is not None]
    assert frame.groups == (20,)
    assert frame.tiles == ("0000:05:00", "0000:06:00")
    assert frame.others[0] == at("06:00.0")  # what the host uses comes first


def test_without_groups_one_neutral_frame_a_zone() -> None:
    board = layout(workstation(groups=False), 900)
    assert {(frame.groups, frame.hue) for frame in board.frames} == {((), None)}
    assert len(board.frames[0].tiles) == 5


def test_a_lane_says_where_the_card_could_do_more() -> None:
    lanes = {lane.slot: lane for lane in layout(workstation(), 900).lanes}
    assert lanes["PCIEX16_2"].below
    assert lanes["PCIEX16_2"].card_width == 8
    assert not lanes["PCIEX16_1"].below  # a GPU at rest lowers its speed by itself
    assert lanes["PCIEX16_1"].thickness > lanes["M2_1"].thickness > lanes["PCIEX1_1"].thickness


def test_empty_slots_are_drawn_last() -> None:
    lanes = layout(workstation(), 900).lanes
    assert [lane.slot for lane in lanes if lane.empty] == ["PCIEX16_3", "PCIEX1_2"]
    assert all(lane.empty for lane in lanes[-2:])


def test_an_empty_slot_has_the_name_that_is_printed_on_the_board() -> None:
    empty = {lane.slot for lane in layout(MACHINES["demo workstation"], 1200).lanes if lane.empty}
    assert empty == {"PCIEX1_1", "PCIEX16_2"}


def test_four_thousand_vfs_are_one_row() -> None:
    board = layout(server(4096), 900)
    (row,) = [row for tile in board.tiles for row in tile.rows if row.kind == "vfs"]
    assert len(row.addresses) == 4096
    assert sum(len(tile.rows) for tile in board.tiles) < 20


def test_a_switch_is_a_bar_between_its_ports() -> None:
    board = layout(server(), 900)
    (switch,) = [bar for bar in board.bars if bar.address is not None]
    assert switch.address == at("21:00.0")
    below = [lane for lane in board.lanes if lane.x == switch.rect.right]
    assert [lane.port for lane in below] == [at(f"22:{n:02x}.0") for n in (0, 4, 8, 12)]
    assert all(switch.rect.y <= lane.y <= switch.rect.bottom for lane in below)
    tile = next(tile for tile in board.tiles if tile.key == "0000:24:00")
    assert tile.path == (at("20:01.1"), at("21:00.0"), at("22:04.0"))


def test_a_bridge_with_nothing_below_it_does_not_lie_on_a_card() -> None:
    node = node_of(
        [
            port("00:01.0", 1),
            make("01:00.0", 0x020000, "NIC", "e1000e", 2, parent="00:01.0"),
            port("01:01.0", 3, parent="00:01.0"),
        ]
    )
    board = layout(node, 900)
    bars = [bar for bar in board.bars if bar.address is not None]
    assert [bar.address for bar in bars] == [at("01:01.0")]
    assert not any(bar.rect.overlaps(tile.rect) for bar in bars for tile in board.tiles)


def test_without_a_chain_of_bridges_cards_are_arranged_by_bus() -> None:
    node = node_of(
        [
            make("00:00.0", 0x060000, "Host Bridge", None, 0),
            make("00:01.0", 0x060400, "PCI bridge", None, 1),
            make("01:00.0", 0x030000, "GPU", None, 2),
            make("03:00.0", 0x020000, "NIC", None, 3),
        ]
    )
    board = layout(node, 900)
    check_slots(node, board)
    assert [lane.bus for lane in board.lanes] == ["01", "03"]


def test_secondary_buses_tell_the_chain_where_parents_are_not_told() -> None:
    node = node_of(
        [
            make("00:01.0", 0x060400, "PCI bridge", None, 1, secondary_bus=1),
            make("01:00.0", 0x030000, "GPU", None, 2),
        ]
    )
    (tile,) = layout(node, 900).tiles
    assert tile.path == (at("00:01.0"),)


def test_host_bridges_are_one_line() -> None:
    node = server()
    rows = [row for tile in layout(node, 900).tiles for row in tile.rows if row.kind == "system"]
    assert sum(len(row.addresses) for row in rows) == sum(map(is_system, node.functions))
    assert len(rows) == 2  # one for each NUMA node


def real_machines(corpus: Path) -> list[Path]:
    folders = ("sysfs", "sysfs-rebuilt", "groups", "lspci")
    return sorted(path for folder in folders for path in (corpus / folder).iterdir() if path.is_file())


@pytest.mark.corpus
def test_every_real_machine_fits_on_a_board(corpus: Path) -> None:
    shown = 0
    for path in real_machines(corpus):
        try:
            node = open_any(path)
        except (LanewrightError, ValueError):
            continue
        slots, groups = layout(node, 940), layout(node, 940, 16, "groups")
        check_slots(node, slots)
        check_groups(node, groups)
        assert moving(slots) == moving(groups)
        shown += bool(node.functions)
    assert shown > 20


def test_an_iommu_that_is_off_makes_no_difference_to_places() -> None:
    node = workstation(groups=False)
    assert node.iommu == Iommu(active=False)
    assert [t.key for t in layout(node, 900).tiles if t.path] != []


def test_a_card_in_two_groups_is_two_tiles_that_join() -> None:
    parts = [tile for tile in layout(workstation(), 900).tiles if tile.key.startswith("0000:02:00")]
    assert [(part.joins_above, part.joins_below, bool(part.head)) for part in parts] == [
        (False, True, True),
        (True, False, False),
    ]
    assert parts[0].rect.bottom == parts[1].rect.y
    board = layout(workstation(), 900, 16, "groups")
    rooms = [frame for frame in board.frames if any(key.startswith("0000:02:00") for key in frame.tiles)]
    assert [room.groups for room in rooms] == [(16,), (17,)]
    assert not any(tile.joins_above or tile.joins_below for tile in board.tiles)


def test_a_room_holds_what_shares_the_group_and_its_bridges_below() -> None:
    board = layout(workstation(), 900, 16, "groups")
    (room,) = [frame for frame in board.frames if frame.hue is not None]
    assert (room.groups, room.tiles) == ((20,), ("0000:05:00", "0000:06:00"))
    assert room.others[0] == at("06:00.0")
    (bridges,) = [tile for tile in board.tiles if tile.key == "bridges 20"]
    assert bridges.rows[0].addresses == (at("00:1c.0"), at("00:1c.4"))
    assert covers(room.rect, bridges.rect)


def test_groups_of_bridges_only_are_one_row_after_the_others() -> None:
    board = layout(workstation(), 900, 16, "groups")
    assert [zone.kind for zone in board.zones] == ["groups", "bridges"]
    tile = board.tiles[-1]
    assert set(tile.rows[0].addresses) == {at(f"00:{a}") for a in ("00.0", "01.0", "01.1", "01.2", "06.0", "1d.0")}


def test_rooms_stand_in_the_zone_of_their_numa_node() -> None:
    board = layout(server(), 1400, 16, "groups")
    zones = {zone.numa: zone.rect for zone in board.zones if zone.kind == "groups"}
    assert sorted(numa for numa in zones if numa is not None) == [0, 1]
    (room,) = [frame for frame in board.frames if frame.tiles == ("0000:81:00",)]
    assert covers(zones[1], room.rect)


def test_without_an_iommu_the_tiles_stand_in_no_room() -> None:
    board = layout(workstation(groups=False), 900, 16, "groups")
    assert board.frames == ()
    assert [zone.kind for zone in board.zones] == ["apart"]


def test_a_wide_board_has_more_columns() -> None:
    def columns(width: float) -> int:
        return len({frame.rect.x for frame in layout(workstation(), width, 16, "groups").frames})

    assert columns(400) == 1 < columns(900) < columns(2500)


def test_what_is_behind_a_vmd_hangs_below_it_and_shares_its_group() -> None:
    node = node_of(
        [
            make("00:0e.0", 0x010400, "Volume Management Device NVMe RAID Controller", "vmd", 7),
            port("10000:e0:06.0", 7, width=4, parent="00:0e.0"),
            make("10000:e1:00.0", 0x010802, "NVMe SSD", "nvme", 7, parent="10000:e0:06.0"),
        ]
    )
    slots, groups = layout(node, 900), layout(node, 900, 16, "groups")
    check_slots(node, slots)
    check_groups(node, groups)
    (tile,) = slots.tiles
    assert tile.path == (at("00:0e.0"), at("10000:e0:06.0"))
    assert [frame.groups for frame in groups.frames] == [(7,)]


def test_many_cards_on_a_root_bus_stand_side_by_side() -> None:
    node = node_of([make(f"00:{n:02x}.0", 0x088000, "System", None, None) for n in range(2, 30)], iommu=Iommu())
    board = layout(node, 1900)
    check_slots(node, board)
    assert len({tile.rect.x for tile in board.tiles}) >= 2
    assert board.height < 0.6 * layout(node, 500).height
