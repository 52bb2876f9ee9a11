from __future__ import annotations

from itertools import combinations
from pathlib import Path

import pytest
from machines import at, make, node_of, port, server, workstation

from backend.errors import LanewrightError
from backend.node.node import Iommu, Node
from backend.snapshot.foreign import open_any
from gui.map.layout import MapLayout, is_system, layout, parents_of

MACHINES = {
    "workstation": workstation(),
    "no groups": workstation(groups=False),
    "server": server(8),
    "nothing": Node(),
}


def check(node: Node, board: MapLayout) -> None:
    """What holds on every board."""
    for one, other in combinations(board.tiles, 2):
        assert not one.rect.overlaps(other.rect), (one.key, other.key)
    for one_frame, other_frame in combinations(board.frames, 2):
        assert not one_frame.rect.overlaps(other_frame.rect), (one_frame.key, other_frame.key)
    for one_zone, other_zone in combinations(board.zones, 2):
        assert not one_zone.rect.overlaps(other_zone.rect), (one_zone.key, other_zone.key)
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
    drawn = [a for tile in board.tiles for row in tile.rows for a in row.addresses]
    assert len(drawn) == len(set(drawn))
    assert set(drawn) >= {
        f.address for f in node.functions if not f.is_pci_bridge and f.address not in parents_of(node).values()
    }
    assert set(drawn) <= set(node.by_address)
    framed = [key for frame in board.frames for key in frame.tiles]
    assert sorted(framed) == sorted(t.key for t in board.tiles if t.rows[0].kind != "system")


@pytest.mark.parametrize("name", MACHINES)
@pytest.mark.parametrize("width", [300, 940, 1900])
@pytest.mark.parametrize("line", [15.0, 32.0])
def test_nothing_overlaps_and_nothing_is_missing(name: str, width: float, line: float) -> None:
    check(MACHINES[name], layout(MACHINES[name], width, line))


def test_equal_nodes_give_equal_boards() -> None:
    assert layout(workstation(), 900) == layout(workstation(), 900)


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
    check(node, board)
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
        check(node, layout(node, 940))
        shown += bool(node.functions)
    assert shown > 20


def test_an_iommu_that_is_off_makes_no_difference_to_places() -> None:
    node = workstation(groups=False)
    assert node.iommu == Iommu(active=False)
    assert [t.key for t in layout(node, 900).tiles if t.path] != []
