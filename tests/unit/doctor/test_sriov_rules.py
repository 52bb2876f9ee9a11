"""Rules of SR-IOV: each once where it belongs, and silent beside it."""

from __future__ import annotations

import struct
from dataclasses import replace

import pytest
from rule_cases import Case, at, check, function, node, told

from backend.doctor.sriov import virtual_addresses


def sriov_config(offset: int, stride: int) -> bytes:
    """4096 bytes with the SR-IOV capability at 0x100."""
    raw = bytearray(4096)
    struct.pack_into("<I", raw, 0x100, 0x0010 | 1 << 16)
    struct.pack_into("<HH", raw, 0x114, offset, stride)
    return bytes(raw)


PF = function("81:00.0", driver="mlx5_core", sriov_total=8, sriov_vfs=4, config=sriov_config(2, 1))
VF = function("81:00.2", driver="mlx5_core", physical_function="81:00.0")
IDLE = replace(PF, sriov_vfs=0)
ETC = {"/etc/network/interfaces": "auto lo\n"}
UNIT = "[Service]\nExecStart=/bin/sh -c 'echo 4 > /sys/class/net/eno1/device/sriov_numvfs'\n"

CASES = (
    Case(
        "sriov-pf-on-vfio-with-vfs",
        node(PF, VF, guests={101: "hostpci0: 81:00.0"}),
        node(PF, VF, guests={101: "hostpci0: 81:00.2"}),
    ),
    Case("sriov-pf-on-vfio-with-vfs", node(replace(PF, driver="vfio-pci")), node(replace(IDLE, driver="vfio-pci"))),
    Case(
        "sriov-vfs-not-persistent",
        node(PF, VF, files=ETC),
        node(PF, VF, files=ETC | {"/etc/systemd/system/sriov.service": UNIT}),
    ),
    Case("sriov-vfs-not-persistent", node(PF, VF, files=ETC), node(PF, VF), "no /etc to look into"),
    Case(
        "sriov-vfs-not-persistent",
        node(PF, VF, files=ETC | {"/etc/pve/storage.cfg": "dir: sriov\n"}),
        node(IDLE, files=ETC),
        "none there",
    ),
    Case(
        "sriov-off-but-named",
        node(IDLE, guests={101: "hostpci0: 0000:81:00.3,pcie=1"}),
        node(PF, VF, guests={101: "hostpci0: 0000:81:00.2,pcie=1"}),
    ),
    Case(
        "sriov-off-but-named",
        node(IDLE, guests={101: "hostpci0: host=81:01.1"}),
        node(IDLE, guests={101: "hostpci0: host=81:01.2"}),
        "the last one, and one beyond",
    ),
    Case(
        "vf-on-same-slot-as-pf-taken",
        node(PF, VF, guests={101: "hostpci0: 81:00,pcie=1"}),
        node(PF, VF, guests={101: "hostpci0: 81:00.0,pcie=1"}),
    ),
    Case(
        "vf-on-same-slot-as-pf-taken",
        node(PF, VF, guests={101: "hostpci0: host=0000:81:00"}),
        node(IDLE, guests={101: "hostpci0: host=0000:81:00"}),
        "none there",
    ),
)


@pytest.mark.parametrize("case", CASES, ids=str)
def test_once_and_never(case: Case) -> None:
    check(case)


def test_virtual_functions_are_where_offset_and_stride_say() -> None:
    """Intel 82599: 05:00.0 has its own at 05:10.0, .2, ... with stride 2 (datasheet)."""
    pf = function("05:00.0", sriov_total=3, config=sriov_config(0x80, 2))
    assert list(virtual_addresses(pf)) == [at("05:10.0"), at("05:10.2"), at("05:10.4")]
    last = function("ff:00.0", sriov_total=300, config=sriov_config(1, 1))
    assert list(virtual_addresses(last))[-1] == at("ff:1f.7")


def test_the_finding_names_the_address_that_is_not_there() -> None:
    (found,) = told("sriov-off-but-named", CASES[5].yes)
    assert (found.address, found.vmid, found.values["named"]) == (at("81:00.0"), 101, "0000:81:00.3")
