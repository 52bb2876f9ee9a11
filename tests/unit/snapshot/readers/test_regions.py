"""Memory that the boot display holds, regions reserved in groups, and names of interfaces."""

from __future__ import annotations

import json

from backend.node.evidence import Evidence
from backend.node.node import Region
from backend.snapshot.readers import read_node
from backend.snapshot.snapshot import CommandOutput, Snapshot

IOMEM = b"""00000000-00000fff : Reserved
c0000000-dfffffff : PCI Bus 0000:01
  c0000000-c0ffffff : 0000:01:00.0
    c0000000-c02fffff : BOOTFB
  d0000000-d02fffff : simple-framebuffer.0
e0000000-efffffff : PCI MMCONFIG 0000 [bus 00-ff]
"""


def test_framebuffers_with_their_lines() -> None:
    node = read_node(Snapshot({"/proc/iomem": IOMEM}))
    assert node.framebuffers == (
        Region("BOOTFB", 0xC0000000, 0xC02FFFFF, Evidence("/proc/iomem", "c0000000-c02fffff : BOOTFB", 4)),
        Region(
            "simple-framebuffer.0",
            0xD0000000,
            0xD02FFFFF,
            Evidence("/proc/iomem", "d0000000-d02fffff : simple-framebuffer.0", 5),
        ),
    )


def test_zeros_that_the_kernel_shows_to_users_are_no_framebuffer() -> None:
    assert read_node(Snapshot({"/proc/iomem": b"00000000-00000000 : BOOTFB\n"})).framebuffers == ()


def test_reserved_regions_of_a_group() -> None:
    path = "/sys/kernel/iommu_groups/4/reserved_regions"
    lines = b"0x00000000fee00000 0x00000000feefffff msi\n\n0x7b800000 0x7bffffff direct-relaxable\nnonsense here\n"
    (group,) = read_node(Snapshot({path: lines})).groups
    assert [(region.kind, region.start, region.end, region.evidence.line) for region in group.reserved] == [
        ("msi", 0xFEE00000, 0xFEEFFFFF, 1),
        ("direct-relaxable", 0x7B800000, 0x7BFFFFFF, 3),
    ]


def test_interrupt_line_and_removable() -> None:
    folder = "/sys/bus/pci/devices/0000:01:00.0"
    files = {f"{folder}/irq": b"16\n", f"{folder}/removable": b"removable\n"}
    (function,) = read_node(Snapshot(files)).functions
    assert (function.irq, function.removable) == (16, True)
    (function,) = read_node(Snapshot({f"{folder}/irq": b"0\n", f"{folder}/removable": b"unknown\n"})).functions
    assert (function.irq, function.removable) == (None, None)


def test_names_of_interfaces_with_the_alternative_ones() -> None:
    told = json.dumps([{"ifname": "nic0", "altnames": ["enp4s0", "enx020000000001"]}, {"ifname": "lo", "altnames": 5}])
    snapshot = Snapshot(
        {},
        links={"/sys/class/net/nic0": "../../devices/pci0000:00/0000:00:01.0/net/nic0"},
        commands={("ip", "-j", "addr"): CommandOutput(0, told.encode(), b"")},
        directories=frozenset(("/sys/class/net/vmbr0",)),
    )
    assert read_node(snapshot).interface_names == {"nic0", "vmbr0", "enp4s0", "enx020000000001"}
