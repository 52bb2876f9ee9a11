"""What PVE's schema says of a ``hostpciN`` value.

Sources: PVE::QemuServer::PCI $hostpci_fmt and PVE::JSONSchema's parser.
fakepve stores the value unchecked; the demo must refuse what a real node refuses.
"""

from __future__ import annotations

import re

_PCI_ID = r"(?:[0-9a-f]{4,}:)?[0-9a-f]{2}:[0-9a-f]{2}(?:\.[0-9a-f])?"
_PATTERNS = {
    "host": rf"{_PCI_ID}(?:;{_PCI_ID})*",
    "mdev": r"[^/.:]+",
    "romfile": r"[^,;]+",
    **dict.fromkeys(("vendor-id", "device-id", "sub-vendor-id", "sub-device-id"), r"0x[0-9A-Fa-f]{4}"),
}
_BOOLEANS = frozenset({"pcie", "x-vga", "rombar", "legacy-igd"})
_SPELLED = frozenset({"1", "on", "yes", "true", "0", "off", "no", "false"})


def refusal(option: str, value: str) -> str | None:
    """PVE's text for a bad value of `option` (``hostpci0``), None where it is accepted."""
    found: dict[str, str] = {}
    for part in value.split(","):
        if not part.strip():
            continue
        key, equals, text = part.partition("=")
        if not equals:
            key, text = "host", part
        elif not key or not text:
            return "invalid format - missing key in comma-separated list property\n"
        if key in found:
            return f"invalid format - duplicate key in comma-separated list property: {key}\n"
        found[key] = text
    wrong = [f"{option}.{key}: {text}\n" for key, text in sorted((k, _wrong(k, v)) for k, v in found.items()) if text]
    return "invalid format - format error\n" + "".join(wrong) if wrong else None


def _wrong(key: str, value: str) -> str:
    if key in _BOOLEANS:
        return "" if value.lower() in _SPELLED else f"type check ('boolean') failed - got '{value}'"
    if key == "mapping":
        good = re.fullmatch(r"[A-Za-z][A-Za-z0-9_-]+", value)
        return "" if good else f"invalid format - invalid configuration ID '{value}'"
    if key == "driver":
        good_driver = value in ("vfio", "keep")
        return "" if good_driver else f"value '{value}' does not have a value in the enumeration 'vfio, keep'"
    if key not in _PATTERNS:
        return "property is not defined in schema and the schema does not allow additional properties"
    return "" if re.fullmatch(_PATTERNS[key], value) else "value does not match the regex pattern"
