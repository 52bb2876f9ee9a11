"""The PCI part of /sys of a simulated machine, and what lspci makes of it."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

from backend.demo.machines.config_space import config_space
from backend.demo.machines.parts import CLASS_NAMES, VENDOR_NAMES, Bar, Machine, Part
from backend.demo.machines.tree import Tree

_BAR_FLAGS = {"io": 0x40101, "mem32": 0x40200, "mem64": 0x140204, "pref64": 0x14220C, "rom": 0x46200}
DEVICES = "/sys/bus/pci/devices"


@dataclass(frozen=True, slots=True)
class Boot:
    """What one start of the machine made of it: from the kernel's command line and the initramfs."""

    boot_id: str
    cmdline: str
    iommu: bool
    drivers: dict[str, str | None]  # by function address


def device_directory(machine: Machine, part: Part) -> str:
    """The real directory in /sys/devices: the chain of bridges from the root bus down."""
    if part.under is None:
        domain, bus = part.at.split(":")[:2]
        return f"/sys/devices/pci{domain}:{bus}/{part.at}"
    return f"{device_directory(machine, machine.by_address[part.under])}/{part.at}"


def render_pci(machine: Machine, boot: Boot, tree: Tree) -> None:
    """Write every function, driver, group and slot into `tree`."""
    cards = Counter(part.at.rsplit(".", 1)[0] for part in machine.parts)
    places = _Addresses()
    for part in machine.parts:
        starts = {bar.index: places.take(bar) for bar in part.bars}
        _function(machine, boot, part, starts, cards[part.at.rsplit(".", 1)[0]] > 1, tree)
    tree.directory("/sys/kernel/iommu_groups")
    tree.directory("/sys/class/iommu")
    if boot.iommu:
        _groups(machine, tree)
    for socket in machine.sockets:
        if socket.number is not None and socket.address:
            base = f"/sys/bus/pci/slots/{socket.number}"
            tree.file(f"{base}/address", socket.address.rsplit(".", 1)[0])
            tree.file(f"{base}/max_bus_speed", "Unknown")
    tree.directory("/sys/bus/pci/slots")


class _Addresses:
    """Hands out bus addresses, each aligned to its size."""

    def __init__(self) -> None:
        self._next = {"io": 0x3000, "low": 0x80000000, "high": 0x6000000000}

    def take(self, bar: Bar) -> int:
        window = {"io": "io", "pref64": "high"}.get(bar.kind, "low")
        start = (self._next[window] + bar.size - 1) // bar.size * bar.size
        self._next[window] = start + bar.size
        return start


def _function(
    machine: Machine, boot: Boot, part: Part, starts: dict[int, int], multifunction: bool, tree: Tree
) -> None:
    base = device_directory(machine, part)
    driver = boot.drivers.get(part.at)
    tree.link(f"{DEVICES}/{part.at}", base)
    subsystem = (part.subsystem or "0000:0000").split(":")
    attributes: dict[str, str | bytes | int] = {
        "vendor": f"0x{part.vendor:04x}",
        "device": f"0x{part.device:04x}",
        "class": f"0x{part.class_code:06x}",
        "revision": f"0x{part.revision:02x}",
        "subsystem_vendor": f"0x{subsystem[0]}",
        "subsystem_device": f"0x{subsystem[1]}",
        "numa_node": part.numa,
        "driver_override": "(null)",
        "enable": 1 if driver else 0,
        "power_state": "D0" if driver else "unknown",
        "d3cold_allowed": 1,
        "irq": 0,
        "ari_enabled": 0,
        "modalias": _modalias(part, subsystem),
        "uevent": _uevent(part, driver, subsystem),
        "resource": _resource(part, starts),
        "config": config_space(part, starts, multifunction),
    }
    for name, value in attributes.items():
        tree.file(f"{base}/{name}", value)
    tree.link(f"{base}/subsystem", "/sys/bus/pci")
    if part.link:
        speed, width, max_speed, max_width = part.link
        tree.file(f"{base}/current_link_speed", f"{speed:.1f} GT/s PCIe")
        tree.file(f"{base}/current_link_width", width)
        tree.file(f"{base}/max_link_speed", f"{max_speed:.1f} GT/s PCIe")
        tree.file(f"{base}/max_link_width", max_width)
    if part.reset:
        tree.file(f"{base}/reset_method", " ".join(part.reset))
    if part.class_code >> 8 == 0x0300:
        tree.file(f"{base}/boot_vga", int(part.boot_vga))
    if part.label:
        tree.file(f"{base}/label", part.label)
    if part.buses:
        tree.file(f"{base}/secondary_bus_number", part.buses[0])
        tree.file(f"{base}/subordinate_bus_number", part.buses[1])
        tree.directory(f"{base}/pci_bus/{part.at.split(':')[0]}:{part.buses[0]:02x}")
    if part.vfs:
        tree.file(f"{base}/sriov_numvfs", part.vfs[0])
        tree.file(f"{base}/sriov_totalvfs", part.vfs[1])
        tree.file(f"{base}/sriov_drivers_autoprobe", 1)
        for index, vf in enumerate(p for p in machine.parts if p.vf_of == part.at):
            tree.link(f"{base}/virtfn{index}", device_directory(machine, vf))
    if part.vf_of:
        tree.link(f"{base}/physfn", device_directory(machine, machine.by_address[part.vf_of]))
    if driver:
        tree.link(f"{base}/driver", f"/sys/bus/pci/drivers/{driver}")
        tree.link(f"/sys/bus/pci/drivers/{driver}/{part.at}", base)
    if boot.iommu and part.group is not None:
        tree.link(f"{base}/iommu_group", f"/sys/kernel/iommu_groups/{part.group}")
        tree.link(f"/sys/kernel/iommu_groups/{part.group}/devices/{part.at}", base)
        tree.file(f"/sys/kernel/iommu_groups/{part.group}/type", "DMA-FQ")


