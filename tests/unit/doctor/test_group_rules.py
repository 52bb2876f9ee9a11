"""Rules of groups: each once where it belongs, and silent beside it."""

from __future__ import annotations

from dataclasses import replace

import pytest
from rule_cases import Case, at, check, function, node, told

from backend.node.mapping import parse_mappings
from backend.node.need import Need
from backend.node.node import Use
from backend.plan.intents import ReserveCard

GPU = function("01:00.0", 0x030000, group=1, driver="nouveau")
AUDIO = function("01:00.1", 0x040300, group=1, driver="snd_hda_intel")
PORT = function("00:01.0", 0x060400, group=1, driver="pcieport", has_pci_bus=True)
HOST_BRIDGE = function("00:01.1", 0x060000, group=1)
NIC = function("02:00.0", 0x020000, group=1, driver="igb")
LPC = function("00:1f.0", 0x060100, group=1, driver="lpc_ich")
FILLER = function("03:00.0", 0x130000, group=1)
PF = function("05:00.0", 0x020000, group=1, driver="ixgbe")
VF = function("05:10.0", 0x020000, group=1, driver="ixgbevf", physical_function="05:00.0")
GPU_TO_101 = {101: "hostpci0: 01:00,pcie=1"}

CASES = (
    Case("group-not-isolated", node(GPU, AUDIO, NIC), node(GPU, AUDIO, PORT, HOST_BRIDGE, FILLER)),
    Case("group-not-isolated", node(GPU, LPC), node(LPC, function("00:14.0", 0x0C0500, group=1)), "ISA bridge"),
    Case("group-not-isolated", node(PF, NIC), node(PF, VF), "virtual functions"),
    Case(
        "group-takes-host-device",
        node(GPU, AUDIO, NIC, guests=GPU_TO_101, uses={"02:00.0": "management eno1 vmbr0"}),
        node(GPU, AUDIO, replace(NIC, group=2), guests=GPU_TO_101, uses={"02:00.0": "management eno1 vmbr0"}),
    ),
    Case(
        "group-takes-host-device",
        node(NIC, guests={101: "hostpci0: 0000:02:00.0"}, uses={"02:00.0": "this-connection eno1"}),
        node(GPU, guests=GPU_TO_101, uses={"01:00.0": "console"}),
        "the device itself",
    ),
    Case(
        "group-takes-host-device",
        node(GPU, NIC, guests={101: "hostpci0: 01:00.0"}, uses={"02:00.0": "network eno1"}),
        node(GPU, NIC, guests={101: "hostpci0: 01:00.0,mdev=i915-GVTg_V5_4"}, uses={"02:00.0": "network eno1"}),
        "mediated",
    ),
    Case(
        "group-takes-host-device",
        node(GPU, NIC, guests={101: "hostpci0: 01:00.0"}, uses={"02:00.0": "root nvme0n1p3"}),
        node(GPU, PORT, guests={101: "hostpci0: 01:00.0"}, uses={"00:01.0": "root"}),
        "bridges stay",
    ),
    Case(
        "group-takes-host-device",
        node(
            GPU,
            NIC,
            guests={101: "hostpci0: mapping=card"},
            uses={"02:00.0": "swap dm-1"},
            hostname="pve1",
            mappings=parse_mappings("card\n\tmap id=10de:2204,node=pve1,path=0000:01:00.0\n")[0],
        ),
        node(
            GPU,
            NIC,
            guests={101: "hostpci0: mapping=card"},
            uses={"02:00.0": "swap dm-1"},
            hostname="pve1",
            mappings=parse_mappings("card\n\tmap id=10de:2204,node=pve2,path=0000:01:00.0\n")[0],
        ),
        "through a mapping of this node",
    ),
    Case(
        "group-split-over-guests",
        node(GPU, NIC, guests={101: "hostpci0: 01:00.0", 102: "hostpci0: 02:00.0"}),
        node(GPU, NIC, guests={101: "hostpci0: 01:00.0\nhostpci1: 02:00.0"}),
    ),
    Case(
        "group-split-over-guests",
        node(GPU, AUDIO, guests={101: "hostpci0: 01:00.0", 102: "hostpci0: 01:00.1"}),
        node(GPU, AUDIO, guests={101: "hostpci0: 01:00", 102: "hostpci0: 01:00"}),
        "the same card twice",
    ),
    Case(
        "group-member-on-host-driver",
        node(GPU, AUDIO, guests={101: "hostpci0: 01:00.0"}),
        node(GPU, replace(AUDIO, driver="vfio-pci"), PORT, HOST_BRIDGE, guests={101: "hostpci0: 01:00.0"}),
    ),
    Case(
        "group-member-on-host-driver",
        node(GPU, LPC, guests={101: "hostpci0: 01:00.0,driver=vfio"}),
        node(GPU, LPC, guests={101: "hostpci0: 01:00.0,driver=keep"}),
        "driver=keep",
    ),
    Case(
        "group-bridge-warning-moot",
        node(GPU, PORT, guests={101: "hostpci0: 01:00.0"}),
        node(GPU, PORT, NIC, guests={101: "hostpci0: 01:00.0"}),
    ),
    Case(
        "bridge-named",
        node(PORT, GPU, guests={101: "hostpci0: 00:01.0"}),
        node(PORT, GPU, guests={101: "hostpci0: 01:00.0"}),
    ),
)


