"""Every machine of the corpus opens with the number of functions and groups that another count finds."""

from __future__ import annotations

import csv
import re
import tarfile
from pathlib import Path

import pytest

from backend.node.as_json import node_json
from backend.snapshot.foreign import open_any
from backend.snapshot.readers.dmi import place, read_firmware_slots
from tests.conftest import CORPUS

pytestmark = pytest.mark.corpus


def files(*kinds: str) -> list[str]:
    index = CORPUS / "INDEX.tsv"
    if not index.is_file():
        return []
    with index.open(encoding="utf-8", newline="") as file:
        rows = csv.DictReader(file, delimiter="\t", quoting=csv.QUOTE_NONE)
        return [row["path"] for row in rows if row["kind"] in kinds]


def count_archive(path: Path) -> tuple[int, int]:
    functions, groups = set(), set()
    with tarfile.open(path) as archive:
        for name, member in ((m.name, m) for m in archive.getmembers()):
            found = re.search(r"sys/(?:bus/pci/devices|class/mdev_bus)/([0-9a-f:.]+)$", name)
            if found:
                functions.add(found[1])
            if name.endswith("/iommu_group") and member.issym() and re.search(r"\.[0-7]/iommu_group$", name):
                groups.add(member.linkname.split("/")[-1])
    return len(functions), len(groups)


def count_listing(text: str) -> tuple[int, int]:
    if text.startswith(("-+-[", "-[")):
        return len(re.findall(r"[-+\\]-[0-9a-f]{2}\.[0-7]", text)), 0
    if text.startswith("H/W path"):
        return 17, 0  # counted by hand: /0/100, fourteen devices on its bus, one each behind two bridges
    starts = re.compile(r"(?:\s*IOMMU [Gg]roup \d+\s+|Slot:\s+|\s*)([0-9a-f:]{5,13}\.[0-7])(?:\s|$)")
    functions = {match[1] for match in map(starts.match, text.splitlines()) if match}
    return len(functions), len(set(re.findall(r"(?i)iommu ?group:?\s+(\d+)", text)))


@pytest.mark.parametrize("name", files("sysfs", "sysfs-rebuilt"))
def test_copy_of_sys(corpus: Path, name: str) -> None:
    node = open_any(corpus / name)
    assert (len(node.functions), len(node.groups)) == count_archive(corpus / name)
    assert sum(len(group.functions) for group in node.groups) == sum(f.group is not None for f in node.functions)
    assert node_json(node)["schema"] == "lanewright/node/1"


@pytest.mark.parametrize("name", files("lspci", "groups"))
def test_listing(corpus: Path, name: str) -> None:
    path = corpus / name
    node = open_any(path)
    assert (len(node.functions), len(node.groups)) == count_listing(path.read_text(encoding="utf-8"))
    assert node_json(node)["functions"]


@pytest.mark.parametrize("name", files("slots"))
def test_firmware_slots(corpus: Path, name: str) -> None:
    text = (corpus / name).read_text(encoding="utf-8")
    slots = read_firmware_slots(text)
    assert len(slots) == text.count("System Slot Information") > 0
    assert sum(slot.address is not None for slot in slots) == len(
        re.findall(r"System Slot Information\n(?:\t.*\n)*?\tBus Address: [0-9a-f]{4}:", text)
    )
    placed = place(slots, ())
    assert len({slot.name for slot in placed}) == len(placed)
    assert not any(slot.address and slot.address.endswith((":ff:00", ":00:00:00")) for slot in placed)


@pytest.mark.parametrize("stem", ["tree-asus-p6t6", "tree-fujitsu-p8010", "PCI-X-bridges-and-domains"])
def test_config_space_says_what_lspci_says(corpus: Path, stem: str) -> None:
    """The same machines as a hex dump and as lspci prints it: ids, class and bridge buses agree."""
    raw = open_any(corpus / f"lspci/pciutils-test_{stem}.txt")
    named = open_any(corpus / f"lspci/pciutils-test_{stem}__out-nnvmmD.txt")
    told = open_any(corpus / f"lspci/pciutils-test_{stem}__out-vv.txt")
    for function in raw.functions:
        other = named.by_address[function.address]
        assert (function.vendor, function.device, function.class_code) == (
            other.vendor,
            other.device,
            other.class_code,
        )
        assert (function.revision or 0) == (other.revision or 0)
        bridge = told.by_address[function.address]
        assert (function.secondary_bus, function.parent) == (bridge.secondary_bus, bridge.parent)


def test_hwloc_gather_has_bridges_bars_and_slots(corpus: Path) -> None:
    node = open_any(corpus / "sysfs/hwloc__32em64t-2n8c+dax+nvme+mic+dimms.tar.bz2")
    assert [slot.name for slot in node.slots] == ["01", "02"]
    assert all(slot.address for slot in node.slots)
    for function in node.functions:
        if function.parent is not None:
            bridge = node.by_address[function.parent]
            assert bridge.secondary_bus is not None
            assert bridge.secondary_bus <= function.address.bus <= (bridge.subordinate_bus or 0)
    assert any(bar.size >= 1 << 20 for function in node.functions for bar in function.bars)


def test_cut_and_strange_lines_are_told(corpus: Path) -> None:
    assert "line 51: cut" in open_any(corpus / "groups/msi-b450m-mortar-max_matisse.txt").problems
    slot = open_any(corpus / "groups/c246-coffeelake-e_pve_acs-override_invalid-slot.txt")
    assert slot.problems == ("line 23: error-message",)
    assert slot.by_group[25].functions == ()