def _groups(machine: Machine, tree: Tree) -> None:
    if machine.vendor == "intel":
        unit = "/sys/devices/virtual/iommu/dmar0"
        tree.file(f"{unit}/intel-iommu/version", "1:0")
        tree.link("/sys/class/iommu/dmar0", unit)
        return
    for part in machine.parts:
        if part.class_code >> 8 == 0x0806:
            unit = f"{device_directory(machine, part)}/iommu/ivhd0"
            tree.file(f"{unit}/amd-iommu/features", "246577efa2254afa:0")
            tree.link("/sys/class/iommu/ivhd0", unit)


def _modalias(part: Part, subsystem: list[str]) -> str:
    sub = "".join(f"s{kind}{int(value, 16):08X}" for kind, value in zip("vd", subsystem, strict=True))
    code = part.class_code
    kinds = f"bc{code >> 16:02X}sc{code >> 8 & 0xFF:02X}i{code & 0xFF:02X}"
    return f"pci:v{part.vendor:08X}d{part.device:08X}{sub}{kinds}"


def _uevent(part: Part, driver: str | None, subsystem: list[str]) -> str:
    lines = [f"DRIVER={driver}"] if driver else []
    lines += [
        f"PCI_CLASS={part.class_code:X}",
        f"PCI_ID={part.ids.upper()}",
        f"PCI_SUBSYS_ID={':'.join(subsystem).upper()}",
        f"PCI_SLOT_NAME={part.at}",
        f"MODALIAS={_modalias(part, subsystem)}",
    ]
    return "\n".join(lines)


def _resource(part: Part, starts: dict[int, int]) -> str:
    """13 lines (BARs, ROM, six of SR-IOV), 17 for a bridge (its windows): drivers/pci/pci-sysfs.c."""
    lines = [(0, 0, 0)] * (17 if part.is_bridge else 13)
    for bar in part.bars:
        lines[bar.index] = (starts[bar.index], starts[bar.index] + bar.size - 1, _BAR_FLAGS[bar.kind])
    return "\n".join(f"0x{start:016x} 0x{end:016x} 0x{flags:016x}" for start, end, flags in lines)


def lspci(machine: Machine, boot: Boot) -> str:
    """``lspci -D -nn -vmm -k`` of pciutils 3.9."""
    return "\n".join(_lspci_entry(machine, boot, part) for part in machine.parts) + "\n"


def _lspci_entry(machine: Machine, boot: Boot, part: Part) -> str:
    kind = part.class_code >> 8
    rows = [
        ("Slot", part.at),
        ("Class", f"{CLASS_NAMES[kind]} [{kind:04x}]"),
        ("Vendor", f"{VENDOR_NAMES[part.vendor]} [{part.vendor:04x}]"),
        ("Device", f"{part.name} [{part.device:04x}]"),
    ]
    if part.subsystem:
        vendor, device = part.subsystem.split(":")
        vendor_name = VENDOR_NAMES.get(int(vendor, 16), "Unknown vendor")
        rows.append(("SVendor", f"{vendor_name} [{vendor}]"))
        rows.append(("SDevice", f"{part.subsystem_name or 'Device'} [{device}]"))
    slot = _slot_of(machine, part)
    if slot is not None:
        rows.append(("PhySlot", slot))
    if part.revision:
        rows.append(("Rev", f"{part.revision:02x}"))
    if part.class_code & 0xFF:
        rows.append(("ProgIf", f"{part.class_code & 0xFF:02x}"))
    driver = boot.drivers.get(part.at)
    if driver:
        rows.append(("Driver", driver))
    rows += [("Module", module) for module in part.modules]
    if part.numa >= 0:
        rows.append(("NUMANode", str(part.numa)))
    if boot.iommu and part.group is not None:
        rows.append(("IOMMUGroup", str(part.group)))
    return "".join(f"{key}:\t{value}\n" for key, value in rows)


def _slot_of(machine: Machine, part: Part) -> str | None:
    for socket in machine.sockets:
        if socket.number is not None and socket.address and socket.address[:10] == part.at[:10]:
            return str(socket.number)
    return None
