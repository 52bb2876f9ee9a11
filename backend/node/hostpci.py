"""A ``hostpciN`` value: PVE's property string, read and printed as PVE does.

Sources: PVE::QemuServer::PCI $hostpci_fmt, and the property strings of PVE::JSONSchema (qemu-server 9.2.6, pve-common
9.2.1). Older releases know fewer keys: ``mapping`` since PVE 8.0, ``driver`` since 9.1.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType

from backend.node.function import Function

MAX_HOSTPCI = 16  # $MAX_HOSTPCI_DEVICES: hostpci0 to hostpci15

_PCI_ID = r"(?:[0-9a-f]{4,}:)?[0-9a-f]{2}:[0-9a-f]{2}(?:\.[0-9a-f])?"
_ID_KEYS = ("vendor-id", "device-id", "sub-vendor-id", "sub-device-id")
_PATTERNS = {
    "host": re.compile(rf"{_PCI_ID}(?:;{_PCI_ID})*"),
    "mdev": re.compile(r"[^/.:]+"),
    "romfile": re.compile(r"[^,;]+"),
    **dict.fromkeys(_ID_KEYS, re.compile(r"0x[0-9A-Fa-f]{4}")),
}
_MAPPING_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_-]+")  # pve-configid
_BOOLEANS = frozenset({"pcie", "x-vga", "rombar", "legacy-igd"})
_SPELLED = {**dict.fromkeys(("1", "on", "yes", "true"), "1"), **dict.fromkeys(("0", "off", "no", "false"), "0")}
_DRIVERS = ("vfio", "keep")


@dataclass(frozen=True, slots=True)
class Fault:
    """One thing that PVE's parser has against a value.

    ``code``: "missing-key" and "duplicate-key" are about the string, and PVE names no key (``key`` is None or the
    repeated one); "pattern", "boolean", "enum", "mapping-name", "unknown-key" are about the value of ``key``.
    ``text``: PVE's own words.
    """

    code: str
    key: str | None
    text: str

    @property
    def is_about_string(self) -> bool:
        return self.code in ("missing-key", "duplicate-key")


class BadHostPci(ValueError):
    """A value that PVE refuses. ``faults``: by key; never empty."""

    def __init__(self, faults: Sequence[Fault]) -> None:
        super().__init__("; ".join(f"{fault.key}: {fault.text}" if fault.key else fault.text for fault in faults))
        self.faults = tuple(faults)


@dataclass(frozen=True, slots=True)
class HostPci:
    """``values``: what was given, by key; booleans as "1" or "0". The rest says what each means."""

    values: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))

    @classmethod
    def parse(cls, text: str) -> HostPci:
        """Raises BadHostPci where PVE refuses the value. Neither ``host`` nor ``mapping``, and both, are accepted: the
        mistake shows when the VM starts."""
        values = _split(text)
        faults = [fault for key in sorted(values) if (fault := _fault(key, values[key])) is not None]
        if faults:
            raise BadHostPci(faults)
        return cls(
            MappingProxyType({k: _SPELLED[v.lower()] if k in _BOOLEANS else v for k, v in values.items()}),
        )

    def __str__(self) -> str:
        """As PVE prints it (print_property_string): the host first and bare, the other keys in their order."""
        host = [self.values["host"]] if "host" in self.values else []
        return ",".join([*host, *(f"{key}={self.values[key]}" for key in sorted(self.values) if key != "host")])

    @property
    def host(self) -> tuple[str, ...]:
        """Ids as written, each of a card (``01:00``) or a function (``0000:01:00.0``): one guest device together."""
        return tuple(self.values.get("host", "").split(";")) if "host" in self.values else ()

    @property
    def mapping(self) -> str | None:
        return self.values.get("mapping")

    @property
    def mdev(self) -> str | None:
        return self.values.get("mdev")

    @property
    def romfile(self) -> str | None:
        """Below /usr/share/kvm, unchecked: it may hold slashes."""
        return self.values.get("romfile")

    @property
    def pcie(self) -> bool:
        return self._is("pcie")

    @property
    def x_vga(self) -> bool:
        return self._is("x-vga")

    @property
    def rombar(self) -> bool:
        return self.values.get("rombar") != "0"

    @property
    def legacy_igd(self) -> bool:
        return self._is("legacy-igd")

    @property
    def keeps_driver(self) -> bool:
        """PVE leaves the function with the driver that it has: a mediated device, or ``driver=keep``."""
        return self.mdev is not None or self.values.get("driver") == "keep"

    def _is(self, key: str) -> bool:
        return self.values.get(key) == "1"


def parsed_lines(settings: Mapping[str, str]) -> Iterator[tuple[str, HostPci]]:
    """hostpci0 to hostpci15 of a VM's settings in PVE's order. Values that it refuses are left out: PVE skips such a
    line with a warning (PVE::QemuServer::parse_vm_config)."""
    for number in range(MAX_HOSTPCI):
        value = settings.get(f"hostpci{number}")
        if value:
            try:
                yield f"hostpci{number}", HostPci.parse(value)
            except BadHostPci:
                continue


def named(id_: str, functions: Iterable[Function]) -> tuple[Function, ...]:
    """Functions that an id of ``host`` or of a mapping's path stands for: all whose address starts so, the domain
    0000 left out at will. VFs on the card's own bus and device number are among them (PVE::SysFSTools::lspci)."""
    starts = (id_, f"0000:{id_}")
    return tuple(function for function in functions if str(function.address).startswith(starts))


def refusal(option: str, value: str) -> str | None:
    """What PVE's API answers to a bad value of `option` (``hostpci0``), None where it is accepted."""
    try:
        HostPci.parse(value)
    except BadHostPci as bad:
        if bad.faults[0].is_about_string:
            return f"invalid format - {bad.faults[0].text}\n"
        return "invalid format - format error\n" + "".join(f"{option}.{f.key}: {f.text}\n" for f in bad.faults)
    return None


def _split(text: str) -> dict[str, str]:
    """Parts without ``=`` are the host; blank ones are skipped."""
    found: dict[str, str] = {}
    for part in text.split(","):
        if not part.strip():
            continue
        key, equals, value = part.partition("=")
        if not equals:
            key, value = "host", part
        elif not key or not value:
            raise BadHostPci([Fault("missing-key", None, "missing key in comma-separated list property")])
        if key in found:
            text = f"duplicate key in comma-separated list property: {key}"
            raise BadHostPci([Fault("duplicate-key", key, text)])
        found[key] = value
    return found


def _fault(key: str, value: str) -> Fault | None:
    if key in _BOOLEANS:
        if value.lower() not in _SPELLED:
            return Fault("boolean", key, f"type check ('boolean') failed - got '{value}'")
    elif key == "mapping":
        if not _MAPPING_NAME.fullmatch(value):
            return Fault("mapping-name", key, f"invalid format - invalid configuration ID '{value}'")
    elif key == "driver":
        if value not in _DRIVERS:
            text = f"value '{value}' does not have a value in the enumeration '{', '.join(_DRIVERS)}'"
            return Fault("enum", key, text)
    elif key not in _PATTERNS:
        text = "property is not defined in schema and the schema does not allow additional properties"
        return Fault("unknown-key", key, text)
    elif not _PATTERNS[key].fullmatch(value):
        return Fault("pattern", key, "value does not match the regex pattern")
    return None
