"""Whether a VM starts, judged by the code that PVE runs when one does."""

from __future__ import annotations

import re
from typing import Any

from backend.node.address import PciAddress
from backend.node.function import Function
from backend.node.mapping import parse_mappings
from backend.node.node import Guest, Iommu, Node
from backend.node.vm_start import will_start
from backend.snapshot.readers.guests import read_guest

_HOST = re.compile(r"vfio-pci,(?:host=([^,]+)|sysfsdev=[^,]+),id=(hostpci\d+)")


def test_as_pve_judges(start_cases: list[tuple[dict[str, Any], Node, Guest]]) -> None:
    """The verdict, its text, and the functions that the guest gets. PVE's judge stops before devices of one line
    without alternatives are reserved: there we are a step further, and then the function must be in use."""
    assert len(start_cases) == 500
    for case, node, guest in start_cases:
        in_use = {PciAddress.parse(address): 101 for address in case["in_use_elsewhere"]}
        start = will_start(node, guest, in_use)
        if not case["starts"]:
            assert start.refusal is not None, case
            assert start.refusal.text == re.sub(r" at /\S+ line .*", "", case["error"]).strip(), case
            continue
        expected: dict[str, list[str]] = {}
        for argument in case["qemu_devices"]:
            if match := _HOST.match(argument):
                expected.setdefault(match[2], []).append(match[1])
        found = {slot: [str(f.address) for f in functions] for slot, functions in start.given.items()}
        assert set(found) == set(expected), case
        for slot, addresses in expected.items():
            assert addresses in (found[slot], [None]), case  # a mediated device is told by its own id
        if start.refusal is not None:
            assert start.refusal.code == "in-use"
            used = {address for addresses in expected.values() for address in addresses}
            assert used & set(case["in_use_elsewhere"])


def test_what_the_judge_does_not_reach() -> None:
    at = PciAddress.parse("0000:01:00.0")
    functions = (Function(at),)
    guest = read_guest(100, "hostpci0: 01:00.0\n")
    off = will_start(Node(functions=functions, iommu=Iommu(active=False)), guest)
    assert off.refusal is not None
    assert (off.refusal.code, off.refusal.text) == ("no-iommu", "cannot prepare PCI pass-through, IOMMU not present")
    held = Node(functions=functions, reservations={at: 101})
    used = will_start(held, guest)
    assert used.refusal is not None
    assert used.refusal.text == "PCI device '0000:01:00.0' already in use by VMID '101'"
    assert will_start(Node(functions=functions, reservations={at: 100}), guest).refusal is None
    assert will_start(Node(iommu=Iommu(active=False)), read_guest(100, "machine: q35\n")).refusal is None


def test_mediated_devices_share_their_parent() -> None:
    functions = (Function(PciAddress.parse("0000:01:00.0"), mdev=True),)
    guest = read_guest(100, "hostpci0: 01:00.0,mdev=nvidia-63\nhostpci1: 01:00.0,mdev=nvidia-63\n")
    assert will_start(Node(functions=functions), guest).refusal is None


def test_alternatives_of_a_mapping() -> None:
    """The first that is neither used by an earlier line nor held."""
    text = "nic\n" + "".join(
        f"\tmap node=n1,path=0000:01:00.{n},id=8086:1521,subsystem-id=1043:8000,iommugroup={n}\n" for n in (0, 1, 2)
    )
    functions = tuple(
        Function(PciAddress.parse(f"0000:01:00.{n}"), None, 0x8086, 0x1521, 0x1043, 0x8000, group=n) for n in (0, 1, 2)
    )
    node = Node(hostname="n1.example.org", functions=functions, mappings=parse_mappings(text)[0])
    two = read_guest(100, "hostpci0: 01:00.0\nhostpci1: mapping=nic\n")
    given = will_start(node, two, {PciAddress.parse("0000:01:00.1"): 101}).given
    assert [str(f.address) for f in given["hostpci1"]] == ["0000:01:00.2"]
    four = read_guest(100, "".join(f"hostpci{n}: mapping=nic\n" for n in range(4)))
    refusal = will_start(node, four).refusal
    assert refusal is not None
    assert (refusal.code, refusal.slot, refusal.text) == (
        "no-free-alternative",
        "hostpci3",
        "could not find a free device for 'hostpci3'",
    )
