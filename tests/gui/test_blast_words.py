"""The verdict over a device, by its blast radius."""

from __future__ import annotations

import dataclasses

import pytest
from machines import at, make, node_of, workstation

from backend.node.blast_radius import REFUSES
from backend.node.need import ALWAYS
from backend.node.node import Guest, Iommu, Use
from gui import words
from gui.widgets.facts import verdict

GPU = at("01:00.0")


@pytest.mark.parametrize("kind", REFUSES)
def test_every_kind_has_words(kind: str) -> None:
    assert words.use_word(Use(GPU, kind)) != kind or kind in ("network", "swap", "console", "keyboard", "guest")
    assert words.use_clause(Use(GPU, kind)) != words.use_clause(Use(GPU, "unheard of")) or kind == "guest"


@pytest.mark.parametrize(
    ("use", "tone", "title", "text"),
    [
        (Use(GPU, "corosync", ("eno9", "link 0")), "bad", "The host would lose", "eno9 → link 0 → cluster network"),
        (
            Use(GPU, "zfs", ("sda", "tank"), ALWAYS),
            "warn",
            "Free to pass, at a cost",
            "sda → tank → ZFS pool (goes on without it)",
        ),
        (Use(GPU, "guest", ("101", "hostpci0")), "warn", "Free to pass, at a cost", "VM 101 → hostpci0 → guest"),
        (
            Use(GPU, "lent", ("101", "scsi1", "sdb")),
            "warn",
            "Free to pass, at a cost",
            "VM 101 → scsi1 → sdb → lent to a VM",
        ),
    ],
)
def test_what_the_verdict_says(use: Use, tone: str, title: str, text: str) -> None:
    guests = (Guest(101, "win11", onboot=True),)
    said = verdict(dataclasses.replace(workstation(), uses=(use,), guests=guests), GPU)
    assert (said.tone, said.title, said.text) == (tone, title, f"01:00.0  {text}")


def test_what_is_only_expected_says_so() -> None:
    below = {"parent": "00:1e.0"}
    sound = make("03:01.0", 0x040100, "Sound", None, None, **below)
    nic = make("03:00.0", 0x020000, "Old NIC", "e1000", None, **below)
    bridge = make("00:1e.0", 0x060401, "PCI Bridge", None, None, has_pci_bus=True, capabilities_known=True)
    node = node_of([bridge, sound, nic], iommu=Iommu(active=False), interfaces={"eno1": nic.address})
    said = verdict(node, sound.address)
    assert said.title == "Not yet: the IOMMU is off"
    assert said.text.endswith("Expected to go with it: eno1.")
    used = dataclasses.replace(node, uses=(Use(nic.address, "this-connection", ("eno1",)),))
    said = verdict(used, sound.address)
    assert (said.tone, said.title) == ("warn", "Free to pass, at a cost")
    assert said.text == "03:00.0  eno1 → carries this connection (to be expected once the IOMMU is on)"
