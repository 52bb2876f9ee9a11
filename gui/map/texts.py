"""What the pieces of the map say of a node."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from PySide6.QtCore import QCoreApplication

from backend.node.address import PciAddress
from backend.node.node import Node, Use
from gui import words
from gui.map.marks import Mark
from gui.map.pieces import Bar, Frame, Lane, MapLayout, Row, Tile, Zone
from gui.map.row import Badge, RowText

translate = QCoreApplication.translate

STORAGE, DISPLAY, SERIAL_BUS = 0x01, 0x03, 0x0C  # base classes (pci.ids, list C)
SAYS_NOTHING = (0x08, 0x13)  # system peripherals and "non-essential instrumentation": no card is known by them


class Texts:
    """Of one node, with what is staged for it and how its functions are marked."""

    def __init__(self, node: Node) -> None:
        self.node = node
        self.staged: Mapping[PciAddress, str] = {}
        self.marks: Mapping[PciAddress, Sequence[Mark]] = {}
        self._interfaces: dict[PciAddress, list[str]] = {}
        for name, address in sorted(node.interfaces.items()):
            self._interfaces.setdefault(address, []).append(name)
        self._drivers_told = any(f.driver for f in node.functions)

    def zone(self, zone: Zone) -> str:
        if zone.kind == "apart" and not self.node.groups:
            return words.no_groups(self.node.iommu.active)
        return words.zone_title(zone.kind, zone.numa, zone.root)

    def frame(self, frame: Frame, inside: Sequence[PciAddress]) -> str:
        if frame.head:
            return words.room_header(
                self.node, frame.groups[0], [a for a in inside if self._group(a) == frame.groups[0]]
            )
        return words.frame_header(self.node, frame.groups, inside, frame.others)

    def _is_iommu(self, address: PciAddress) -> bool:
        return (self.node.by_address[address].class_code or 0) >> 8 == 0x0806

    def _is_raid(self, address: PciAddress) -> bool:
        return (self.node.by_address[address].class_code or 0) >> 8 == 0x0104

    def _group(self, address: PciAddress) -> int | None:
        return self.node.by_address[address].group

    def bar(self, bar: Bar, board: MapLayout) -> str:
        if bar.address is None:
            told = ":" in bar.name  # else arranged by bus
            text = translate("map", "root complex {name}") if told else translate("map", "domain {name}")
            return text.format(name=bar.name)
        below = [lane for lane in board.lanes if lane.x == bar.rect.right]
        ports = any(lane.port is not None and bar.rect.y <= lane.y <= bar.rect.bottom for lane in below)
        text = translate("map", "switch {name}") if ports else translate("map", "bridge {name}")
        return text.format(name=words.short_address(bar.address))

    def lane(self, lane: Lane) -> tuple[str, str, str]:
        """Above, under and beside the lane."""
        if lane.slot:
            above = lane.slot
        elif lane.port is not None:
            # Only a VMD leads on without being a bridge: its class is that of RAID controllers.
            text = translate("map", "VMD {address}") if self._is_raid(lane.port) else translate("map", "port {address}")
            above = text.format(address=words.short_address(lane.port))
        elif lane.bus is not None:
            above = translate("map", "bus {bus}").format(bus=lane.bus)
        else:
            above = ""
        if lane.empty:
            return above, "", words.empty_slot(lane.link)
        if lane.below:
            return above, words.link_below(lane.link, lane.card_width, lane.card_speed), ""
        return above, words.link_line(lane.link), ""

    def tile(self, tile: Tile) -> tuple[str, tuple[RowText, ...]]:
        """The card's name, and its rows."""
        own = [self.node.by_address[row.addresses[0]] for row in tile.rows]
        if tile.joins_above:
            own = list(self.node.card(own[0].address)) or own
        named = next((f for f in own if f.base_class not in SAYS_NOTHING), own[0])
        title = words.short_name(named)
        alone = not tile.head and not tile.joins_above
        return title, tuple(self._row(row, title, alone=alone) for row in tile.rows)

    def _row(self, row: Row, title: str, *, alone: bool) -> RowText:
        if row.kind == "system":
            return RowText("lock", words.system_row(len(row.addresses)))
        if row.kind == "bridges":
            shown = [words.short_address(address) for address in row.addresses]
            return RowText(
                "bridge",
                words.bridges_row(shown, iommus=any(self._is_iommu(a) for a in row.addresses)),
                tip=self._bridges_tip(row),
            )
        if row.kind == "vfs":
            return self._vfs(row)
        address = row.addresses[0]
        function = self.node.by_address[address]
        name, word = words.short_name(function), words.class_word(function)
        shown_name = name if alone or not function.device_name else word if name == title else f"{word}: {name}"
        uses = self.node.uses_of.get(address, ())
        tips = [
            f"{address}  {function.ids or ''}",
            function.device_name or word,
            words.group_sentence(self.node, function),
            words.link_now_of_max(function.link) if function.link is not None else "",
            *(words.use_chain(use) for use in uses if use.kind != "guest"),
            ", ".join(words.addresses_of(self.node, address)),
            *words.owners(self.node, address),
            *(mark.word for mark in self.marks.get(address, ())),
        ]
        return RowText(
            words.icon_of(function),
            shown_name,
            words.short_address(address),
            note=self._note(address),
            driver=words.driver_word(self.node, function) if self._drivers_told else "",
            staged=self._staged(address),
            badges=self._badges(address),
            tip="\n".join(tip for tip in tips if tip),
        )

    def _vfs(self, row: Row) -> RowText:
        functions = [self.node.by_address[address] for address in row.addresses]
        marked = [mark for address in row.addresses for mark in self.marks.get(address, ())]
        owned = sum(any(use.kind == "guest" for use in self.node.uses_of.get(a, ())) for a in row.addresses)
        badges = [Badge(words.vfs_owned(owned), "neutral", "vm", 20)] if owned else []
        badges += [Badge(mark.word, mark.tone, mark.icon, 60) for mark in dict.fromkeys(marked)]
        return RowText(
            "vf",
            words.count_vfs(len(row.addresses)),
            words.short_address(row.addresses[0]) + " …" if len(row.addresses) > 1 else "",
            driver=", ".join(sorted({f.driver for f in functions if f.driver})),
            badges=tuple(badges),
            tip=words.groups_of_vfs([f.group for f in functions]),
        )

    def _bridges_tip(self, row: Row) -> str:
        functions = [self.node.by_address[address] for address in row.addresses[:20]]
        lines = [f"{words.short_address(f.address)}  {words.short_name(f)}" for f in functions]
        return "\n".join([*lines, *(["…"] if len(row.addresses) > 20 else [])])

    def _staged(self, address: PciAddress) -> str:
        """The driver after the reboot, where it is another and no mark says so already."""
        staged = self.staged.get(address)
        if staged is None or staged == self.node.by_address[address].driver:
            return ""
        text = words.at_reboot(staged)
        return "" if any(mark.word == text for mark in self.marks.get(address, ())) else text

    def _note(self, address: PciAddress) -> str:
        """Names of its interfaces, or of what hangs on it."""
        names = list(self._interfaces.get(address, ()))
        kind = self.node.by_address[address].base_class
        if not names and kind == SERIAL_BUS:
            names = list(dict.fromkeys(use.chain[-1] for use in self._of_host(address) if use.chain))
        elif not names and kind == STORAGE:
            for use in self._of_host(address):
                # A partition says nothing beside its disk.
                if use.chain and not use.chain[0].startswith(tuple(names)):
                    names.append(use.chain[0])
        return ", ".join(names[:3]) + (" …" if len(names) > 3 else "")

    def _of_host(self, address: PciAddress) -> list[Use]:
        return [use for use in self.node.uses_of.get(address, ()) if use.kind != "guest"]

    def _badges(self, address: PciAddress) -> tuple[Badge, ...]:
        """What the host does with it, which guest has it, its state: from right to left."""
        found: list[Badge] = []
        of_host = self._of_host(address)
        use = words.weightiest(of_host)
        if use is not None:
            # Of displays the chain says nothing to people, of USB controllers the note says it.
            short = self.node.by_address[address].base_class in (DISPLAY, SERIAL_BUS)
            text = words.use_word(use) if short else words.use_badge(use)
            grave = use.kind in words.GRAVE_USES
            more = f" +{len(of_host) - 1}" if len(of_host) > 1 else ""
            found.append(Badge(text + more, "bad" if grave else "neutral", "lock" if grave else "host", 40))
        if self.node.by_address[address].removable:
            found.append(Badge(translate("map", "external"), "neutral", "plug", 10))
        found += [Badge(owner, "neutral", "vm", 20) for owner in words.owners(self.node, address)]
        found += [Badge(mark.word, mark.tone, mark.icon, 60) for mark in self.marks.get(address, ())]
        return tuple(found)
