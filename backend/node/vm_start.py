"""What PVE does with a VM's devices before QEMU runs: its checks in their order, and which functions the guest gets.

Source: PVE::QemuServer::PCI (parse_hostpci_devices, choose_hostpci_devices, reserve_pci_usage, prepare_pci_device),
qemu-server 9.2.6.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from types import MappingProxyType

from backend.node import mapping
from backend.node.address import PciAddress
from backend.node.function import Function
from backend.node.hostpci import MAX_HOSTPCI, BadHostPci, HostPci
from backend.node.node import Guest, Node


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why a VM does not start. ``code``:

    "unreadable", "host-and-mapping", "empty", "mapping-unknown", "mapping-invalid", "missing", "mdev-multifunction",
    "needs-q35", "igd-second", "igd-vga", "igd-rombar", "igd-x-vga", "igd-mdev", "igd-q35", "igd-multifunction",
    "igd-alternatives", "igd-address", "twice", "no-free-alternative", "in-use", "no-iommu".

    ``slot``: the hostpci line at which PVE stops; ``text``: what the task's log ends with.
    """

    code: str
    slot: str
    text: str


@dataclass(frozen=True, slots=True)
class Start:
    """``refusal``: None where PVE goes on to QEMU. ``given``: functions by slot in the guest's order, as far as PVE
    came; those of a mediated device's parent too."""

    refusal: Refusal | None
    given: Mapping[str, tuple[Function, ...]]


@dataclass(frozen=True, slots=True)
class _Device:
    """A line resolved: its alternatives, each the functions of one guest device."""

    hostpci: HostPci
    alternatives: tuple[tuple[Function, ...], ...]


class _Refused(Exception):
    def __init__(self, code: str, text: str) -> None:
        self.code, self.text = code, text


def is_q35(guest: Guest) -> bool:
    """PVE::QemuServer::Machine::machine_type_is_q35: the word anywhere in the machine type."""
    return "q35" in guest.options.get("machine", "")


def resolve(node: Node, line: HostPci) -> tuple[tuple[Function, ...], ...]:
    """The alternatives of one line as far as they exist, whether or not PVE would take them: what a line names."""
    if line.mapping is None:
        return tuple(filter(None, (_all(node, line.host),)))
    entries = node.by_mapping[line.mapping].on(node.hostname) if line.mapping in node.by_mapping else ()
    return tuple(filter(None, (_all(node, entry.path) for entry in entries)))


def igd_conditions(
    guest: Guest, line: HostPci, alternatives: Collection[tuple[Function, ...]], *, is_second: bool
) -> Iterator[tuple[str, str]]:
    """Code and PVE's text of each condition of ``legacy-igd=1`` that is not met, in the order of its checks."""
    if is_second:
        yield "igd-second", "only one device can be assigned in legacy-igd mode"
    if guest.options.get("vga") != "none":
        yield "igd-vga", "legacy IGD assignment requires VGA mode to be 'none'"
    if not line.rombar:
        yield "igd-rombar", "legacy IGD assignment requires rombar to be enabled"
    for code, is_so, what in (
        ("igd-x-vga", line.x_vga, "x-vga"),
        ("igd-mdev", line.mdev is not None, "mdev"),
        ("igd-q35", is_q35(guest), "q35"),
        ("igd-multifunction", any(len(functions) > 1 for functions in alternatives), "multifunction devices"),
        ("igd-alternatives", len(alternatives) > 1, "alternate devices"),
    ):
        if is_so:
            yield code, f"legacy IGD assignment is not compatible with {what}"
    first = next(iter(alternatives), ())
    if first and not str(first[0].address).endswith("02.0"):
        yield "igd-address", "legacy IGD assignment only works for devices on host bus 00:02.0"


