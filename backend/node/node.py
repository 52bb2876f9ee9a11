"""The model of one machine."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from types import MappingProxyType

from backend.node.address import PciAddress
from backend.node.evidence import Evidence
from backend.node.function import Function
from backend.node.hostpci import named
from backend.node.mapping import PciMapping
from backend.node.need import Need
from backend.node.option_rom import OptionRom


@dataclass(frozen=True, slots=True)
class Region:
    """A range of memory addresses, both ends in it. ``kind``: what holds it, as the kernel names it: "BOOTFB" in
    /proc/iomem; "direct", "direct-relaxable", "reserved", "msi" of a group's reserved_regions."""

    kind: str
    start: int
    end: int
    evidence: Evidence


@dataclass(frozen=True, slots=True)
class Group:
    """An IOMMU group: what can only go to a guest together."""

    id: int
    functions: tuple[PciAddress, ...]
    reserved: tuple[Region, ...] = ()  # what a guest cannot have at these addresses


@dataclass(frozen=True, slots=True)
class Slot:
    """A physical slot. ``address`` is ``0000:01:00`` (no function) or None where firmware does not tell."""

    name: str
    address: str | None
    occupied: bool | None
    description: str | None = None  # SMBIOS type, for example ``x16 PCI Express 4 x16``


@dataclass(frozen=True, slots=True)
class Iommu:
    """State of DMA remapping. ``active``: /sys/class/iommu and /sys/kernel/iommu_groups are both non-empty."""

    active: bool | None = None
    vendor: str | None = None  # whose kind this machine has, on or off: "intel", "amd"; None: not told
    interrupt_remapping: bool | None = None
    firmware_table: bool | None = None  # ACPI DMAR or IVRS present
    default_on: bool | None = None  # the running kernel's CONFIG_INTEL_IOMMU_DEFAULT_ON; None: config not found


@dataclass(frozen=True, slots=True)
class BootChain:
    """Which loader booted, as far as the evidence goes (facts: PVE system-booting.adoc).

    ``loader``: "grub", "systemd-boot", or None where the evidence is absent or disagrees (then ``reason`` says why,
    as a code: "no-evidence", "disagree", "unknown-loader").
    """

    loader: str | None = None
    firmware: str | None = None  # "uefi" or "bios"
    secure_boot: bool | None = None
    managed_esps: bool = False  # /etc/kernel/proxmox-boot-uuids is non-empty
    reason: str | None = None
    evidence: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Use:
    """Something the host does with a device, and how one gets there.

    ``kind``: "this-connection", "management" (default route or bridge with an address), "corosync", "ceph", "network"
    (an interface with an address or a master), "root", "boot", "swap", "mount", "lvm", "zfs", "md", "console", "bmc"
    (the management controller's remote console), "keyboard", "usb", "guest", "lent" (a guest has a disk or a USB
    device on it).
    ``chain`` starts after the address: ("eno1", "bond0", "vmbr0").
    ``need``: what must stay for it to go on, where it may go on without this device; None: it needs the device.
    """

    address: PciAddress
    kind: str
    chain: tuple[str, ...] = ()
    need: Need | None = None


@dataclass(frozen=True, slots=True)
class Guest:
    """A VM of the node: its id, name, and the main section of its configuration as stored ([PENDING] and snapshots
    left out). ``running``: None where the snapshot does not tell."""

    vmid: int
    name: str | None
    onboot: bool
    hostpci: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))  # hostpci0 to hostpci15
    options: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))  # all of them
    lines: Mapping[str, int] = field(default_factory=lambda: MappingProxyType({}))  # number from 1, by option
    running: bool | None = None
    path: str = ""  # of its configuration, links followed

    def evidence(self, option: str) -> Evidence:
        """The line that sets an option; without text where none does."""
        value = self.options.get(option, self.hostpci.get(option))
        return Evidence(self.path, None if value is None else f"{option}: {value}", self.lines.get(option))


