"""From a snapshot to a node: pure, no clock. Each module reads one thing."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace

from backend.node.address import PciAddress
from backend.node.function import Function
from backend.node.node import Node, Slot
from backend.snapshot.readers import dmi, sysfs
from backend.snapshot.readers.boot_chain import read_boot_chain
from backend.snapshot.readers.cluster import cluster_uses
from backend.snapshot.readers.cmdline import read_cmdline
from backend.snapshot.readers.commands import printed
from backend.snapshot.readers.display import display_uses, read_framebuffers
from backend.snapshot.readers.files import read_files, read_links
from backend.snapshot.readers.guests import guest_uses, read_guests
from backend.snapshot.readers.iommu import read_iommu
from backend.snapshot.readers.kernel_modules import read_built_in, read_module_files
from backend.snapshot.readers.log import read_log
from backend.snapshot.readers.mappings import read_mappings, read_reservations
from backend.snapshot.readers.names import Record, read_records
from backend.snapshot.readers.network import Network, read_interface_names, read_interfaces
from backend.snapshot.readers.roms import read_roms
from backend.snapshot.readers.storage import storage_uses
from backend.snapshot.readers.times import read_booted, read_written
from backend.snapshot.readers.usb import usb_uses
from backend.snapshot.snapshot import Snapshot

__all__ = ["read_node"]


def read_node(snapshot: Snapshot) -> Node:
    """The model of a snapshot. Never raises: what is missing is None or in `problems`."""
    functions = sysfs.read_functions(snapshot, sysfs.device_folders(snapshot))
    groups = sysfs.read_groups(snapshot, functions)
    firmware = printed(snapshot, "dmidecode") or ""
    slots = _join(sysfs.read_slots(snapshot, functions), dmi.place(dmi.read_firmware_slots(firmware), functions))
    functions = tuple(
        _describe(functions, slots, dmi.read_labels(firmware), read_records(printed(snapshot, "lspci") or ""))
    )
    guests = read_guests(snapshot)
    interfaces = read_interfaces(snapshot)
    network = Network(snapshot, interfaces)
    node = Node(
        hostname=snapshot.text("/proc/sys/kernel/hostname") or snapshot.text("/etc/hostname"),
        kernel=snapshot.text("/proc/sys/kernel/osrelease"),
        cmdline=read_cmdline(snapshot),
        boot_id=snapshot.text("/proc/sys/kernel/random/boot_id"),
        pve_version=pve_version(printed(snapshot, "pveversion") or ""),
        firmware=dmi.read_firmware(firmware),
        memory=_memory(snapshot.text("/proc/meminfo") or ""),
        taken=snapshot.taken,
        iommu=read_iommu(snapshot, groups),
        boot=read_boot_chain(snapshot),
        functions=functions,
        groups=groups,
        slots=slots,
        uses=(
            *network.uses(),
            *cluster_uses(snapshot, network),
            *storage_uses(snapshot, guests),
            *display_uses(snapshot, functions),
            *usb_uses(snapshot, guests),
        ),
        guests=guests,
        mappings=read_mappings(snapshot),
        roms=read_roms(snapshot),
        reservations=read_reservations(snapshot, guests),
        interfaces=interfaces,
        addresses=network.addresses,
        interface_names=read_interface_names(snapshot),
        framebuffers=read_framebuffers(snapshot),
        modules=tuple(line.split()[0] for line in (snapshot.text("/proc/modules") or "").splitlines() if line.split()),
        built_in=read_built_in(snapshot),
        module_files=read_module_files(snapshot),
        files=read_files(snapshot),
        links=read_links(snapshot),
        written=read_written(snapshot),
        booted=read_booted(snapshot),
        log=read_log(snapshot),
        problems=tuple(f"{path}: {code}" for path, code in sorted(snapshot.problems.items())),
    )
    return replace(node, uses=(*node.uses, *guest_uses(node)))


def pve_version(text: str) -> str | None:
    """``8.2.4`` of ``pve-manager/8.2.4/faa8... (running kernel: ...)`` or of ``pveversion -v``."""
    for line in text.splitlines():
        if line.startswith("pve-manager/"):
            return line.split("/")[1].split()[0]
        if line.startswith("pve-manager: "):
            return line.split()[1]
    return None


def _memory(text: str) -> int | None:
    """``MemTotal:       65778080 kB``."""
    found = re.match(r"MemTotal:\s+(\d+) kB", text)
    return None if found is None else int(found[1]) << 10


def _join(known: Sequence[Slot], firmware: Sequence[Slot]) -> tuple[Slot, ...]:
    """The kernel's slots first, under the name that is printed on the board where firmware tells it; then firmware's
    others. A hot-plug driver's own name is a mere number (the Physical Slot Number of the Slot Capabilities)."""
    by_card = {slot.address: slot for slot in firmware if slot.address is not None}
    joined = [
        replace(slot, name=there.name, description=there.description)
        if slot.address is not None and (there := by_card.get(slot.address)) is not None
        else slot
        for slot in known
    ]
    taken_cards = {slot.address for slot in known if slot.address is not None}
    names = {slot.name for slot in joined}
    for slot in firmware:
        if slot.address not in taken_cards:
            joined.append(replace(slot, name=f"{slot.name} (SMBIOS)") if slot.name in names else slot)
    return tuple(joined)


def _describe(
    functions: Sequence[Function],
    slots: Sequence[Slot],
    labels: Mapping[PciAddress, str],
    records: Iterator[Record],
) -> Iterator[Function]:
    """Functions with slot, label and the names lspci printed."""
    slot_of = {slot.address: slot.name for slot in reversed(slots) if slot.address is not None}
    record_of = {record.address: record for record in records}
    for function in functions:
        record = record_of.get(function.address)
        slot = slot_of.get(function.address.card)
        label = function.label or labels.get(function.address)
        if record is not None:
            function = replace(
                function,
                slot=slot,
                label=label,
                class_name=record.named("Class").name,
                vendor_name=record.named("Vendor").name,
                device_name=record.named("Device").name,
                modules=record.modules,
            )
        elif slot is not None or label != function.label:
            function = replace(function, slot=slot, label=label)
        yield function