def will_start(node: Node, guest: Guest, in_use: Mapping[PciAddress, int] | None = None) -> Start:
    """PVE's verdict on the guest's devices. `in_use`: functions that guests hold, with the holder's id; None: those of
    node.reservations.

    A line that PVE cannot read counts as a refusal here, though PVE starts such a VM without the device.
    """
    held = node.reservations if in_use is None else in_use
    held = {address: vmid for address, vmid in held.items() if vmid != guest.vmid}
    given: dict[str, tuple[Function, ...]] = {}
    slot = "hostpci0"
    devices: dict[str, _Device] = {}
    try:
        for slot in (f"hostpci{number}" for number in range(MAX_HOSTPCI)):
            if guest.options.get(slot):
                devices[slot] = _parse(node, guest.options[slot])
                _fits(guest, devices[slot].hostpci, devices, slot)
        used: set[PciAddress] = set()
        for slot, device in devices.items():
            given[slot] = _choose(slot, device, used, held)
            if device.hostpci.mdev is None:
                used.update(function.address for function in given[slot])
        for slot, device in devices.items():
            _reserve(given[slot] if device.hostpci.mdev is None else (), held)
        slot = next(iter(devices), slot)
        if devices and node.iommu.active is False:
            raise _Refused("no-iommu", "cannot prepare PCI pass-through, IOMMU not present")
    except _Refused as refused:
        return Start(Refusal(refused.code, slot, refused.text), MappingProxyType(given))
    return Start(None, MappingProxyType(given))


def _parse(node: Node, value: str) -> _Device:
    """parse_hostpci."""
    try:
        line = HostPci.parse(value)
    except BadHostPci as bad:
        raise _Refused("unreadable", bad.faults[0].text) from bad
    if line.mapping is not None and line.host:
        raise _Refused("host-and-mapping", "Cannot set both 'host' and 'mapping'.")
    if line.mapping is not None:
        paths = _mapped(node, line.mapping)
    elif line.host:
        paths = (line.host,)
    else:
        raise _Refused("empty", "Either 'host' or 'mapping' must be set.")
    alternatives = []
    for path in paths:
        for id_ in path:
            if not node.named(id_):
                raise _Refused("missing", f"no PCI device found for '{id_}'")
        alternatives.append(_all(node, path))
        if line.mdev is not None and len(alternatives[-1]) > 1:
            raise _Refused("mdev-multifunction", "cannot use mediated device with multifunction device")
    return _Device(line, tuple(alternatives))


def _mapped(node: Node, name: str) -> tuple[tuple[str, ...], ...]:
    found = node.by_mapping.get(name)
    entries = found.on(node.hostname) if found is not None else ()
    if found is None or not entries:
        raise _Refused("mapping-unknown", f"PCI device mapping not found for '{name}'")
    functions = mapping.by_text(node.functions)
    for entry in entries:
        wrong = mapping.mismatch(found, entry, functions, node.pve_version)
        if wrong is not None:
            text = f"PCI device mapping invalid (hardware probably changed): {wrong.text}"
            raise _Refused("mapping-invalid", text)
    return tuple(entry.path for entry in entries)


def _all(node: Node, ids: Collection[str]) -> tuple[Function, ...]:
    return tuple(function for id_ in ids for function in node.named(id_))


def _fits(guest: Guest, line: HostPci, before: Mapping[str, _Device], slot: str) -> None:
    """parse_hostpci_devices: against the machine, the display, and the lines before."""
    if line.pcie and not is_q35(guest):
        raise _Refused("needs-q35", "q35 machine model is not enabled")
    if line.legacy_igd:
        is_second = any(device.hostpci.legacy_igd for other, device in before.items() if other != slot)
        for code, text in igd_conditions(guest, line, before[slot].alternatives, is_second=is_second):
            raise _Refused(code, text)


def _choose(slot: str, device: _Device, used: set[PciAddress], held: Mapping[PciAddress, int]) -> tuple[Function, ...]:
    """choose_hostpci_devices: the first alternative that nobody has. A mediated device is chosen later, and its parent
    may be named again."""
    if device.hostpci.mdev is not None:
        return device.alternatives[0]
    if len(device.alternatives) > 1:
        for functions in device.alternatives:
            if not any(function.address in used or function.address in held for function in functions):
                return _once(functions, used)
        raise _Refused("no-free-alternative", f"could not find a free device for '{slot}'")
    return _once(device.alternatives[0], used)


def _once(functions: tuple[Function, ...], used: set[PciAddress]) -> tuple[Function, ...]:
    seen = set(used)
    for function in functions:
        if function.address in seen:
            raise _Refused("twice", f"device '{function.address}' assigned more than once")
        seen.add(function.address)
    return functions


def _reserve(functions: tuple[Function, ...], held: Mapping[PciAddress, int]) -> None:
    """reserve_pci_usage."""
    for function in functions:
        holder = held.get(function.address)
        if holder is not None:
            raise _Refused("in-use", f"PCI device '{function.address}' already in use by VMID '{holder}'")
