"""Listings of every form; damaged ones."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backend.errors import SnapshotError
from backend.node.node import Node
from backend.snapshot.readers.listing import read_listing

NN = "01:00.0 VGA compatible controller [0300]: NVIDIA GP104 [GeForce GTX 1070] [10de:1b81] (rev a1)"
AUDIO = "01:00.1 Audio device [0403]: NVIDIA Corporation GP104 [10de:10f0] (rev a1)"


def summary(node: Node) -> list[tuple[str, str | None, int | None]]:
    return [(str(f.address), f.ids, f.group) for f in node.functions]


@pytest.mark.parametrize(
    "text",
    [
        f"IOMMU Group 1 {NN}\nIOMMU Group 1 {AUDIO}\n",
        f"IOMMU Group 1:\n\t{NN}\n\t{AUDIO}\n",
        f"IOMMU group 1\n  {NN}\n  {AUDIO}\n",
        f"### iommu group 1 ###\n* {NN}\n* {AUDIO}\n",
        f"IOMMU Group 1:\r\n\r\n        {NN}\r\n        {AUDIO}\r\n",
        "Group 1:  [10de:1b81] [R] 01:00.0  VGA compatible controller  GP104\n"
        "Group 1:  [10de:10f0]     01:00.1  Audio device  GP104\n",
        f"| 1 | {NN} |\n| 1 | {AUDIO} |\n",
        f"Group  Device\n1      {NN}\n1      {AUDIO}\n",
        "Slot:\t01:00.0\nVendor:\tNVIDIA [10de]\nDevice:\tx [1b81]\nIOMMUGroup:\t1\n\n"
        "Slot:\t01:00.1\nVendor:\tNVIDIA [10de]\nDevice:\ty [10f0]\nIOMMUGroup:\t1\n",
        f"{NN}\n\tIOMMU group: 1\n{AUDIO}\n\tIOMMU group: 1\n",
    ],
)
def test_forms_of_group_scripts(text: str) -> None:
    node = read_listing(text)
    assert summary(node) == [("0000:01:00.0", "10de:1b81", 1), ("0000:01:00.1", "10de:10f0", 1)]
    assert node.iommu.active is True


@pytest.mark.parametrize(
    ("line", "class_code", "ids"),
    [
        (NN, 0x030000, "10de:1b81"),
        ("00:1f.2 0106: 8086:8c02 (rev 05) (prog-if 01 [AHCI 1.0])", 0x010601, "8086:8c02"),
        ("05:01.0 Class 0604: Device 10b5:9716 (rev aa)", 0x060400, "10b5:9716"),
        (
            '00:02.0 "VGA compatible controller [0300]" "Intel [8086]" "HD [1912]" -r06 "" ""',
            0x030000,
            "8086:1912",
        ),
        ("00:02.0 VGA compatible controller: Intel Corporation HD Graphics 530 (rev 06)", None, None),
    ],
)
def test_forms_of_lspci(line: str, class_code: int | None, ids: str | None) -> None:
    (function,) = read_listing(line + "\n").functions
    assert (function.class_code, function.ids) == (class_code, ids)


def test_details() -> None:
    node = read_listing(
        "$ sudo lspci -nnvv\n"
        "00:01.0 PCI bridge [0604]: Intel Corporation Port [8086:1901] (prog-if 00 [Normal decode])\n"
        "\tBus: primary=00, secondary=01, subordinate=02, sec-latency=0\n"
        "\tPhysical Slot: 4\n\n"
        f"{NN}\n"
        "\tSubsystem: Gigabyte [1458:3701]\n"
        "\tLnkCap:\tPort #0, Speed 8GT/s, Width x16, ASPM L0s L1\n"
        "\tLnkSta:\tSpeed 2.5GT/s (downgraded), Width x8 (downgraded)\n"
        "\tKernel driver in use: vfio-pci\n"
        "\tKernel modules: nvidiafb, nouveau\n"
    )
    bridge, card = node.functions
    assert (bridge.secondary_bus, bridge.subordinate_bus, bridge.slot) == (1, 2, "4")
    assert card.parent == bridge.address
    assert (card.subsystem_vendor, card.subsystem_device) == (0x1458, 0x3701)
    assert (card.driver, card.modules) == ("vfio-pci", ("nvidiafb", "nouveau"))
    assert card.link is not None
    assert (card.link.speed, card.link.width, card.link.max_speed, card.link.max_width) == (2.5, 8, 8.0, 16)
    assert card.link.degraded
    assert node.problems == ()


def test_hex_dump_gives_the_ids() -> None:
    rows = ["00: 86 80 01 19 07 04 10 00 05 00 04 06 00 00 81 00", "10: " + " ".join(["00"] * 16)]
    rows[1] = "10: 00 00 00 00 00 00 00 00 00 01 02 00 00 00 00 00"
    rows += ["20: " + " ".join(["00"] * 16), "30: " + " ".join(["00"] * 16)]
    (function,) = read_listing("00:01.0 PCI bridge: Intel\n" + "\n".join(rows) + "\n").functions
    assert (function.ids, function.class_code, function.revision) == ("8086:1901", 0x060400, 5)
    assert (function.secondary_bus, function.subordinate_bus) == (1, 2)


def test_tree() -> None:
    node = read_listing(
        "-+-[0000:40]---00.0  Host\n"
        " \\-[0000:00]-+-00.0  Intel Corporation Host [8086:191f]\n"
        "             +-01.0-[01-03]--+-00.0-[02-03]----00.0-[03]----00.0  Radeon\n"
        "             |               \\-00.1  Audio 1.0-[x]\n"
        "             +-1c.0-[04]--\n"
        "             \\-1f.3  Audio\n"
    )
    parents = {str(f.address): f.parent and str(f.parent) for f in node.functions}
    assert parents == {
        "0000:00:00.0": None,
        "0000:00:01.0": None,
        "0000:00:1c.0": None,
        "0000:00:1f.3": None,
        "0000:01:00.0": "0000:00:01.0",
        "0000:01:00.1": "0000:00:01.0",
        "0000:02:00.0": "0000:01:00.0",
        "0000:03:00.0": "0000:02:00.0",
        "0000:40:00.0": None,
    }
    assert node.functions[0].ids == "8086:191f"


def test_lshw_businfo() -> None:
    node = read_listing(
        "Bus info          Device    Class      Description\n"
        "==================================================\n"
        "cpu@0                       processor  CPU\n"
        "pci@0000:00:00.0            bridge     Host bridge\n"
        "pci@0000:02:00.0  enp2s0    network    Killer E2400\n"
    )
    assert [(str(f.address), f.device_name) for f in node.functions] == [
        ("0000:00:00.0", "Host bridge"),
        ("0000:02:00.0", "Killer E2400"),
    ]


@pytest.mark.parametrize(
    ("text", "problems"),
    [
        (f"{NN}\nwhat is this\n", ("line 2: unknown",)),
        (f"pcilib: Error reading label: Operation not permitted\n{NN}\n", ("line 1: error-message",)),
        (f"IOMMU Group 1 {NN}\nIOMMU Group 2 lspci: -s: Invalid slot number\n", ("line 2: error-message",)),
        (f"IOMMU Group 1 {NN}\n...\nIOMMU Group 9 {AUDIO}\n", ("line 2: cut",)),
        (f"{AUDIO}\n{NN[:80]}", ("line 2: cut",)),
        (f"IOMMU Group 1 {NN}\nIOMMU Group 1 01:0", ("line 2: cut",)),
        (f"IOMMU Group 1:\n\t{NN}\nIOMMU Group 2:\n", ("line 3: cut",)),
        (f"```\nroot@pve:~# lspci -nn\n{NN}\n```\n", ()),
    ],
)
def test_damage_is_told_and_not_fatal(text: str, problems: tuple[str, ...]) -> None:
    node = read_listing(text)
    assert node.functions
    assert node.problems == problems


@pytest.mark.parametrize("text", ["", "\n\n", "hello\nworld\n", "IOMMU Group 3:\n", "lspci: command not found\n"])
def test_no_function_at_all(text: str) -> None:
    with pytest.raises(SnapshotError) as caught:
        read_listing(text)
    assert caught.value.code == "listing-empty"


def test_a_domain_is_kept() -> None:
    node = read_listing("10000:e0:06.0 PCI bridge [0604]: Intel Corporation VMD [8086:464d]\n" + NN + "\n")
    assert [str(f.address) for f in node.functions] == ["0000:01:00.0", "10000:e0:06.0"]


PIECES = st.sampled_from(
    [
        *(
            "IOMMU Group ",
            "Group: ",
            "1",
            " ",
            "\t",
            "\n",
            "\r",
            "|",
            "...",
            "-[0000:00]-",
            "+-",
            "\\-",
            "01.0",
            "-[01]--",
        ),
        *(
            "Slot:\t",
            "Device:\t",
            "Class:\t",
            "ProgIf:\tff",
            "Rev:\tzz",
            "[8086:1234]",
            '"',
            "(rev ",
            "Bus: ",
            "zz",
        ),
        *(
            "secondary=01, subordinate=00",
            "H/W path  Class",
            "/0/100",
            "/0/100/1",
            "  bridge  x",
            "00: ff ff",
            "10: 00",
        ),
        *(NN, "00:00.0", "0000:1f:1f.7 ", "ff:3f.9", "pci@0000:00:00.0 x", "LnkCap: Speed 8GT/s", "²", "٣"),
    ]
)


@given(st.one_of(st.text(), st.lists(PIECES, max_size=40).map("".join)))
def test_no_text_raises_anything_else(text: str) -> None:
    try:
        node = read_listing(text)
    except SnapshotError:
        return
    assert node.functions
    assert [f.address for f in node.functions] == sorted({f.address for f in node.functions})
