"""What hangs on the USB controllers (Documentation/ABI/stable/sysfs-bus-usb).

Disks, NICs and consoles on USB are found where disks and NICs are: their folders lie below the controller's.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

from backend.node.address import PciAddress
from backend.node.need import Need
from backend.node.node import Use
from backend.snapshot.readers.sysfs import function_in, real_folder
from backend.snapshot.snapshot import Snapshot

_DEVICES = "/sys/bus/usb/devices"
_DEVICE = re.compile(r"\d+-[\d.]+")  # 1-4.2; root hubs are usb1, interfaces 1-4.2:1.0
_KEYBOARD = ("03", "01", "01")  # class HID, subclass boot interface, protocol keyboard (HID 1.11, 4.2 and 4.3)
# Vendors that show the host a management controller's keyboard, discs and network card (usb.ids).
_BMC = {
    "046b": "American Megatrends",
    "0624": "Avocent",
    "0557:2221": "ATEN",
    "0557:7000": "ATEN",
    "0557:9241": "ATEN",
    "413c:a001": "iDRAC",
    "413c:a102": "iDRAC",
    "0b1f:03ee": "Insyde",
    "04b3:4010": "IBM",
    "03f0:7029": "iLO",
    "03f0:2927": "iLO",
}


def usb_uses(snapshot: Snapshot) -> Iterator[Use]:
    """Devices that a driver of the host works with, hubs left out. Chains: port and name, ("1-4.2", "USB Keyboard").
    A keyboard needs one of those that are there."""
    base = snapshot.resolve(_DEVICES)
    folders = {name: real_folder(snapshot, f"{base}/{name}") for name in snapshot.listdir(base)}
    interfaces: dict[str, list[str]] = {}
    for name, folder in folders.items():
        if ":" in name:
            interfaces.setdefault(name.partition(":")[0], []).append(folder)
    found: list[tuple[PciAddress, str, tuple[str, ...]]] = []
    for name, folder in folders.items():
        address = function_in(folder)
        if address is None or not _DEVICE.fullmatch(name):
            continue
        parts = interfaces.get(name, [])
        drivers = {snapshot.link_name(f"{part}/driver") for part in parts} - {None, "hub", "usbfs"}
        if drivers:
            found.append((address, _kind(snapshot, folder, parts), (name, _name(snapshot, folder))))
    keyboards = Need.of_one(dict.fromkeys(address for address, kind, _ in found if kind == "keyboard"))
    for address, kind, chain in found:
        yield Use(address, kind, chain, keyboards if kind == "keyboard" else None)


def _kind(snapshot: Snapshot, folder: str, parts: list[str]) -> str:
    vendor, product = (snapshot.text(f"{folder}/{name}") or "" for name in ("idVendor", "idProduct"))
    if vendor in _BMC or f"{vendor}:{product}" in _BMC:
        return "bmc"
    names = ("bInterfaceClass", "bInterfaceSubClass", "bInterfaceProtocol")
    is_keyboard = any(tuple(snapshot.text(f"{part}/{name}") for name in names) == _KEYBOARD for part in parts)
    return "keyboard" if is_keyboard else "usb"


def _name(snapshot: Snapshot, folder: str) -> str:
    texts: Mapping[str, str | None] = {
        name: snapshot.text(f"{folder}/{name}") for name in ("product", "idVendor", "idProduct")
    }
    return texts["product"] or f"{texts['idVendor']}:{texts['idProduct']}"