@pytest.mark.parametrize("case", CASES, ids=str)
def test_once_and_never(case: Case) -> None:
    check(case)


def test_a_card_that_goes_along_can_be_reserved_unless_the_host_needs_it() -> None:
    split = node(GPU, AUDIO, guests={101: "hostpci0: 01:00.0"})
    (found,) = told("group-member-on-host-driver", split)
    assert found.remedy == ReserveCard.of(split, at("01:00.0"))
    shown = node(GPU, AUDIO, guests={101: "hostpci0: 01:00.0"}, uses={"01:00.0": "root"})
    assert told("group-member-on-host-driver", shown)[0].remedy is None
    two_cards = node(GPU, AUDIO, LPC, guests={101: "hostpci0: 01:00.0"})
    assert told("group-member-on-host-driver", two_cards)[0].remedy is None


def test_a_mates_half_of_a_mirror_is_no_error_but_told() -> None:
    sata = function("02:00.0", 0x010601, group=1, driver="ahci")
    halves = replace(
        node(GPU, sata, guests={101: "onboot: 1\nhostpci0: 01:00.0"}),
        uses=(
            Use(at("01:00.0"), "guest", ("101", "hostpci0")),
            Use(at("02:00.0"), "root", ("sda", "rpool", "/"), Need.of_one((at("02:00.0"), at("04:00.0")))),
        ),
    )
    assert told("group-takes-host-device", halves) == told("guest-onboot-dangerous", halves) == []
    (found,) = told("group-member-on-host-driver", halves)
    assert "02:00.0" in found.values["members"]
    whole = replace(halves, uses=(halves.uses[0], replace(halves.uses[1], need=None)))
    assert len(told("group-takes-host-device", whole)) == len(told("guest-onboot-dangerous", whole)) == 1
    assert told("group-member-on-host-driver", whole) == []


def test_what_the_host_loses_is_told_with_its_chain_and_line() -> None:
    crowded = node(GPU, NIC, guests={101: "cores: 4\nhostpci0: 01:00.0"}, uses={"02:00.0": "management eno1 vmbr0"})
    (found,) = told("group-takes-host-device", crowded)
    assert [str(evidence) for evidence in found.evidence] == [
        "/etc/pve/qemu-server/101.conf:2: hostpci0: 01:00.0",
        "/sys/bus/pci/devices/0000:01:00.0/iommu_group: 1",
        "/sys/bus/pci/devices/0000:02:00.0: 0000:02:00.0 -> eno1 -> vmbr0 -> management",
    ]
    assert (found.address, found.vmid) == (at("01:00.0"), 101)
