"""Text listings that people keep and post: lspci in its many forms, "IOMMU Group" scripts, lspci -t, lshw.

A line that fits nothing becomes a problem ("line 12: unknown") and is otherwise ignored: listings come with
prompts, headlines and error messages around them. Without a domain an address is in domain 0.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import replace

from backend.errors import SnapshotError
from backend.node.address import PciAddress
from backend.node.function import Function
from backend.node.grouping import VMD_DOMAINS
from backend.node.node import Group, Iommu, Node, Slot
from backend.snapshot.readers.details import BARE_IDS, DETAILS, IDS, Draft, integer
from backend.snapshot.readers.lshw import is_lshw, read_lshw
from backend.snapshot.readers.names import KEYS, named
from backend.snapshot.readers.tree import is_tree, read_tree

_ADDRESS = r"(?:[0-9a-fA-F]{4,8}:)?[0-9a-fA-F]{2}:[01][0-9a-fA-F]\.[0-7]"
_ANSI = re.compile(r"\x1b\[[0-9;]*[A-Za-z]")
# "IOMMU Group 12 00:1f.0 ...", "IOMMU group 12", "Group: 12  ...", "### IOMMU Group 12:"
_GROUP = re.compile(r"^[\s#*>|+-]*(?:IOMMU[ _]?)?group\s*[:#]?\s*(\d{1,5})\b\s*[:|,]?\s*(.*)$", re.IGNORECASE)
_ROW = re.compile(rf"^[\s|]*(\d{{1,5}})[\s|,;]+({_ADDRESS}\b.*)$")  # a table whose first column is the group
# An address, with what scripts put before it: list marks, ids, "[R]" for a device that can be reset.
_FUNCTION = re.compile(
    rf"^[\s|*+>•-]*(?:\[(?P<ids>[0-9a-f]{{4}}:[0-9a-f]{{4}})\]\s+)?(?:\[[A-Z]+\]\s+)?"
    rf"(?:{_ADDRESS}/)*(?P<address>{_ADDRESS})(?:[\s|,;\"]+(?P<rest>.*))?$"  # lspci -PP: with the way to it
)
_HEX_ROW = re.compile(r"^([0-9a-f]{2,3}):((?: [0-9a-f]{2}){1,16})$")
_CLASS = re.compile(r"\[([0-9a-f]{4})\]$")
_REVISION = re.compile(r"\(rev ([0-9a-f]{2})\)")
_INTERFACE = re.compile(r"\(prog-if ([0-9a-f]{2})\b")
_TAIL = re.compile(r"\s*\((?:rev|prog-if) [^)]*\)")
_INTEL, _RAID = 0x8086, 0x0104  # what a volume management device says it is
_ERROR = re.compile(r"^(?:\S*/)?(?:pcilib|lspci|dmidecode|bash|sh|zsh|-bash|lsiommu)\b.*: ", re.IGNORECASE)
_PROMPT = re.compile(r"^(?:\S+@\S+|\[.*\]|[~/]\S*)?\s*[$#%❯>]\s+\S*.*\b(?:lspci|lshw|sh|bash|for|cat|sudo|lsiommu)\b")
_MARKS = re.compile(r"^[\s`=~*_|+:#-]*$")  # code fences, rulers


def read_listing(text: str) -> Node:
    """A node as far as a listing tells. Raises SnapshotError "listing-empty" without any function."""
    lines = [_ANSI.sub("", line).rstrip() for line in text.removeprefix("\ufeff").splitlines()]
    if is_tree(lines):
        functions, problems = read_tree(lines)
        groups: set[int] = set()
    elif is_lshw(lines):
        functions, problems = read_lshw(lines)
        groups = set()
    else:
        reader = _Reader()
        for number, line in enumerate(lines, 1):
            reader.take(number, line)
        reader.end(whole=text.endswith("\n"))
        functions, problems, groups = reader.functions(), reader.problems, reader.groups
    if not functions:
        raise SnapshotError("listing-empty", line=str(len(lines)))
    return _node(functions, problems, groups)


def _node(functions: list[Function], problems: list[str], groups: set[int]) -> Node:
    placed = _placed({f.address: f for f in functions})
    members: dict[int, list[PciAddress]] = {number: [] for number in groups}
    slots: dict[str, str] = {}
    for function in placed:
        if function.group is not None:
            members.setdefault(function.group, []).append(function.address)
        if function.slot is not None:
            slots.setdefault(function.slot, function.address.card)
    return Node(
        iommu=Iommu(active=True if any(members.values()) else None),
        functions=placed,
        groups=tuple(Group(number, tuple(members[number])) for number in sorted(members)),
        slots=tuple(Slot(name, card, True) for name, card in slots.items()),
        problems=tuple(problems),
    )


def _placed(functions: Mapping[PciAddress, Function]) -> tuple[Function, ...]:
    """In address order, each with what is above it and whether it is one of several."""
    buses = {(f.address.domain, f.secondary_bus): f.address for f in functions.values() if f.secondary_bus is not None}
    several = {f.address.card for f in functions.values() if f.address.function > 0 and f.physical_function is None}
    controllers = [f.address for f in functions.values() if f.vendor == _INTEL and (f.class_code or 0) >> 8 == _RAID]
    vmd = controllers[0] if len(controllers) == 1 else None

    def above(function: Function) -> PciAddress | None:
        at = function.address
        maker = functions.get(function.physical_function) if function.physical_function is not None else None
        if maker is not None and maker.physical_function is None and maker.address.bus != at.bus:
            return above(maker)  # the buses that virtual functions need have no bridge of their own
        return function.parent or buses.get((at.domain, at.bus)) or (vmd if at.domain >= VMD_DOMAINS else None)

    def is_one_of_several(function: Function) -> bool:
        """pci_scan_slot() and pci_iov_add_virtfn(); where config space does not tell, the siblings do."""
        if function.physical_function is not None:
            return False
        told = function.multifunction
        return function.address.function > 0 or (function.address.card in several if told is None else told)

    ordered = sorted(functions.values(), key=lambda f: f.address)
    return tuple(replace(f, parent=above(f), multifunction=is_one_of_several(f)) for f in ordered)


class _Reader:
    """Reads line by line; what a line means depends on the function and the group named last."""

    def __init__(self) -> None:
        self.problems: list[str] = []
        self.groups: set[int] = set()
        self._drafts: dict[PciAddress, Draft] = {}
        self._draft: Draft | None = None
        self._group: int | None = None
        self._with_ids = 0
        self._last = (0, "", "")  # number, line, what it was

    def functions(self) -> list[Function]:
        drafts = self._drafts.values()
        with_extended = any(draft.extended for draft in drafts)
        makers = {virtual: draft.address for draft in drafts for virtual in draft.virtual_functions()}
        found = (draft.function(with_extended) for draft in drafts)
        return [replace(f, physical_function=makers.get(f.address)) for f in found]

    def take(self, number: int, line: str) -> None:
        if not line:
            self._draft = None
            return
        what = self._read(line)
        if what == "unknown":
            self.problems.append(f"line {number}: unknown")
        elif what == "error":
            self.problems.append(f"line {number}: error-message")
        elif what == "cut" or line.endswith(("...", "…")):
            self.problems.append(f"line {number}: cut")
        self._last = (number, line, what)

    def end(self, whole: bool) -> None:
        """`whole`: the text ends with a line end. Without, its last line may have been cut in the middle."""
        number, line, what = self._last
        heading = what == "heading"
        half = not whole and (
            what == "unknown"
            or line.count("[") != line.count("]")
            or line.count("(") != line.count(")")
            or (what == "function" and self._with_ids > 1 and not IDS.search(line))
        )
        if heading or half:
            self.problems = [problem for problem in self.problems if not problem.startswith(f"line {number}:")]
            self.problems.append(f"line {number}: cut")

    def _read(self, line: str) -> str:
        readers: tuple[Callable[[str], str | None], ...] = (
            self._hex_row,
            self._record_line,
            self._group_line,
            self._function_line,
            self._detail_line,
            _noise,
        )
        for reader in readers:
            what = reader(line)
            if what is not None:
                return what
        return "unknown"

    def _hex_row(self, line: str) -> str | None:
        match = _HEX_ROW.match(line)
        if match is None or self._draft is None:
            return None
        at = int(match[1], 16)
        config = self._draft.config
        if at == len(config):  # a row that does not follow the last one belongs to nothing
            config += bytes.fromhex(match[2])
        return "hex"

    def _record_line(self, line: str) -> str | None:
        key, colon, value = line.partition(":")
        value = value.strip()
        if not colon or key not in KEYS or not (line.startswith(key + ":\t") or self._in_record(key, value)):
            return None
        if key == "Slot" or (key == "Device" and self._draft is None):
            return "function" if self._open(value) else None
        draft = self._draft
        if draft is None:
            return None
        self._record_value(draft, key, value)
        return "record"

    def _in_record(self, key: str, value: str) -> bool:
        """Copying turns tabs into spaces: a Slot with an address starts a record all the same."""
        return self._draft is not None or (key == "Slot" and re.fullmatch(_ADDRESS, value) is not None)

    def _record_value(self, draft: Draft, key: str, value: str) -> None:
        is_ = named(value)
        if key == "Class":
            draft.note(class_code=None if is_.number is None else is_.number << 8, class_name=is_.name)
        elif key == "Vendor":
            draft.note(vendor=is_.number, vendor_name=is_.name)
        elif key == "Device":
            draft.note(device=is_.number, device_name=is_.name)
        elif key == "SVendor":
            draft.note(subsystem_vendor=is_.number)
        elif key == "SDevice":
            draft.note(subsystem_device=is_.number)
        elif key == "Rev":
            draft.note(revision=integer(value, 16))
        elif key == "ProgIf" and "class_code" in draft.known:
            draft.known["class_code"] |= (integer(value, 16) or 0) & 0xFF
        elif key == "Driver":
            draft.note(driver=value or None)
        elif key == "Module":
            draft.known["modules"] = (*draft.known.get("modules", ()), value)
        elif key == "NUMANode":
            draft.note(numa_node=integer(value, 10))
        elif key == "IOMMUGroup":
            draft.note(group=integer(value, 10))
        elif key == "PhySlot":
            draft.note(slot=value or None)
        elif key == "Label":
            draft.note(label=value or None)

    def _open(self, text: str) -> bool:
        try:
            address = PciAddress.parse(text)
        except ValueError:
            return False
        self._draft = self._drafts.setdefault(address, Draft(address))
        return True

    def _group_line(self, line: str) -> str | None:
        match = _GROUP.match(line) if "roup" in line or "ROUP" in line else _ROW.match(line)
        if match is None or (self._draft is not None and line[0].isspace() and not match[2]):
            return None  # "IOMMU group: 12" below a function is a detail of it
        number, rest = int(match[1]), match[2].strip(" |#*")
        if not rest:
            self.groups.add(number)
            self._group = number
            self._draft = None
            return "heading"
        outer, self._group = self._group, number
        what = self._function_line(rest)
        self._group = outer if what is None else number
        if what is None:
            if not _ERROR.match(rest) and rest not in ("...", "…"):
                return None
            what = "error" if _ERROR.match(rest) else "cut"
        self.groups.add(number)
        return what

    def _function_line(self, line: str) -> str | None:
        match = _FUNCTION.match(line)
        if match is None or not self._open(match["address"]) or self._draft is None:
            return None
        draft = self._draft
        draft.note(group=self._group)
        rest = (match["rest"] or "").strip(" |")
        if rest.count('"') >= 4:
            self._quoted(draft, '"' + rest if rest.count('"') % 2 else rest)
        else:
            self._described(draft, rest, match["ids"])
        return "function"

    def _quoted(self, draft: Draft, rest: str) -> None:
        """``lspci -m``: "class" "vendor" "device" -r02 "subsystem vendor" "subsystem"."""
        values = re.findall(r'"([^"]*)"', rest)
        for key, value in zip(("Class", "Vendor", "Device", "SVendor", "SDevice"), values, strict=False):
            self._record_value(draft, key, value)

    def _described(self, draft: Draft, rest: str, before: str | None) -> None:
        """``Host bridge [0600]: Intel Corporation Device [8086:191f] (rev 07) (prog-if 00 [...])``."""
        revision, interface = _REVISION.search(rest), _INTERFACE.search(rest)
        kind, colon, name = _TAIL.sub("", rest).partition(": ")
        kind, name = kind.removeprefix("Class ").strip(), name.strip()
        class_code = _CLASS.search(kind)
        number = int(class_code[1], 16) if class_code else integer(kind, 16) if len(kind) == 4 else None
        ids = IDS.findall(name) or ([tuple(before.split(":"))] if before else [])
        if not ids and number is not None:
            ids = BARE_IDS.findall(name)
        if ids:
            draft.note(vendor=int(ids[-1][0], 16), device=int(ids[-1][1], 16))
            self._with_ids += 1
        shown = IDS.sub("", name).strip()
        draft.note(
            class_code=None if number is None else number << 8 | (int(interface[1], 16) if interface else 0),
            class_name=_CLASS.sub("", kind).strip() or None if colon and len(kind) != 4 else None,
            device_name=shown if shown and not BARE_IDS.search(shown) else None,
            revision=None if revision is None else int(revision[1], 16),
        )

    def _detail_line(self, line: str) -> str | None:
        draft = self._draft
        if draft is None:
            return None
        key, colon, value = line.strip().partition(":")
        value = value.strip()
        if colon and key in DETAILS:
            DETAILS[key](draft, value)
            return "detail"
        if "Device Serial Number " in line:
            number = line.rpartition(" ")[2]
            draft.note(serial=number if number.count("-") == 7 and set(number) - set("0-") else None)
        is_head = line.lower().lstrip().startswith("iommu group ")  # cut; lspci's detail is "IOMMU group: 1"
        return "detail" if line[0].isspace() and not is_head else None


def _noise(line: str) -> str | None:
    if line.strip() in ("...", "…", "[...]"):
        return "cut"
    if _ERROR.match(line):
        return "error"
    return "noise" if _PROMPT.match(line) or _MARKS.match(line) else None