@dataclass(frozen=True)
class Node:
    """One machine at one moment. Everything here was read from a snapshot; equal snapshots give equal nodes."""

    hostname: str | None = None
    kernel: str | None = None  # uname -r
    cmdline: str | None = None  # /proc/cmdline without the line end
    boot_id: str | None = None
    pve_version: str | None = None
    firmware: str | None = None  # maker, version and date of the BIOS
    memory: int | None = None  # bytes that the kernel manages
    taken: str | None = None  # ISO 8601 UTC, when the snapshot was made
    iommu: Iommu = Iommu()
    boot: BootChain = BootChain()
    functions: tuple[Function, ...] = ()  # in address order
    groups: tuple[Group, ...] = ()  # in number order
    slots: tuple[Slot, ...] = ()
    uses: tuple[Use, ...] = ()
    guests: tuple[Guest, ...] = ()
    mappings: tuple[PciMapping, ...] = ()  # of the whole cluster
    roms: Mapping[str, OptionRom] = field(default_factory=lambda: MappingProxyType({}))  # by path, files of the node
    reservations: Mapping[PciAddress, int] = field(default_factory=lambda: MappingProxyType({}))  # running VMs hold it
    interfaces: Mapping[str, PciAddress] = field(default_factory=lambda: MappingProxyType({}))  # NIC name -> function
    addresses: Mapping[str, tuple[str, ...]] = field(default_factory=lambda: MappingProxyType({}))  # interface -> IPs
    interface_names: frozenset[str] = frozenset()  # of every interface, virtual ones and alternative names too
    framebuffers: tuple[Region, ...] = ()  # memory that the boot display holds, as /proc/iomem tells
    modules: tuple[str, ...] = ()  # loaded now
    built_in: frozenset[str] | None = None  # modules that are part of the running kernel; None: not told
    module_files: Mapping[str, str] | None = None  # the running kernel's of VFIO and DKMS: path by name; None: not told
    files: Mapping[str, bytes] = field(default_factory=lambda: MappingProxyType({}))  # on its disks, whole, by path
    links: Mapping[str, str] | None = None  # symbolic links below /etc and what they lead to; None: not told
    written: Mapping[str, int] = field(default_factory=lambda: MappingProxyType({}))  # by path, in ns since 1970
    booted: int | None = None  # in ns since 1970, by the node's clock
    log: tuple[Evidence, ...] = ()  # the kernel's log of this boot, lines that matter
    problems: tuple[str, ...] = ()  # what the snapshot could not read, "path: reason code"

    @cached_property
    def by_address(self) -> Mapping[PciAddress, Function]:
        return MappingProxyType({f.address: f for f in self.functions})

    @cached_property
    def by_mapping(self) -> Mapping[str, PciMapping]:
        return MappingProxyType({m.name: m for m in self.mappings})

    @cached_property
    def by_group(self) -> Mapping[int, Group]:
        return MappingProxyType({g.id: g for g in self.groups})

    @cached_property
    def children(self) -> Mapping[PciAddress | None, tuple[Function, ...]]:
        """Functions by the bridge above them; the key None holds those on a root bus."""
        found: dict[PciAddress | None, list[Function]] = {}
        for function in self.functions:
            found.setdefault(function.parent, []).append(function)
        return MappingProxyType({parent: tuple(below) for parent, below in found.items()})

    @cached_property
    def uses_of(self) -> Mapping[PciAddress, tuple[Use, ...]]:
        found: dict[PciAddress, list[Use]] = {}
        for use in self.uses:
            found.setdefault(use.address, []).append(use)
        return MappingProxyType({address: tuple(uses) for address, uses in found.items()})

    @cached_property
    def _at_card(self) -> Mapping[str, tuple[Function, ...]]:
        """By bus and device number, virtual functions too."""
        found: dict[str, list[Function]] = {}
        for function in self.functions:
            found.setdefault(function.address.card, []).append(function)
        return MappingProxyType({card: tuple(there) for card, there in found.items()})

    def named(self, id_: str) -> tuple[Function, ...]:
        """Those of all functions that a hostpci id or a mapping's path stands for (backend.node.hostpci.named)."""
        card = id_.partition(".")[0]
        return named(id_, self._at_card.get(card if card.count(":") == 2 else f"0000:{card}", ()))

    def slot_below(self, port: PciAddress) -> Slot | None:
        """The slot that a bridge leads to, also while it is empty: firmware names it by the bus behind the bridge."""
        bus = self.by_address[port].secondary_bus
        if bus is None:
            return None
        return next((slot for slot in self.slots if slot.address == f"{port.domain:04x}:{bus:02x}:00"), None)

    def card(self, address: PciAddress) -> tuple[Function, ...]:
        """All functions on the same bus and device as `address`, VFs left out."""
        return tuple(f for f in self.functions if f.address.card == address.card and f.physical_function is None)

    def mates(self, address: PciAddress) -> tuple[Function, ...]:
        """Every other function of the IOMMU group of `address`."""
        function = self.by_address[address]
        if function.group is None or function.group not in self.by_group:
            return ()
        return tuple(self.by_address[a] for a in self.by_group[function.group].functions if a != address)
