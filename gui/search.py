"""Finding functions by what a person would type: names, ids, addresses, drivers, interfaces, slots, groups, guests."""

from __future__ import annotations

import re

from PySide6.QtCore import QCoreApplication

from backend.node.address import PciAddress
from backend.node.function import Function
from backend.node.node import Node
from gui import words


class SearchIndex:
    """All words of one node. Made once, asked at every key."""

    def __init__(self, node: Node) -> None:
        interfaces: dict[PciAddress, list[str]] = {}
        for name, address in node.interfaces.items():
            interfaces.setdefault(address, []).append(name)
        guests = {str(guest.vmid): guest.name or "" for guest in node.guests}
        self._texts: dict[PciAddress, str] = {}
        self._keyed: dict[PciAddress, dict[str, set[str]]] = {}
        for f in node.functions:
            uses = node.uses_of.get(f.address, ())
            of = [use.chain[0].split()[0] for use in uses if use.kind == "guest" and use.chain]
            parts = [
                *_own(f),
                *interfaces.get(f.address, ()),
                *(words.use_chain(use) for use in uses),
                *(f"vm {vmid} {guests.get(vmid, '')}" for vmid in of),
            ]
            self._texts[f.address] = "\n".join(part for part in parts if part).casefold()
            self._keyed[f.address] = {
                "group": set() if f.group is None else {str(f.group)},
                "vm": set(of),
                "numa": set() if f.numa_node is None else {str(f.numa_node)},
            }

    def matches(self, query: str) -> tuple[PciAddress, ...]:
        """Functions that hold every word of `query`, in address order. ``group 15``, ``vm 101`` and ``numa 0`` mean
        exactly that number, other words any part of a text. Nothing for an empty query."""
        keyed, loose = _parsed(query)
        if not keyed and not loose:
            return ()
        return tuple(
            address
            for address, text in self._texts.items()
            if all(number in self._keyed[address][key] for key, number in keyed) and all(word in text for word in loose)
        )


def _own(f: Function) -> tuple[str | None, ...]:
    subsystem = (
        f"{f.subsystem_vendor:04x}:{f.subsystem_device:04x}"
        if f.subsystem_vendor is not None and f.subsystem_device is not None
        else None
    )
    return (
        str(f.address),
        f.ids,
        subsystem,
        f.vendor_name,
        f.device_name,
        f.class_name,
        words.class_word(f),
        f.driver,
        *f.modules,
        f.slot,
        f.label,
        f.serial,
    )


def _parsed(query: str) -> tuple[list[tuple[str, str]], list[str]]:
    """Keys with their numbers, and the other words."""
    names = {
        "group": "group",
        "vm": "vm",
        "numa": "numa",
        QCoreApplication.translate("search", "group").casefold(): "group",
        QCoreApplication.translate("search", "vm").casefold(): "vm",
    }
    found: list[tuple[str, str]] = []

    def take(match: re.Match[str]) -> str:
        found.append((names[match[1]], match[2]))
        return " "

    pattern = rf"\b({'|'.join(map(re.escape, names))})[\s:=]*(\d+)\b"
    return found, re.sub(pattern, take, query.casefold()).split() if query.strip() else []
