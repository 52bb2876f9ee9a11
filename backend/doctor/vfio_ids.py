"""What ``options vfio-pci ids=`` names."""

from __future__ import annotations

import re

from backend.doctor.kernel_settings import options
from backend.node.evidence import Evidence
from backend.node.function import Function
from backend.node.node import Node
from backend.plan.edits import modprobe

_ANY = 0xFFFFFFFF
# vendor:device[:subvendor[:subdevice[:class[:class_mask]]]], as vfio_pci_fill_ids() takes them
ID = re.compile(
    r"(?:0x)?([0-9a-f]{4}|f{8}):(?:0x)?([0-9a-f]{4}|f{8})"
    r"(?::([0-9a-f]{1,8})(?::([0-9a-f]{1,8})(?::([0-9a-f]{1,8})(?::([0-9a-f]{1,8}))?)?)?)?",
    re.IGNORECASE,
)


def ids_of(value: str) -> tuple[str, ...]:
    return modprobe.split_ids(f"ids={value}")


def in_effect(node: Node) -> tuple[tuple[str, ...], Evidence | None]:
    """The list that the kernel keeps, and the line that gives it."""
    given = options(node, "vfio-pci", "ids")
    return (ids_of(given[-1][0]), given[-1][1]) if given else ((), None)


def matches(pattern: str, function: Function) -> bool:
    """As pci_match_one_device() in drivers/pci/pci.h."""
    match = ID.fullmatch(pattern)
    if match is None or function.vendor is None or function.device is None:
        return False
    vendor, device, subvendor, subdevice = (_ANY if text is None else int(text, 16) for text in match.groups()[:4])
    kind, mask = (int(text or "0", 16) for text in match.groups()[4:])
    pairs = (
        (vendor, function.vendor),
        (device, function.device),
        (subvendor, function.subsystem_vendor),
        (subdevice, function.subsystem_device),
    )
    same = all(wanted in (_ANY, found) for wanted, found in pairs)
    return same and not (kind ^ (function.class_code or 0)) & mask
