"""What the host loses with a card, on nodes made by hand and on the demo's."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backend.demo.machines import catalogue
from backend.demo.machines.parts import Machine
from backend.demo.world import World
from backend.node.address import PciAddress
from backend.node.blast_radius import REFUSES, BlastRadius, blast_radius, radius_of
from backend.node.function import Function
from backend.node.need import ALWAYS, Need
from backend.node.node import Group, Guest, Iommu, Node, Use
from backend.snapshot.readers import read_node


def at(text: str) -> PciAddress:
    return PciAddress.parse(f"0000:{text}")


def f(address: str, class_code: int = 0x020000, group: int | None = None, **more: object) -> Function:
    parent = more.pop("parent", None)
    physical = more.pop("physical_function", None)
    return Function(
        at(address),
        class_code=class_code,
        group=group,
        parent=None if parent is None else at(str(parent)),
        physical_function=None if physical is None else at(str(physical)),
        **more,  # type: ignore[arg-type]
    )


def node_of(*functions: Function, uses: tuple[Use, ...] = (), guests: tuple[Guest, ...] = ()) -> Node:
    members: dict[int, list[PciAddress]] = {}
    for function in functions:
        if function.group is not None:
            members.setdefault(function.group, []).append(function.address)
    groups = tuple(Group(id_, tuple(found)) for id_, found in sorted(members.items()))
    return Node(functions=functions, groups=groups, uses=uses, guests=guests)


def short(addresses: tuple[PciAddress, ...]) -> list[str]:
    return [str(address)[5:] for address in addresses]


def lost(radius: BlastRadius) -> list[tuple[str, str, str]]:
    return [(str(loss.use.address)[5:], loss.use.kind, loss.via) for loss in radius.losses]


CARD = (f("01:00.0", 0x030000, 1), f("01:00.1", 0x040300, 1))


def test_a_card_that_nobody_uses_is_free() -> None:
    radius = blast_radius(node_of(*CARD, f("02:00.0", group=2)), at("01:00.1"))
    assert (short(radius.taken), radius.dragged, radius.losses) == (["01:00.0", "01:00.1"], (), ())
    assert radius.verdict == "free"


def test_one_function_alone_drags_the_others_by_the_group() -> None:
    radius = blast_radius(node_of(*CARD), at("01:00.1"), whole_card=False)
    assert (short(radius.taken), short(radius.dragged)) == (["01:00.1"], ["01:00.0"])
    apart = node_of(CARD[0], replace(CARD[1], group=2))
    assert blast_radius(apart, at("01:00.1"), whole_card=False).dragged == ()


def test_the_whole_chain_is_told() -> None:
    use = Use(at("01:00.0"), "this-connection", ("eno1", "bond0", "vmbr0"))
    (loss,) = blast_radius(node_of(*CARD, uses=(use,)), at("01:00.0")).losses
    assert loss.chain == ("0000:01:00.0", "eno1", "bond0", "vmbr0", "this-connection")
    assert (loss.via, loss.is_spared, loss.refuses) == ("taken", False, True)


@pytest.mark.parametrize("kind", [kind for kind in REFUSES if kind not in ("guest", "lent")])
def test_the_verdict_follows_the_table(kind: str) -> None:
    node = node_of(*CARD, uses=(Use(at("01:00.0"), kind, ("x",)),))
    assert blast_radius(node, at("01:00.1")).verdict == ("refused" if REFUSES[kind] else "costs")


def test_a_kind_that_the_table_lacks_refuses() -> None:
    node = node_of(*CARD, uses=(Use(at("01:00.0"), "telepathy"),))
    assert blast_radius(node, at("01:00.0")).verdict == "refused"


def test_the_group_goes_along_except_real_bridges() -> None:
    node = node_of(
        f("00:01.0", 0x060400, 1, has_pci_bus=True),
        f("00:01.1", 0x068000, 1, has_pci_bus=True),  # a bridge by its folder, whatever its class
        f("00:1f.0", 0x060100, 1),  # ISA: PVE takes it
        f("00:1f.4", 0x0C0500, 1),
        f("00:17.0", 0x010601, 2),
        *CARD,
        uses=(Use(at("00:1f.4"), "root", ("sda", "/")), Use(at("00:17.0"), "root", ("sdb", "/"))),
    )
    radius = blast_radius(node, at("01:00.0"))
    assert short(radius.dragged) == ["00:1f.0", "00:1f.4"]
    assert lost(radius) == [("00:1f.4", "root", "dragged")]
    assert radius.verdict == "refused"


def test_without_groups_those_to_be_expected_count_but_do_not_refuse() -> None:
    """A conventional bridge makes one group of all below it."""
    node = Node(
        functions=(
            f("00:1e.0", 0x060401, has_pci_bus=True, capabilities_known=True),
            f("03:00.0", 0x020000, parent="00:1e.0"),
            f("03:01.0", 0x040100, parent="00:1e.0"),
        ),
        uses=(Use(at("03:00.0"), "this-connection", ("eno1",)),),
        iommu=Iommu(active=False),
    )
    radius = blast_radius(node, at("03:01.0"))
    assert (short(radius.dragged), radius.is_expected, radius.verdict) == (["03:00.0"], True, "costs")
    assert blast_radius(node, at("03:00.0")).verdict == "refused"
    assert radius_of(node, node.card(at("03:01.0"))).dragged == ()
    unknown = blast_radius(replace(node, iommu=Iommu()), at("03:01.0"))
    assert (unknown.dragged, unknown.is_expected) == ((), False)


def test_a_bridge_goes_to_no_guest() -> None:
    node = node_of(f("00:01.0", 0x060400, 1, has_pci_bus=True), *CARD)
    radius = blast_radius(node, at("00:01.0"))
    assert (radius.verdict, radius.is_bridge, radius.dragged) == ("refused", True, ())


def test_a_bridge_on_the_same_slot_stays() -> None:
    node = node_of(f("00:01.0", 0x060000, 1), f("00:01.1", 0x060400, 2, has_pci_bus=True), f("00:01.2", 0x060400, 3))
    assert short(blast_radius(node, at("00:01.0")).taken) == ["00:01.0"]


def test_a_function_that_is_not_there() -> None:
    with pytest.raises(KeyError):
        blast_radius(node_of(*CARD), at("09:00.0"))


BOND = Need.of_one((at("01:00.0"), at("02:00.0")))


@pytest.mark.parametrize(
    ("need", "verdict"),
    [
        (None, "refused"),
        (BOND, "costs"),
        (Need.of_one((at("01:00.0"), at("01:00.1"))), "refused"),  # both on the card
        (Need.of_one((at("01:00.0"), at("03:00.0"))), "refused"),  # the other is a group mate
        (Need.of_all((at("01:00.0"), at("02:00.0"))), "refused"),
        (Need(2, (at("01:00.0"), at("02:00.0"), at("04:00.0"))), "costs"),  # raidz1
        (Need(2, (at("01:00.0"), at("01:00.1"), at("04:00.0"))), "refused"),
        (Need.of_all((BOND, at("04:00.0"))), "costs"),
        (Need.of_one((Need.of_all((at("01:00.0"), at("02:00.0"))), at("03:00.0"))), "refused"),
        (Need(1), "refused"),
        (ALWAYS, "costs"),
    ],
)
def test_redundancy_counts(need: Need | None, verdict: str) -> None:
    node = node_of(*CARD, f("03:00.0", group=1), uses=(Use(at("01:00.0"), "management", ("eno1",), need),))
    radius = blast_radius(node, at("01:00.0"))
    assert radius.verdict == verdict
    assert radius.losses[0].is_spared == (verdict == "costs")


def test_twins_count_where_the_ids_do() -> None:
    ids = {"vendor": 0x144D, "device": 0xA80C}
    node = node_of(
        f("01:00.0", 0x010802, 1, **ids),
        f("02:00.0", 0x010802, 2, **ids),
        f("03:00.0", 0x010802, 3, **ids, driver="vfio-pci"),
        f("04:00.0", 0x010802, 4, vendor=0x144D, device=0xA808),
        f("05:00.0", 0x010802, 2),
        uses=(Use(at("02:00.0"), "root", ("nvme1n1", "/")), Use(at("05:00.0"), "swap", ("nvme2n1",))),
    )
    assert blast_radius(node, at("01:00.0")).verdict == "free"
    radius = blast_radius(node, at("01:00.0"), by_ids=True)
    assert (short(radius.same_ids), radius.dragged) == (["02:00.0"], ())
    assert lost(radius) == [("02:00.0", "root", "same-ids")]
    mirrored = replace(node, uses=(replace(node.uses[0], need=Need.of_one((at("01:00.0"), at("02:00.0")))),))
    assert blast_radius(mirrored, at("01:00.0"), by_ids=True).verdict == "refused"  # both go
    unknown = node_of(f("01:00.0"), f("02:00.0"), uses=node.uses)
    assert blast_radius(unknown, at("01:00.0"), by_ids=True).same_ids == ()


def test_virtual_functions_end_with_the_physical_one() -> None:
    node = node_of(
        f("01:00.0", group=1),
        f("01:10.0", group=2, physical_function="01:00.0"),
        f("02:10.0", group=3, physical_function="02:00.0"),
        uses=(Use(at("01:10.0"), "guest", ("101", "hostpci0")), Use(at("02:10.0"), "root")),
        guests=(Guest(101, "router", onboot=True),),
    )
    radius = blast_radius(node, at("01:00.0"))
    assert (short(radius.taken), short(radius.dragged)) == (["01:00.0"], ["01:10.0"])
    assert lost(radius) == [("01:10.0", "guest", "dragged")]
    alone = blast_radius(node, at("01:10.0"))
    assert (short(alone.taken), alone.dragged) == (["01:10.0"], ())


@pytest.mark.parametrize(
    ("guest", "to", "verdict"),
    [
        (Guest(101, "a", onboot=True, running=False), None, "costs"),
        (Guest(101, "a", onboot=False, running=True), None, "costs"),
        (Guest(101, "a", onboot=False, running=False), None, "free"),
        (Guest(101, "a", onboot=False), None, "free"),
        (Guest(101, "a", onboot=True, running=True), 101, "free"),
        (Guest(101, "a", onboot=True, running=True), 102, "costs"),
    ],
)
def test_other_guests_lose_what_they_run_with(guest: Guest, to: int | None, verdict: str) -> None:
    node = node_of(*CARD, uses=(Use(at("01:00.0"), "guest", ("101", "hostpci0")),), guests=(guest,))
    assert blast_radius(node, at("01:00.1"), to=to).verdict == verdict


THUNDERBOLT_CARD = (
    f("00:1c.0", 0x060400, 1, has_pci_bus=True),
    f("04:00.0", 0x060400, 2, has_pci_bus=True, parent="00:1c.0"),
    f("05:00.0", 0x060400, 3, has_pci_bus=True, parent="04:00.0"),
    f("05:01.0", 0x060400, 3, has_pci_bus=True, parent="04:00.0"),
    f("06:00.0", 0x088000, 4, parent="05:00.0", driver="thunderbolt"),
    f("07:00.0", 0x060400, 5, has_pci_bus=True, parent="05:01.0", removable=True),
    f("08:00.0", 0x020000, 5, parent="07:00.0", removable=True),
    f("09:00.0", 0x020000, 6, parent="00:1c.0", removable=True),
)


def test_tunnels_end_with_the_controller_of_thunderbolt() -> None:
    dock = Use(at("08:00.0"), "management", ("enp8s0", "vmbr0"))
    radius = blast_radius(node_of(*THUNDERBOLT_CARD, uses=(dock,)), at("06:00.0"))
    assert (short(radius.dragged), radius.verdict) == (["08:00.0"], "refused")
    idle = tuple(replace(g, driver=None) for g in THUNDERBOLT_CARD)
    assert blast_radius(node_of(*idle, uses=(dock,)), at("06:00.0")).verdict == "free"


def test_integrated_usb4_reaches_what_is_below_the_processors_ports() -> None:
    node = node_of(
        f("00:07.0", 0x060400, 1, has_pci_bus=True),
        f("00:0d.2", 0x0C0340, 2),
        f("20:00.0", 0x010802, 3, parent="00:07.0", removable=True),
        f("30:00.0", 0x010802, 4, parent="00:07.0", removable=False),
        uses=(Use(at("20:00.0"), "mount", ("nvme1n1", "/mnt")),),
    )
    radius = blast_radius(node, at("00:0d.2"))
    assert (short(radius.dragged), radius.verdict) == (["20:00.0"], "refused")


def test_damaged_chains_of_parents_end() -> None:
    node = node_of(
        f("06:00.0", 0x088000, 1, driver="thunderbolt"),
        f("08:00.0", parent="07:00.0", removable=True),
        f("07:00.0", 0x060400, parent="07:00.0"),
    )
    assert blast_radius(node, at("06:00.0")).dragged == ()


MIXED = (
    *THUNDERBOLT_CARD,
    *CARD,
    f("0a:00.0", 0x010601, 1, vendor=1, device=2),
    f("0b:00.0", 0x010601, 7, vendor=1, device=2),
    f("0c:00.0", 0x020000, 1, physical_function=None),
    f("0c:02.0", 0x020000, 8, physical_function="0c:00.0"),
)
MIXED_USES = (
    Use(at("0a:00.0"), "zfs", ("sda", "rpool"), Need.of_one((at("0a:00.0"), at("0b:00.0")))),
    Use(at("0b:00.0"), "zfs", ("sdb", "rpool"), Need.of_one((at("0a:00.0"), at("0b:00.0")))),
    Use(at("0c:02.0"), "network", ("enp12s0v0",)),
    Use(at("01:00.0"), "console", ("0 EFI VGA",)),
    Use(at("01:00.0"), "bmc", ("remote console",)),
)


@given(st.permutations(MIXED), st.permutations(MIXED_USES), st.sampled_from([g.address for g in MIXED]), st.booleans())
def test_order_does_not_matter(functions: list[Function], uses: list[Use], address: PciAddress, by_ids: bool) -> None:
    shuffled = node_of(*functions, uses=tuple(uses))
    ordered = node_of(*MIXED, uses=MIXED_USES)
    radius = blast_radius(ordered, address, by_ids=by_ids)
    assert blast_radius(shuffled, address, by_ids=by_ids) == radius
    parts = (*radius.taken, *radius.dragged, *radius.same_ids)
    assert len(set(parts)) == len(parts)
    assert {loss.use.address for loss in radius.losses} <= set(parts)


@pytest.mark.parametrize(
    ("make", "address", "verdict", "chains"),
    [
        (catalogue.workstation, "01:00.0", "free", []),
        (
            catalogue.workstation,
            "05:00.0",
            "refused",
            ["eno1 vmbr0 this-connection", "eno1 vmbr0 management"],
        ),
        (catalogue.workstation, "00:02.0", "costs", ["0 i915drmfb console"]),
        (
            catalogue.workstation,
            "00:14.0",
            "costs",
            ["1-3 USB Keyboard keyboard", "1-7 Sonoff Zigbee 3.0 USB Dongle Plus usb"],
        ),
        (catalogue.server, "09:00.3", "costs", ["1-2 Virtual Keyboard and Mouse bmc"]),
        (catalogue.server, "04:00.0", "refused", ["sda sda1 tank zfs", "sdb sdb1 tank zfs"]),  # a mirror on one HBA
        (catalogue.server, "07:00.0", "costs", ["0 astdrmfb console", "remote console bmc"]),
        (catalogue.server, "81:00.0", "costs", ["200 hostpci0 guest"]),
        (catalogue.server, "81:00.1", "costs", ["200 hostpci0 guest"]),  # its card makes the virtual functions
    ],
)
def test_machines_of_the_demo(make: Callable[[], Machine], address: str, verdict: str, chains: list[str]) -> None:
    radius = blast_radius(read_node(World(make()).snapshot()), at(address))
    assert [" ".join(loss.chain[1:]) for loss in radius.losses] == chains
    assert radius.verdict == verdict


def test_a_shared_chipset_takes_the_host_with_it() -> None:
    world = World(catalogue.small())
    node = read_node(world.snapshot())
    radius = blast_radius(node, at("03:00.0"))
    assert radius.verdict == "refused"
    kinds = {loss.use.kind for loss in radius.losses if loss.via == "dragged"}
    assert {"this-connection", "management", "root", "swap", "lvm"} <= kinds
    assert {loss.via for loss in radius.losses} == {"dragged"}
