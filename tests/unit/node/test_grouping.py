"""The kernel's grouping rules, one by one: each with a machine to which it applies and one to which it does not."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest
from pci_trees import OFF, ON, at, bridge, endpoint, function, grouped, node, pair, sets

from backend.demo.machines import catalogue
from backend.demo.machines.parts import Machine
from backend.demo.world import World
from backend.node.acs import REQUIRED, Flag
from backend.node.express import Acs, PortType
from backend.node.grouping import Reason, agreement, explain, predict
from backend.node.node import Group, Iommu
from backend.snapshot.readers import read_node

ROOT, UP, DOWN = PortType.ROOT, PortType.UPSTREAM, PortType.DOWNSTREAM
PORT = bridge("00:01.0", ROOT, acs=ON)
BARE = bridge("00:01.0", ROOT)
CARD = endpoint("01:00.0", "00:01.0")
AUDIO = endpoint("01:00.1", "00:01.0")


def test_a_port_with_acs_keeps_its_card_apart() -> None:
    assert grouped(PORT, CARD, active=True) == {"00:01.0", "01:00.0"}


def test_a_port_without_acs_does_not() -> None:
    assert grouped(BARE, CARD, active=True) == {"00:01.0 01:00.0"}
    (group,) = predict(node(BARE, CARD, active=True))
    assert group.reasons == (Reason("no-acs", at("01:00.0"), at("00:01.0"), REQUIRED),)


def test_what_the_control_register_leaves_off_counts_where_the_iommu_is_at_work() -> None:
    off = replace(PORT, acs=Acs(REQUIRED, REQUIRED & ~Flag.REQUEST_REDIRECT))
    assert grouped(off, CARD, active=True) == {"00:01.0 01:00.0"}
    (group,) = predict(node(off, CARD, active=True))
    assert group.reasons[0].missing == Flag.REQUEST_REDIRECT


@pytest.mark.parametrize("active", [False, None])
def test_what_the_kernel_can_turn_on_counts_where_it_is_not(active: bool | None) -> None:
    assert grouped(replace(PORT, acs=OFF), CARD, active=active) == {"00:01.0", "01:00.0"}
    assert grouped(BARE, CARD, active=active) == {"00:01.0 01:00.0"}


def test_a_feature_that_cannot_be_controlled_is_wired_in() -> None:
    partly = Acs(Flag.SOURCE_VALIDATION, Flag.SOURCE_VALIDATION)
    assert grouped(replace(PORT, acs=partly), CARD, active=True) == {"00:01.0", "01:00.0"}
    assert grouped(replace(PORT, acs=Acs(0, 0)), CARD, active=True) == {"00:01.0", "01:00.0"}


def test_acs_that_is_named_but_not_shown_is_on_with_the_iommu() -> None:
    assert grouped(replace(PORT, acs=Acs(None, None)), CARD, active=True) == {"00:01.0", "01:00.0"}


def test_functions_of_an_endpoint_without_acs_stay_together() -> None:
    assert grouped(PORT, *pair(CARD, AUDIO), active=True) == {"00:01.0", "01:00.0 01:00.1"}
    _, group = predict(node(PORT, *pair(CARD, AUDIO), active=True))
    assert group.reasons == (Reason("not-apart", at("01:00.1"), at("01:00.0"), REQUIRED),)


def test_functions_of_an_endpoint_with_acs_do_not() -> None:
    two = pair(replace(CARD, acs=ON), replace(AUDIO, acs=ON))
    assert grouped(PORT, *two, active=True) == {"00:01.0", "01:00.0", "01:00.1"}
    one = pair(replace(CARD, acs=ON), AUDIO)
    assert grouped(PORT, *one, active=True) == {"00:01.0", "01:00.0", "01:00.1"}


def test_devices_beside_one_another_are_no_functions_of_one() -> None:
    assert grouped(function("00:1c.0", multifunction=True), function("00:1d.0", multifunction=True)) == {
        "00:1c.0",
        "00:1d.0",
    }


def test_root_ports_of_one_slot_without_acs_hold_all_that_is_below_them() -> None:
    ports = pair(bridge("00:1c.0", ROOT), bridge("00:1c.1", ROOT))
    below = endpoint("02:00.0", "00:1c.0"), endpoint("03:00.0", "00:1c.1")
    assert grouped(*ports, *below, active=True) == {"00:1c.0 00:1c.1 02:00.0 03:00.0"}


SWITCH = (
    PORT,
    bridge("01:00.0", UP, parent="00:01.0"),
    bridge("02:00.0", DOWN, parent="01:00.0"),
    bridge("02:01.0", DOWN, parent="01:00.0"),
    endpoint("03:00.0", "02:00.0"),
    endpoint("04:00.0", "02:01.0"),
)


def test_a_switch_whose_downstream_ports_have_no_acs() -> None:
    assert grouped(*SWITCH, active=True) == {"00:01.0", "01:00.0", "02:00.0 03:00.0", "02:01.0 04:00.0"}


def test_a_switch_with_acs() -> None:
    with_acs = (replace(f, acs=ON) if f.port_type is DOWN else f for f in SWITCH)
    assert {"02:00.0", "03:00.0", "02:01.0", "04:00.0"} < grouped(*with_acs, active=True)


def test_acs_on_a_switch_is_worth_nothing_below_a_port_without_it() -> None:
    with_acs = [replace(f, acs=ON if f.port_type is DOWN else None) for f in SWITCH]
    assert grouped(*with_acs, active=True) == {"00:01.0 01:00.0 02:00.0 02:01.0 03:00.0 04:00.0"}
    (group,) = predict(node(*with_acs, active=True))
    assert {(reason.code, str(reason.because)) for reason in group.reasons} == {("no-acs", "0000:00:01.0")}


CONVENTIONAL = (
    bridge("01:00.0", PortType.PCIE_TO_PCI, parent="00:01.0"),
    function("02:01.0", parent="01:00.0"),
    function("02:02.0", parent="01:00.0"),
)


def test_all_behind_a_bridge_to_conventional_pci_is_one_group() -> None:
    assert grouped(PORT, *CONVENTIONAL, active=True) == {"00:01.0", "01:00.0 02:01.0 02:02.0"}
    _, group = predict(node(PORT, *CONVENTIONAL, active=True))
    assert {(reason.code, reason.because) for reason in group.reasons} == {("conventional", at("01:00.0"))}


def test_so_it_is_behind_a_bridge_without_express_capability() -> None:
    hidden = replace(CONVENTIONAL[0], port_type=None)  # ASMedia 1b21:1080
    assert grouped(PORT, hidden, *CONVENTIONAL[1:], active=True) == {"00:01.0", "01:00.0 02:01.0 02:02.0"}


def test_behind_two_conventional_bridges() -> None:
    chain = (
        bridge("00:1e.0", None),
        bridge("01:00.0", None, parent="00:1e.0"),
        function("02:00.0", parent="01:00.0"),
    )
    assert grouped(*chain, active=True) == {"00:1e.0 01:00.0 02:00.0"}


def test_conventional_functions_of_one_device() -> None:
    south = pair(function("00:1f.0", class_code=0x060100), function("00:1f.3", class_code=0x0C0500))
    assert grouped(*south, active=True) == {"00:1f.0 00:1f.3"}


def test_integrated_endpoints_by_maker() -> None:
    two = pair(function("00:14.0", PortType.INTEGRATED), function("00:14.3", PortType.INTEGRATED))
    assert grouped(*two, active=True) == {"00:14.0 00:14.3"}
    of_intel = (replace(f, vendor=0x8086, device=0x7A60) for f in two)
    assert grouped(*of_intel, active=True) == {"00:14.0", "00:14.3"}
    of_two_kinds = (replace(two[0], vendor=0x8086, device=0x7A60), replace(two[1], port_type=None))
    assert grouped(*of_two_kinds, active=True) == {"00:14.0", "00:14.3"}


def test_virtual_functions_are_apart() -> None:
    first, second = pair(CARD, AUDIO)
    virtual = endpoint("01:00.2", "00:01.0", physical_function="01:00.0")
    assert grouped(PORT, first, second, virtual, active=True) == {"00:01.0", "01:00.0 01:00.1", "01:00.2"}
    assert grouped(BARE, CARD, virtual, active=True) == {"00:01.0 01:00.0 01:00.2"}


def test_a_device_that_sends_as_function_one() -> None:
    marvell = {"vendor": 0x1B4B, "device": 0x9230, "acs": ON}
    two = pair(replace(CARD, **marvell), replace(AUDIO, acs=ON))
    assert grouped(PORT, *two, active=True) == {"00:01.0", "01:00.0 01:00.1"}
    _, group = predict(node(PORT, *two, active=True))
    assert [reason.code for reason in group.reasons] == ["alias"]
    other = pair(replace(CARD, **{**marvell, "device": 0x9231}), replace(AUDIO, acs=ON))
    assert grouped(PORT, *other, active=True) == {"00:01.0", "01:00.0", "01:00.1"}


def test_all_behind_a_volume_management_device_is_its_own() -> None:
    vmd = function("00:0e.0", PortType.INTEGRATED, class_code=0x010400)
    port = bridge("10000:e0:06.0", ROOT, parent="00:0e.0", acs=ON)
    disk = endpoint("10000:e1:00.0", "10000:e0:06.0")
    assert grouped(vmd, port, disk, active=True) == {"00:0e.0 10000:e0:06.0 10000:e1:00.0"}


QUIRKS = [
    pytest.param({"vendor": 0x8086, "device": 0x8C10}, {"vendor": 0x8086, "device": 0xA110}, id="Intel chipset port"),
    pytest.param({"vendor": 0x1D17, "device": 0x0720 + 1}, {"vendor": 0x1D17, "device": 0x0722}, id="Zhaoxin port"),
    pytest.param({"vendor": 0x177D, "device": 0xA7FF}, {"vendor": 0x177D, "device": 0xA800}, id="Cavium port"),
    pytest.param({"vendor": 0x1DEF, "device": 0xE005}, {"vendor": 0x1DEF, "device": 0xE110}, id="Ampere port"),
]


@pytest.mark.parametrize(("known", "unknown"), QUIRKS)
def test_ports_that_the_kernel_knows(known: dict[str, int], unknown: dict[str, int]) -> None:
    assert grouped(replace(BARE, **known), CARD, active=True) == {"00:01.0", "01:00.0"}
    assert grouped(replace(BARE, **unknown), CARD, active=True) == {"00:01.0 01:00.0"}


def test_network_cards_that_the_kernel_knows() -> None:
    i350 = pair(replace(CARD, vendor=0x8086, device=0x1521), replace(AUDIO, vendor=0x8086, device=0x1521))
    assert grouped(PORT, *i350, active=True) == {"00:01.0", "01:00.0", "01:00.1"}
    x540 = pair(replace(CARD, vendor=0x8086, device=0x1528), replace(AUDIO, vendor=0x8086, device=0x1528))
    assert grouped(PORT, *x540, active=True) == {"00:01.0", "01:00.0 01:00.1"}


def test_amd_south_bridge_by_its_iommu() -> None:
    south = pair(function("00:14.0", vendor=0x1002, device=0x4385), function("00:14.2", vendor=0x1002, device=0x4383))
    assert grouped(*south, iommu=Iommu(active=False, vendor="amd")) == {"00:14.0", "00:14.2"}
    assert grouped(*south, iommu=Iommu(active=False, vendor="intel")) == {"00:14.0 00:14.2"}


def test_a_port_of_which_too_little_was_read_is_no_guess() -> None:
    short = replace(PORT, acs=None, capabilities_known=False)
    assert grouped(short, CARD, active=True) == {"00:01.0 01:00.0 ?"}
    assert grouped(replace(short, port_type=None), CARD, active=True) == {"00:01.0 01:00.0 ?"}


def test_functions_of_which_too_little_was_read() -> None:
    two = (replace(f, capabilities_known=False) for f in pair(CARD, AUDIO))
    assert grouped(PORT, *two, active=True) == {"00:01.0", "01:00.0 01:00.1 ?"}
    one_known = pair(replace(CARD, acs=ON), replace(AUDIO, capabilities_known=False))
    assert grouped(PORT, *one_known, active=True) == {"00:01.0", "01:00.0", "01:00.1"}


def test_what_has_no_ids_might_be_known_to_the_kernel() -> None:
    unnamed = replace(BARE, vendor=None, device=None)
    assert grouped(unnamed, CARD, active=True) == {"00:01.0 01:00.0 ?"}
    assert grouped(replace(unnamed, acs=ON), CARD, active=True) == {"00:01.0", "01:00.0"}


def test_a_card_whose_port_is_not_listed() -> None:
    assert grouped(replace(CARD, parent=None), active=True) == {"01:00.0 ?"}
    assert grouped(replace(CARD, parent=None, port_type=PortType.INTEGRATED), active=True) == {"01:00.0"}
    assert grouped(CARD, active=True) == {"01:00.0 ?"}
    assert grouped(bridge("10000:e0:06.0", ROOT, acs=ON), active=True) == {"10000:e0:06.0 ?"}


def test_who_is_in_no_group() -> None:
    iommu = function("00:00.2", class_code=0x080600, multifunction=True)
    host = function("00:00.0", class_code=0x060000, multifunction=True)
    assert grouped(host, iommu) == {"00:00.0"}
    served = node(PORT, CARD, active=True)
    left_out = replace(served, functions=(*served.functions, host))
    assert sets(predict(left_out)) == {"00:01.0", "01:00.0"}


def test_agreement_and_explanation() -> None:
    kernel = (Group(1, (at("00:01.0"),)), Group(2, (at("01:00.0"), at("01:00.1"))), Group(3, ()))
    two = pair(CARD, AUDIO)
    machine = node(PORT, *two, active=True, groups=kernel)
    assert agreement(machine) == ((kernel[0], True), (kernel[1], True))
    assert [(r.code, r.function) for r in explain(machine, kernel[1])] == [("not-apart", at("01:00.1"))]
    assert explain(machine, kernel[0]) == ()
    other = node(BARE, *two, active=True, groups=kernel)
    assert agreement(other) == ((kernel[0], False), (kernel[1], False))
    unknown = node(replace(BARE, capabilities_known=False), *two, active=True, groups=kernel)
    assert agreement(unknown) == ((kernel[0], None), (kernel[1], None))


@pytest.mark.parametrize("make", [catalogue.workstation, catalogue.server, catalogue.small, catalogue.huge])
def test_the_demo_has_the_groups_that_the_rules_make(make: Callable[[], Machine]) -> None:
    machine = make()
    told: dict[int, set[str]] = {}
    for part in machine.parts:
        if part.group is not None:
            told.setdefault(part.group, set()).add(part.at)
    groups = predict(read_node(World(machine).snapshot()))
    served = {part.at for part in machine.parts if part.group is not None}
    made = [{str(address) for address in group.functions} & served for group in groups]
    assert all(group.certain for group in groups)
    assert sorted(map(sorted, filter(None, made))) == sorted(map(sorted, told.values()))
