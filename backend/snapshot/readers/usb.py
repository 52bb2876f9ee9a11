"""What hangs on the USB controllers (Documentation/ABI/stable/sysfs-bus-usb).

Disks, NICs and consoles on USB are found where disks and NICs are: their folders lie below the controller's.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping

from backend.node.address import PciAddress
from backend.node.need import Need
from backend.node.node import Guest, Use
from backend.snapshot.readers.sysfs import function_in, real_folder
from backend.snapshot.snapshot import Snapshot

_DEVICES = "/sys/bus/usb/devices"
_DEVICE = re.compile(r"\d+-[\d.]+")  # 1-4.2; root hubs are usb1, interfaces 1-4.2:1.0
_GIVEN = re.compile(r"(?:host=)?(\d+-\d+(?:\.\d+)*|[0-9A-Fa-f]{4}:[0-9A-Fa-f]{4})(?=,|$)")
_KEYBOARD = ("03", "01", "01")  # class HID, subclass boot interface, protocol keyboard (HID 1.11, 4.2 and 4.3)
# Vendors that show the host a management controller's keyboard, discs and network card (usb.ids).
_BMC = frozenset(
    (
        *("046b", "0624"),  # American Megatrends, Avocent
        *("0557:2221", "0557:7000", "0557:9241"),  # ATEN
        *("413c:a001", "413c:a102"),  # iDRAC
        *("03f0:7029", "03f0:2927"),  # iLO
        *("04b3:4010", "0b1f:03ee"),  # IBM, Insyde
    )
)


def usb_uses(snapshot: Snapshot, guests: Iterable[Guest] = ()) -> Iterator[Use]:
    """Devices that a driver of the host works with, hubs left out. Chains: port and name, ("1-4.2", "USB Keyboard").
    A keyboard needs one of those that are there. Those that guests have start with the guest and its line: ("101",
    "usb0", "1-4.2", "Zigbee")."""
    base = snapshot.resolve(_DEVICES)
    folders = {name: real_folder(snapshot, f"{base}/{name}") for name in snapshot.listdir(base)}
    interfaces: dict[str, list[str]] = {}
    for name, folder in folders.items():
        if ":" in name:
            interfaces.setdefault(name.partition(":")[0], []).append(folder)
    found: list[tuple[PciAddress, str, tuple[str, ...]]] = []
    claimed = _claimed(guests)
    for name, folder in folders.items():
        address = function_in(folder)
        if address is None or not _DEVICE.fullmatch(name):
            continue
        for claim in dict.fromkeys((*claimed.get(name, ()), *claimed.get(_ids(snapshot, folder), ()))):
            found.append((address, "lent", (*claim, name, _name(snapshot, folder))))
        parts = interfaces.get(name, [])
        drivers = {snapshot.link_name(f"{part}/driver") for part in parts} - {None, "hub", "usbfs"}
        if drivers:
            found.append((address, _kind(snapshot, folder, parts), (name, _name(snapshot, folder))))
    keyboards = Need.of_one(dict.fromkeys(address for address, kind, _ in found if kind == "keyboard"))
    for address, kind, chain in found:
        yield Use(address, kind, chain, keyboards if kind == "keyboard" else None)


def _claimed(guests: Iterable[Guest]) -> Mapping[str, list[tuple[str, str]]]:
    """By port or by ids, guest and line: ``usb0: host=1-4.2``, ``usb1: 046d:c31c,usb3=1`` (qm.conf)."""
    found: dict[str, list[tuple[str, str]]] = {}
    for guest in guests:
        for slot, value in guest.options.items():
            match = _GIVEN.match(value) if slot.startswith("usb") else None
            if match is not None:
                found.setdefault(match[1].lower(), []).append((str(guest.vmid), slot))
    return found


def _kind(snapshot: Snapshot, folder: str, parts: list[str]) -> str:
    ids = _ids(snapshot, folder)
    if ids in _BMC or ids.partition(":")[0] in _BMC:
        return "bmc"
    names = ("bInterfaceClass", "bInterfaceSubClass", "bInterfaceProtocol")
    is_keyboard = any(tuple(snapshot.text(f"{part}/{name}") for name in names) == _KEYBOARD for part in parts)
    return "keyboard" if is_keyboard else "usb"


def _name(snapshot: Snapshot, folder: str) -> str:
    return snapshot.text(f"{folder}/product") or _ids(snapshot, folder)


def _ids(snapshot: Snapshot, folder: str) -> str:
    return ":".join(snapshot.text(f"{folder}/{name}") or "" for name in ("idVendor", "idProduct"))
