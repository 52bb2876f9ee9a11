"""``lshw -businfo`` and ``lshw -short``.

The first names each function (``pci@0000:01:00.0``). The second gives only a path of device numbers
(``/0/100/1d/0``: bus 0, device 1d, and device 0 on the bus below): bus numbers are missing. They are counted
as firmware does, bridge by bridge downwards, and each such line is recorded as "bus-guessed".
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from backend.node.address import PciAddress
from backend.node.function import Function

_BUS_INFO = re.compile(r"^pci@([0-9a-f]{4,8}:[0-9a-f]{2}:[01][0-9a-f]\.[0-7])\s+(.*)$")
_NUMBER = re.compile(r"([01]?[0-9a-f])(?:\.([0-7]))?")
_ROOT = "/0/100"  # lshw gives the first host bridge this path
# lshw's classes that a PCI function can have
_CLASSES = frozenset(
    (
        *("bridge", "bus", "communication", "display", "generic", "input", "memory"),
        *("multimedia", "network", "printer", "processor", "storage", "system"),
    )
)
_NOT_PCI = ("PnP device", "interface")


def is_lshw(lines: Sequence[str]) -> bool:
    return any(line.startswith(("H/W path ", "Bus info ")) for line in lines[:20])


def read_lshw(lines: Sequence[str]) -> tuple[list[Function], list[str]]:
    """Functions and problems."""
    found: dict[PciAddress, Function] = {}
    problems: list[str] = []
    at_path: dict[str, tuple[PciAddress, str]] = {}
    bus_of: dict[str, int] = {}
    columns = next((line for line in lines if line.startswith("H/W path ")), "")
    class_at = columns.find("Class")
    for number, line in enumerate(lines, 1):
        match = _BUS_INFO.match(line)
        if match is not None:
            address = PciAddress.parse(match[1])
            found[address] = Function(address, device_name=match[2].strip().split("  ")[-1].strip() or None)
            continue
        if not line.startswith(_ROOT):
            continue
        path = line.split()[0]
        kind, _, name = line[class_at:].strip().partition(" ")
        above, _, last = path.rpartition("/")
        if path == _ROOT:
            address = PciAddress(0, 0, 0, 0)
        elif above in at_path and at_path[above][1] == "bridge" and kind in _CLASSES:
            match = _NUMBER.fullmatch(last)
            if match is None or name.strip().startswith(_NOT_PCI):
                continue
            if above not in bus_of:
                bus_of[above] = 0 if above == _ROOT else 1 + max(bus_of.values(), default=0)
            bus = bus_of[above]
            address = PciAddress(0, bus, int(match[1], 16), int(match[2] or "0", 16))
            if bus:
                problems.append(f"line {number}: bus-guessed")
        else:
            continue
        at_path[path] = (address, kind)
        parent = None if above == _ROOT or path == _ROOT else at_path[above][0]
        found[address] = Function(address, parent=parent, device_name=name.strip() or None)
    return list(found.values()), problems
