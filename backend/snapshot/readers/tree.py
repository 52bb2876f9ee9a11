"""``lspci -t`` (``-tv``, ``-tnn``): functions and buses as a tree of columns (pciutils ls-tree.c).

A bridge is followed by ``-[03-05]-`` and what hangs on its bus begins in that same column; so a name's column
and the last bus opened left of it say where it sits.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace

from backend.node.address import PciAddress
from backend.node.function import Function

# Only after a line of the drawing: names hold dots and brackets too.
_ROOT = re.compile(r"[-+\\]-\[([0-9a-f]{4,8}):([0-9a-f]{2})(?:-[0-9a-f]{2})?\]-")
_NODE = re.compile(r"[-+\\]-([01][0-9a-f])\.([0-7])")
_BUS = re.compile(r"-\[(?:([0-9a-f]{4,8}):)?([0-9a-f]{2})(?:-([0-9a-f]{2}))?\]-")
_IDS = re.compile(r"\s*\[([0-9a-f]{4}):([0-9a-f]{4})\]$")


@dataclass(frozen=True, slots=True)
class _Bus:
    column: int  # where its bracket stands: all on the bus is right of that
    domain: int
    number: int
    bridge: PciAddress | None


def is_tree(lines: Sequence[str]) -> bool:
    return any(_ROOT.search(line) and line.lstrip(" |")[:1] in ("-", "+", "\\") for line in lines)


def read_tree(lines: Sequence[str]) -> tuple[list[Function], list[str]]:
    """Functions with parent and buses, and problems."""
    found: dict[PciAddress, Function] = {}
    problems: list[str] = []
    open_: list[_Bus] = []
    for number, line in enumerate(lines, 1):
        if line and not _read_line(line, open_, found):
            problems.append(f"line {number}: unknown")
    return list(found.values()), problems


def _read_line(line: str, open_: list[_Bus], found: dict[PciAddress, Function]) -> bool:
    """Walk the drawing from left to right until a name begins; False where nothing of a tree was there."""
    at = len(line) - len(line.lstrip(" |"))
    start = at
    root = _ROOT.search(line)
    if root is not None and root.start() <= start + 2:
        open_[:] = [_Bus(root.start() + 2, int(root[1], 16), int(root[2], 16), None)]
        at = root.end() - 1
    known = root is not None
    while True:
        node = _NODE.search(line, at)
        between = line[at : node.start()] if node is not None else ""
        if node is None or between.strip("-+\\| "):
            return known
        while open_ and open_[-1].column >= node.start():
            open_.pop()
        if not open_:
            return known
        bus = open_[-1]
        address = PciAddress(bus.domain, bus.number, int(node[1], 16), int(node[2], 16))
        found[address] = Function(address, parent=bus.bridge)
        known = True
        at = node.end()
        below = _BUS.match(line, at)
        if below is None:
            name = line[at:].strip()
            ids = _IDS.search(name)
            found[address] = replace(
                found[address],
                device_name=_IDS.sub("", name) or None,
                vendor=int(ids[1], 16) if ids else None,
                device=int(ids[2], 16) if ids else None,
            )
            return True
        first, last = int(below[2], 16), int(below[3] or below[2], 16)
        found[address] = replace(found[address], secondary_bus=first, subordinate_bus=last)
        domain = int(below[1], 16) if below[1] else bus.domain
        open_.append(_Bus(below.start() + 1, domain, first, address))
        at = below.end() - 1
