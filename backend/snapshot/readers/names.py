"""``lspci -vmm`` records: the node's own names for its devices.

One record a function, ``Key:<tab>value`` lines, an empty line between (man lspci, "Machine-readable
output"). With ``-nn`` a value ends in its number, ``Ethernet controller [0200]``; with ``-n`` that is all.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache

from backend.node.address import PciAddress

_IDENTITY = ("Slot", "Class", "Vendor", "Device", "SVendor", "SDevice", "Rev", "ProgIf")
KEYS = frozenset((*_IDENTITY, "PhySlot", "Driver", "Module", "NUMANode", "IOMMUGroup", "DTNode", "Label"))
_HEX = frozenset("0123456789abcdefABCDEF")


@dataclass(frozen=True, slots=True)
class Named:
    """A value of lspci: the name in pci.ids (None: it has none) and the number (None: not printed)."""

    name: str | None
    number: int | None


@dataclass(frozen=True, slots=True)
class Record:
    """One function as ``lspci -vmm`` tells it."""

    address: PciAddress
    values: Mapping[str, str]
    modules: tuple[str, ...]

    def named(self, key: str) -> Named:
        return named(self.values.get(key, ""))


@lru_cache(maxsize=8192)
def named(text: str) -> Named:
    """``Device [1578]`` has no name, ``8086`` neither, ``Intel Corporation`` no number."""
    text = text.strip()
    number: int | None = None
    if len(text) == 4 and _HEX.issuperset(text) and not text.isalpha():
        return Named(None, int(text, 16))
    if text.endswith("]") and text[-6:-5] == "[" and _HEX.issuperset(text[-5:-1]):
        number = int(text[-5:-1], 16)
        text = text[:-6].strip()
    unknown = text in ("", "Device", "Unknown device", "Vendor", "Unknown vendor", "Class")
    return Named(None if unknown else text, number)


def read_records(text: str) -> Iterator[Record]:
    """Records whose Slot is an address; others are skipped."""
    values: dict[str, str] = {}
    modules: list[str] = []
    for line in (*text.split("\n"), ""):
        key, colon, value = line.partition(":")
        if colon and key == "Module":
            modules.append(value.strip())
        elif colon and key in KEYS:
            values.setdefault(key, value.strip())
        elif not line.strip() and values:
            record = _record(values, modules)
            if record is not None:
                yield record
            values, modules = {}, []


def _record(values: dict[str, str], modules: list[str]) -> Record | None:
    try:
        return Record(PciAddress.parse(values.get("Slot", "")), values, tuple(dict.fromkeys(modules)))
    except ValueError:
        return None
