"""What tests of several rooms share."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from backend.node.address import PciAddress
from backend.node.function import Function
from backend.node.mapping import parse_mappings
from backend.node.node import Guest, Iommu, Node
from backend.snapshot.readers.guests import guest_uses, read_guest


@pytest.fixture(scope="session")
def start_cases(vectors: Path) -> list[tuple[dict[str, Any], Node, Guest]]:
    """VMs and machines of which PVE's own code said whether the VM starts: the case, and both as we see them."""
    found = []
    for text in (vectors / "start.jsonl").read_text(encoding="utf-8").splitlines():
        case = json.loads(text)
        guest = read_guest(100, "".join(f"{key}: {value}\n" for key, value in case["vm"].items()))
        node = _node(case, guest)
        found.append((case, replace(node, uses=tuple(guest_uses(node))), guest))
    return found


def _node(case: dict[str, Any], guest: Guest) -> Node:
    functions = [
        Function(
            PciAddress.parse(address),
            vendor=int(has["vendor"], 16),
            device=int(has["device"], 16),
            subsystem_vendor=int(has["subsystem_vendor"], 16),
            subsystem_device=int(has["subsystem_device"], 16),
            group=has.get("iommugroup"),
            mdev=bool(has.get("mdev")),
        )
        for address, has in case["functions"].items()
    ]
    text = ""
    for name, section in case["mappings"].items():
        lines = [f"map {entry}" for entry in section["map"]] + (["mdev 1"] if section.get("mdev") else [])
        text += "".join([f"{name}\n", *(f"\t{line}\n" for line in lines), "\n"])
    return Node(
        hostname=case["node"],
        guests=(guest,),
        iommu=Iommu(active=True),
        functions=tuple(sorted(functions, key=lambda f: str(f.address))),
        mappings=parse_mappings(text)[0],
    )
