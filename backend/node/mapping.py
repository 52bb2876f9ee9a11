"""Resource mappings of a cluster, /etc/pve/mapping/pci.cfg, and PVE's check that one still fits the hardware.

Source: PVE::Mapping::PCI (pve-guest-common 6.0.2) and PVE::SectionConfig.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType

from backend.node.evidence import Evidence
from backend.node.function import Function

PATH = "/etc/pve/mapping/pci.cfg"

_NAME = re.compile(r"([A-Za-z][A-Za-z0-9_-]+)\s*")  # pve-configid
_PCI_ID = r"[a-f0-9]{4,}:[a-f0-9]{2}:[a-f0-9]{2}(?:\.[a-f0-9])?"  # the domain is not optional here
_ID = r"[0-9A-Fa-f]{4}:[0-9A-Fa-f]{4}"
_FORMAT = {
    "node": re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9-]*[A-Za-z0-9])?"),
    "path": re.compile(rf"{_PCI_ID}(?:;{_PCI_ID})*"),
    "id": re.compile(_ID),
    "subsystem-id": re.compile(_ID),
    "iommugroup": re.compile(r"-?[0-9]+"),
    "description": re.compile(r".{0,4096}"),
}
_REQUIRED = ("node", "path", "id")
_TRUE = ("1", "on", "yes", "true")


@dataclass(frozen=True, slots=True)
class MappingEntry:
    """One ``map`` line: an alternative on one node."""

    node: str
    path: tuple[str, ...]  # ids with domain; several are one guest device
    id: str  # ``10de:2204`` as written; PVE compares it with lower case
    subsystem_id: str | None
    iommugroup: int | None
    evidence: Evidence


@dataclass(frozen=True, slots=True)
class PciMapping:
    """A section. ``entries`` are of all nodes, in order: the first free one of a node is what a VM gets."""

    name: str
    entries: tuple[MappingEntry, ...]
    mdev: bool
    evidence: Evidence

    def on(self, hostname: str | None) -> tuple[MappingEntry, ...]:
        """Those of one node. PVE knows a node by its name without domain (PVE::INotify::nodename)."""
        return tuple(entry for entry in self.entries if entry.node == (hostname or "").partition(".")[0])


@dataclass(frozen=True, slots=True)
class Mismatch:
    """Why PVE refuses an entry. ``code``: "not-found", "missing-property", "unexpected-property", "differs".

    ``key`` is "id", "subsystem-id", "iommugroup" or "mdev", None for "not-found"; ``real`` is what the hardware has,
    ``configured`` what the mapping says. ``text``: PVE's own words.
    """

    code: str
    key: str | None
    device: str
    real: str | None
    configured: str | None
    text: str


def parse_mappings(text: str) -> tuple[tuple[PciMapping, ...], tuple[Evidence, ...]]:
    """Mappings in order, and the lines that PVE skips with a warning: one it cannot read, and a whole section where
    its name is none (PVE::SectionConfig::parse_config)."""
    found: dict[str, PciMapping] = {}
    skipped: list[Evidence] = []
    for head, body in _sections(text):
        match = _NAME.fullmatch(head.text or "")
        if match is None:
            skipped.append(head)
        else:
            found[match[1]] = _mapping(match[1], head, body, skipped)
    return tuple(found.values()), tuple(skipped)


def parse_entry(text: str, evidence: Evidence) -> MappingEntry | None:
    """A ``map`` value, ``node=n1,path=0000:01:00,id=10de:2204``; None where PVE refuses it."""
    values: dict[str, str] = {}
    for part in filter(str.strip, text.split(",")):
        key, _, value = part.partition("=")
        if key in values or key not in _FORMAT or not value or not _FORMAT[key].fullmatch(value):
            return None
        values[key] = value
    if not all(key in values for key in _REQUIRED):
        return None
    group = values.get("iommugroup")
    return MappingEntry(
        values["node"],
        tuple(values["path"].split(";")),
        values["id"],
        values.get("subsystem-id"),
        None if group is None else int(group),
        evidence,
    )


def mismatch(
    mapping: PciMapping, entry: MappingEntry, functions: Mapping[str, Function], pve_version: str | None = None
) -> Mismatch | None:
    """PVE::Mapping::PCI::assert_valid: the first thing that does not fit, None where the entry is valid. `functions`
    by address as text. The group counts for the first path only; ``mdev`` is compared since PVE 8.4 (`pve_version`
    None: the newest)."""
    for number, path in enumerate(entry.path):
        device = path if "." in path else f"{path}.0"
        function = functions.get(device)
        if function is None:
            return Mismatch("not-found", None, device, None, None, f"pci device '{device}' not found")
        for key, real, configured in _properties(mapping, entry, function):
            if (key == "iommugroup" and number > 0) or (key == "mdev" and _leaves_mdev(pve_version)):
                continue
            if real == configured or (real is None and key in ("id", "subsystem-id")):  # sysfs always has both
                continue
            if configured is None:
                text = f"missing expected property '{key}' for device '{device}'"
                return Mismatch("missing-property", key, device, real, configured, text)
            if real is None:
                text = f"unexpected property '{key}' configured for device '{device}'"
                return Mismatch("unexpected-property", key, device, real, configured, text)
            text = f"'{key}' does not match for '{mapping.name}' ({real} != {configured})"
            return Mismatch("differs", key, device, real, configured, text)
    return None


def by_text(functions: Sequence[Function]) -> Mapping[str, Function]:
    return MappingProxyType({str(function.address): function for function in functions})


def _leaves_mdev(pve_version: str | None) -> bool:
    numbers = re.match(r"(\d+)\.(\d+)", pve_version or "")
    return numbers is not None and (int(numbers[1]), int(numbers[2])) < (8, 4)


def _properties(
    mapping: PciMapping, entry: MappingEntry, function: Function
) -> Iterator[tuple[str, str | None, str | None]]:
    """Key, what the hardware has, what is configured: in PVE's order, by key."""
    yield "id", function.ids, entry.id
    group = None if function.group is None else str(function.group)
    yield "iommugroup", group, None if entry.iommugroup is None else str(entry.iommugroup)
    yield "mdev", str(int(function.mdev)), str(int(mapping.mdev))
    yield "subsystem-id", function.subsystem_ids, entry.subsystem_id


def _sections(text: str) -> Iterator[tuple[Evidence, list[Evidence]]]:
    """Heads with the lines below them, both stripped; a section ends at an empty line."""
    head: Evidence | None = None
    body: list[Evidence] = []
    for number, line in enumerate([*text.splitlines(), ""], 1):
        if line.lstrip().startswith("#"):
            continue
        if not line.strip():
            if head is not None:
                yield head, body
            head, body = None, []
        elif head is None:
            head = Evidence(PATH, line.rstrip(), number)
        else:
            body.append(Evidence(PATH, line.strip(), number))


def _mapping(name: str, head: Evidence, body: list[Evidence], skipped: list[Evidence]) -> PciMapping:
    entries: list[MappingEntry] = []
    mdev = False
    for line in body:
        key, _, value = (line.text or "").partition(" ")
        entry = parse_entry(value.strip(), line) if key == "map" else None
        if entry is not None:
            entries.append(entry)
        elif key == "mdev":
            mdev = value.strip().lower() in _TRUE
        elif key not in ("description", "live-migration-capable"):
            skipped.append(line)
    return PciMapping(name, tuple(entries), mdev, head)
