"""The board as a scene: keeps one item for each piece of the layout, and changes only what changed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TypeVar

from PySide6.QtCore import QObject, QPointF, Signal
from PySide6.QtGui import QColor, QFont
from PySide6.QtWidgets import QGraphicsScene, QGraphicsSceneMouseEvent

from backend.node.address import PciAddress
from backend.node.node import Node
from gui import words
from gui.map.items import Badge, BarItem, FrameItem, LaneItem, Piece, RowText, Style, TileItem, ZoneItem
from gui.map.layout import Bar, Lane, MapLayout, Row, Tile, layout, parents_of
from gui.models.selection import Selection
from gui.theme import Colours

_Item = TypeVar("_Item", bound=Piece)


class MapScene(QGraphicsScene):
    """Shows a node in the "slots" arrangement. Selecting goes through `selection`, which others share."""

    inspect_requested = Signal(object)  # PciAddress: a double click or Enter

    def __init__(self, selection: Selection, font: QFont, colours: Colours, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self.selection = selection
        self.style_of_items = Style(font, colours)
        self.node = Node()
        self.layout = MapLayout(0, 0)
        self.staged: dict[PciAddress, str] = {}
        self._focused = False
        self._zones: dict[str, ZoneItem] = {}
        self._bars: dict[str, BarItem] = {}
        self._lanes: dict[str, LaneItem] = {}
        self._frames: dict[str, FrameItem] = {}
        self._tiles: dict[str, TileItem] = {}
        self._pf_of: dict[PciAddress, PciAddress] = {}
        self.setBackgroundBrush(QColor(colours.canvas))
        selection.changed.connect(self._follow)

    # --- content ----------------------------------------------------------------------------------

    def set_node(self, node: Node, width: float) -> None:
        """Show `node` on a board about `width` wide. Pieces that stay keep their items."""
        self.node = node
        self.layout = layout(node, width, self.style_of_items.line)
        board, style = self.layout, self.style_of_items
        self._zones = self._kept(self._zones, [zone.key for zone in board.zones], ZoneItem)
        for zone in board.zones:
            self._zones[zone.key].show_piece(zone, words.zone_title(zone.kind, zone.numa, zone.root))
        self._bars = self._kept(self._bars, [bar.key for bar in board.bars], BarItem)
        for bar in board.bars:
            self._bars[bar.key].show_piece(bar, self._bar_title(bar))
        self._lanes = self._kept(self._lanes, [lane.key for lane in board.lanes], LaneItem)
        for lane in board.lanes:
            self._lanes[lane.key].show_piece(lane, *self._lane_texts(lane))
        self._frames = self._kept(self._frames, [frame.key for frame in board.frames], FrameItem)
        own = {tile.key: [a for row in tile.rows for a in row.addresses] for tile in board.tiles}
        for frame in board.frames:
            inside = [address for key in frame.tiles for address in own[key]]
            self._frames[frame.key].show_piece(frame, words.frame_header(node, frame.groups, inside, frame.others))
        self._tiles = self._kept(self._tiles, [tile.key for tile in board.tiles], TileItem)
        for tile in board.tiles:
            self._show_tile(tile)
        self.setSceneRect(0, 0, board.width, board.height)
        self.setBackgroundBrush(QColor(style.colours.canvas))
        self._follow(self.selection.current)

    def set_staged(self, staged: Mapping[PciAddress, str]) -> None:
        """Show the driver each function will have after the reboot. Only tiles that differ repaint."""
        differs = {a for a in {*self.staged, *staged} if self.staged.get(a) != staged.get(a)}
        self.staged = dict(staged)
        for tile in self.layout.tiles:
            if any(address in differs for row in tile.rows for address in row.addresses):
                self._show_tile(tile)

    def restyle(self, font: QFont, colours: Colours, width: float) -> None:
        """Take other fonts and colours, and paint everything anew."""
        style = Style(font, colours)
        self.style_of_items.__dict__.update(style.__dict__)
        self.set_node(self.node, width)
        self.update()

    def _kept(self, items: dict[str, _Item], keys: Sequence[str], kind: type[_Item]) -> dict[str, _Item]:
        """Items for `keys`: those there are, new ones for new keys; the others leave the scene."""
        for key in items.keys() - set(keys):
            self.removeItem(items[key])
        result: dict[str, _Item] = {}
        for key in keys:
            item = items.get(key)
            if item is None:
                item = kind(self.style_of_items)
                self.addItem(item)
            result[key] = item
        return result

    # --- texts ------------------------------------------------------------------------------------

    def _bar_title(self, bar: Bar) -> str:
        if bar.address is None:
            told = ":" in bar.name  # else arranged by bus
            return (self.tr("root complex {name}") if told else self.tr("domain {name}")).format(name=bar.name)
        name = words.short_address(bar.address)
        below = [lane for lane in self.layout.lanes if lane.x == bar.rect.right]
        ports = any(lane.port is not None and bar.rect.y <= lane.y <= bar.rect.bottom for lane in below)
        return (self.tr("switch {name}") if ports else self.tr("bridge {name}")).format(name=name)

    def _lane_texts(self, lane: Lane) -> tuple[str, str, str]:
        """Above, under and beside the lane."""
        if lane.slot:
            above = lane.slot
        elif lane.port is not None:
            above = self.tr("port {address}").format(address=words.short_address(lane.port))
        elif lane.bus is not None:
            above = self.tr("bus {bus}").format(bus=lane.bus)
        else:
            above = ""
        if lane.empty:
            return above, "", words.empty_slot(lane.link)
        if lane.below:
            return above, words.link_below(lane.link, lane.card_width, lane.card_speed), ""
        return above, words.link_line(lane.link), ""

    def _show_tile(self, tile: Tile) -> None:
        title = words.short_name(self.node.by_address[tile.rows[0].addresses[0]])
        texts = tuple(self._row_text(row, alone=not tile.head, title=title) for row in tile.rows)
        self._tiles[tile.key].show_piece(tile, title, texts)

    def _row_text(self, row: Row, *, alone: bool, title: str) -> RowText:
        if row.kind == "system":
            return RowText("lock", words.system_row(len(row.addresses)))
        if row.kind == "vfs":
            drivers = sorted({self.node.by_address[a].driver or "" for a in row.addresses} - {""})
            return RowText(
                "vf",
                words.count_vfs(len(row.addresses)),
                words.short_address(row.addresses[0]) + " …" if len(row.addresses) > 1 else "",
                driver=", ".join(drivers),
            )
        address = row.addresses[0]
        function = self.node.by_address[address]
        name, word = words.short_name(function), words.class_word(function)
        shown = name if alone or not function.device_name else word if name == title else f"{word}: {name}"
        uses = self.node.uses_of.get(address, ())
        use = words.weightiest(uses)
        badges: tuple[Badge, ...] = ()
        if use is not None:
            text = words.use_badge(use) + (f" +{len(uses) - 1}" if len(uses) > 1 else "")
            grave = use.kind in words.GRAVE_USES
            badges = (Badge(text, "bad" if grave else "neutral", "lock" if grave else None),)
        staged = self.staged.get(address)
        return RowText(
            words.icon_of(function),
            shown,
            words.short_address(address),
            note=words.interface_of(self.node, address) or "",
            driver=words.driver_word(self.node, function),
            staged=words.at_reboot(staged) if staged is not None and staged != function.driver else "",
            badges=badges,
            tip="\n".join(
                part
                for part in (
                    f"{address}  {function.ids or ''}",
                    function.device_name or word,
                    words.group_sentence(self.node, function),
                    *(words.use_chain(u) for u in uses),
                )
                if part
            ),
        )

    # --- selection --------------------------------------------------------------------------------

    def rows(self) -> list[tuple[Tile, Row]]:
        """What can be selected, from top to bottom."""
        found = [(tile, row) for tile in self.layout.tiles for row in tile.rows if row.kind != "system"]
        return sorted(found, key=lambda item: (item[1].rect.y, item[1].rect.x))

    def row_of(self, address: PciAddress | None) -> tuple[Tile, Row] | None:
        return next(((tile, row) for tile, row in self.rows() if address in row.addresses), None)

    def set_focused(self, focused: bool) -> None:
        self._focused = focused
        self._follow(self.selection.current)

    def _follow(self, address: object) -> None:
        found = self.row_of(address) if isinstance(address, PciAddress) else None
        tile = found[0] if found else None
        way = set(tile.path) if tile is not None else set()
        if isinstance(address, PciAddress) and found is None and address in self.node.by_address:
            # A bridge: light the way to it.
            above, at = parents_of(self.node), address
            while at not in way:
                way.add(at)
                at = above.get(at, at)
        for key, item in self._tiles.items():
            is_it = tile is not None and key == tile.key and isinstance(address, PciAddress)
            item.set_current(address if is_it and isinstance(address, PciAddress) else None, is_it and self._focused)
        groups: set[int] = set()
        for frame in self._frames.values():
            if tile is not None and frame.frame is not None and tile.key in frame.frame.tiles:
                groups = set(frame.frame.groups)
        for frame in self._frames.values():
            # Where no groups are known a frame says nothing of what goes together.
            frame.set_emphasis(frame.frame is not None and bool(groups & set(frame.frame.groups)))
        for lane in self._lanes.values():
            lane.set_emphasis(lane.lane is not None and lane.lane.port is not None and lane.lane.port in way)
        for bar in self._bars.values():
            bar.set_emphasis(bar.bar is not None and bar.bar.address is not None and bar.bar.address in way)

    def _tile_at(self, point: QPointF) -> TileItem | None:
        return next((item for item in self.items(point) if isinstance(item, TileItem)), None)

    def mousePressEvent(self, event: QGraphicsSceneMouseEvent) -> None:
        item = self._tile_at(event.scenePos())
        row = item.row_at(event.scenePos()) if item is not None else None
        self.selection.current = row.addresses[0] if row is not None else None
        event.accept()

    def mouseReleaseEvent(self, event: QGraphicsSceneMouseEvent) -> None:
        event.accept()

    def mouseDoubleClickEvent(self, event: QGraphicsSceneMouseEvent) -> None:
        if self.selection.current is not None and self._tile_at(event.scenePos()) is not None:
            self.inspect_requested.emit(self.selection.current)
        event.accept()

    def hover(self, point: QPointF | None) -> None:
        """Mark the row under `point`."""
        under = self._tile_at(point) if point is not None else None
        for item in self._tiles.values():
            item.set_hovered(point if item is under else None)
