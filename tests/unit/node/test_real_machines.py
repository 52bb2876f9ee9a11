"""Machines whose ACS registers and groups their owners posted, reduced to what the rules look at.

Each line: address, what it is, ids, ACS capability/control (hex), the kernel's group. A dash: none. What is above
follows from the path.
"""

from __future__ import annotations

from dataclasses import replace

import pytest
from pci_trees import at, bridge, function

from backend.node.express import Acs, PortType
from backend.node.function import Function
from backend.node.grouping import agreement
from backend.node.node import Group, Iommu, Node

KINDS = {
    "pci": None,
    "root": PortType.ROOT,
    "up": PortType.UPSTREAM,
    "down": PortType.DOWNSTREAM,
    "end": PortType.ENDPOINT,
    "legacy": PortType.LEGACY_ENDPOINT,
}

# An iMac of 2020 (Comet Lake), Linux 6.12: linux-usb list, 2026-01-08, <20260108141804.1086-1>
IMAC = """\
00:00.0 pci 8086:9b53 - 0
00:01.0 root 8086:1901 - 1
00:12.0 pci 8086:06f9 - 2
00:14.0 pci 8086:06ed - 3
00:14.2 pci 8086:06ef - 3
00:16.0 pci 8086:06e0 - 4
00:1b.0 root 8086:06c0 0f/0d 5
00:1c.0 root 8086:06b8 0f/0d 6
00:1c.1 root 8086:06b9 0f/0d 7
00:1c.4 root 8086:06bc 0f/0d 8
00:1e.0 pci 8086:06a8 - 9
00:1e.1 pci 8086:06a9 - 9
00:1f.0 pci 8086:0685 - 10
00:1f.3 pci 8086:06c8 - 10
00:1f.4 pci 8086:06a3 - 10
00:1f.5 pci 8086:06a4 - 10
00:01.0/01:00.0 up 1002:1478 - 1
01:00.0/02:00.0 down 1002:1479 5f/1d 1
02:00.0/03:00.0 legacy 1002:7340 00/00 1
02:00.0/03:00.1 legacy 1002:ab38 00/00 1
00:1b.0/04:00.0 end 106b:2005 - 11
00:1b.0/04:00.1 end 106b:1801 - 11
00:1b.0/04:00.2 end 106b:1802 - 11
00:1b.0/04:00.3 end 106b:1803 - 11
00:1c.0/05:00.0 end 14e4:4464 - 12
00:1c.1/06:00.0 end 14e4:1686 - 13
00:1c.4/07:00.0 up 8086:15ea - 14
07:00.0/08:00.0 down 8086:15ea 13/11 15
07:00.0/08:01.0 down 8086:15ea 13/11 16
07:00.0/08:02.0 down 8086:15ea 13/11 17
07:00.0/08:04.0 down 8086:15ea 13/11 18
08:00.0/09:00.0 end 8086:15eb - 19
08:02.0/0a:00.0 end 8086:15ec - 20
"""
# The chipset's ports of an Alder Lake board, of which one has no ACS and yet taints none of its siblings:
# kvm list, 2025-07-18, <20250718152934.0cdb768f>; "each of these were previously a separate group"
ALDER_LAKE = """\
00:1c.0 root 8086:7a38 - 1
00:1c.1 root 8086:7a39 1f/1d 2
00:1c.2 root 8086:7a3a 1f/1d 3
00:1c.3 root 8086:7a3b 1f/1d 4
00:1c.1/06:00.0 end 1b73:1100 - 5
00:1c.2/07:00.0 end 10ec:8125 - 6
00:1c.3/08:00.0 up 12d8:2404 - 7
08:00.0/09:01.0 down 12d8:2404 7f/1d 8
08:00.0/09:02.0 down 12d8:2404 7f/1d 9
08:00.0/09:03.0 down 12d8:2404 7f/1d 10
09:01.0/0a:00.0 end 10ec:8168 - 11
09:03.0/0c:00.0 end 10ec:8168 - 12
"""


def read(table: str) -> Node:
    functions = tuple(_function(line) for line in table.splitlines())
    several = {f.address.card for f in functions if f.address.function}
    functions = tuple(replace(f, multifunction=f.address.card in several) for f in functions)
    groups = {f.group: [g.address for g in functions if g.group == f.group] for f in functions}
    return Node(
        iommu=Iommu(active=True, vendor="intel"),
        functions=tuple(sorted(functions, key=lambda f: f.address)),
        groups=tuple(Group(number or 0, tuple(members)) for number, members in groups.items()),
    )


def _function(line: str) -> Function:
    path, kind, ids, acs, group = line.split()
    above, _, address = path.rpartition("/")
    vendor, device = (int(part, 16) for part in ids.split(":"))
    registers = None if acs == "-" else Acs(*(int(part, 16) for part in acs.split("/")))
    build = bridge if kind in ("root", "up", "down") else function
    found = build(address, KINDS[kind], vendor=vendor, device=device, acs=registers, group=int(group))
    return replace(found, parent=at(above) if above else None)


@pytest.mark.parametrize(("table", "groups"), [(IMAC, 21), (ALDER_LAKE, 12)], ids=["iMac", "Alder Lake"])
def test_every_group_is_as_the_rules_make_it(table: str, groups: int) -> None:
    judged = agreement(read(table))
    assert [(group.id, same) for group, same in judged if same is not True] == []
    assert len(judged) == groups
