"""Physical slots and on-board devices as firmware describes them (``dmidecode -t 9,41``; SMBIOS 7.10, 7.42).

Firmware is careless here: names repeat, addresses are placeholders (00:00.0, ff:00.0, 00:1f.7 for all), and
an address may be the card's or that of the port above it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from backend.node.address import PciAddress
from backend.node.express import PortType
from backend.node.function import Function
from backend.node.node import Slot

_HEAD = {"System Slot Information": "slot", "Onboard Device": "device", "BIOS Information": "firmware"}
_NO_NAME = ("", "Not Specified", "None", "Unknown", "To Be Filled By O.E.M.")


@dataclass(frozen=True, slots=True)
class FirmwareSlot:
    """One type 9 structure. `address` as printed, placeholder or not."""

    designation: str
    type: str | None
    in_use: bool | None
    address: PciAddress | None


def read_firmware_slots(text: str) -> tuple[FirmwareSlot, ...]:
    """Every type 9 structure, in the table's order."""
    found: list[FirmwareSlot] = []
    for kind, settings in _structures(text):
        if kind == "slot":
            name = settings.get("Designation", "")
            found.append(
                FirmwareSlot(
                    designation=f"#{settings.get('ID', len(found) + 1)}" if name in _NO_NAME else name,
                    type=settings.get("Type"),
                    in_use={"In Use": True, "Available": False}.get(settings.get("Current Usage", "")),
                    address=_address(settings.get("Bus Address")),
                )
            )
    return tuple(found)


def read_firmware(text: str) -> str | None:
    """``American Megatrends International, LLC. F31 (11/02/2023)`` (SMBIOS 7.1); None where it is not told."""
    for title, fields in _structures(text):
        if title == "firmware":
            told = [fields[name] for name in ("Vendor", "Version") if fields.get(name)]
            date = fields.get("Release Date")
            return " ".join((*told, f"({date})") if date else told) or None
    return None


def read_labels(text: str) -> Mapping[PciAddress, str]:
    """Names of on-board devices (type 41) by address."""
    found: dict[PciAddress, str] = {}
    for kind, settings in _structures(text):
        at = _address(settings.get("Bus Address"))
        label = settings.get("Reference Designation", "")
        if kind == "device" and at is not None and label not in _NO_NAME:
            found.setdefault(at, label)
    return found


def _structures(text: str) -> Iterator[tuple[str, Mapping[str, str]]]:
    kind: str | None = None
    settings: dict[str, str] = {}
    for line in (*text.splitlines(), ""):
        if not line.strip() or not line[0].isspace():
            if kind is not None:
                yield kind, settings
            kind, settings = _HEAD.get(line.strip()), {}
        elif kind is not None:
            key, colon, value = line.strip().partition(":")
            if colon:
                settings.setdefault(key, value.strip())


def _address(text: str | None) -> PciAddress | None:
    try:
        return None if text is None else PciAddress.parse(text)
    except ValueError:
        return None


def place(slots: Sequence[FirmwareSlot], functions: Sequence[Function]) -> tuple[Slot, ...]:
    """Slots at the cards they hold; names made unique by a number behind the second and later."""
    by_address = {function.address: function for function in functions}
    cards = {function.address.card for function in functions}
    shared = Counter(slot.address for slot in slots)
    names: Counter[str] = Counter()
    found = []
    for slot in slots:
        names[slot.designation] += 1
        again = names[slot.designation]
        card = _card(slot, by_address) if shared[slot.address] == 1 else None
        found.append(
            Slot(
                name=slot.designation if again == 1 else f"{slot.designation} ({again})",
                address=card,
                occupied=card in cards if card is not None and functions else slot.in_use,
                description=slot.type,
            )
        )
    return tuple(found)


def _card(slot: FirmwareSlot, by_address: Mapping[PciAddress, Function]) -> str | None:
    at = slot.address
    if at is None or (at.bus, at.device, at.function) == (0, 0, 0):
        return None  # the host bridge is in no slot
    there = by_address.get(at)
    if there is None:
        # Nothing answers there: the address is worth something only for an empty slot behind a port.
        return (
            at.card if slot.in_use is False and at.bus not in (0, 0xFF) else at.card if _any(by_address, at) else None
        )
    if not there.is_pci_bridge:
        return None if there.base_class == 0x06 else at.card
    port = there.port_type
    is_card = port is PortType.UPSTREAM or (port is None and there.parent is not None)
    if is_card:
        return at.card
    return None if there.secondary_bus is None else f"{at.domain:04x}:{there.secondary_bus:02x}:00"


def _any(by_address: Mapping[PciAddress, Function], at: PciAddress) -> bool:
    return any(PciAddress(at.domain, at.bus, at.device, n) in by_address for n in range(8)) and at.bus != 0
