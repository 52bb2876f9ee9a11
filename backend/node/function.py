"""One PCI function and what is known of it."""

from __future__ import annotations

from dataclasses import dataclass

from backend.node.address import PciAddress
from backend.node.express import Acs, PortType


@dataclass(frozen=True, slots=True)
class Link:
    """PCI Express link. Speeds in GT/s (2.5, 5, 8, 16, 32, 64), widths in lanes; None where not told."""

    speed: float | None
    width: int | None
    max_speed: float | None
    max_width: int | None

    @property
    def degraded(self) -> bool:
        """True where the link runs below what this end can do. (A GPU at rest lowers its speed by itself.)"""
        slower = self.speed is not None and self.max_speed is not None and self.speed < self.max_speed
        narrower = self.width is not None and self.max_width is not None and 0 < self.width < self.max_width
        return slower or narrower


@dataclass(frozen=True, slots=True)
class Bar:
    """One line of sysfs ``resource`` (Documentation/ABI/testing/sysfs-bus-pci): index 0-5 BARs, 6 the ROM.

    ``start`` is a bus address as the CPU sees it, ``size`` bytes, ``flags`` IORESOURCE_* (include/linux/ioport.h).
    """

    index: int
    start: int
    size: int
    flags: int

    @property
    def is_io(self) -> bool:
        return bool(self.flags & 0x100)

    @property
    def is_prefetchable(self) -> bool:
        return bool(self.flags & 0x2000)


@dataclass(frozen=True, slots=True)
class Function:
    """A PCI function. Ids are plain integers; None means that the snapshot does not tell."""

    address: PciAddress
    class_code: int | None = None  # 24 bit: base class, subclass, programming interface
    vendor: int | None = None
    device: int | None = None
    subsystem_vendor: int | None = None
    subsystem_device: int | None = None
    revision: int | None = None
    class_name: str | None = None  # names come from the node's own pci.ids (lspci)
    vendor_name: str | None = None
    device_name: str | None = None
    driver: str | None = None
    driver_override: str | None = None
    modules: tuple[str, ...] = ()  # kernel modules that say they can drive it
    group: int | None = None  # iommu_group number
    parent: PciAddress | None = None  # bridge or port right above it
    slot: str | None = None  # physical slot name (/sys/bus/pci/slots, else SMBIOS)
    label: str | None = None  # firmware label of an on-board device
    numa_node: int | None = None
    link: Link | None = None
    bars: tuple[Bar, ...] = ()
    reset_methods: tuple[str, ...] | None = None
    boot_vga: bool | None = None
    power_state: str | None = None
    d3cold_allowed: bool | None = None
    enabled: bool | None = None
    sriov_total: int | None = None
    sriov_vfs: int | None = None
    physical_function: PciAddress | None = None  # set on a VF
    secondary_bus: int | None = None  # set on a bridge
    subordinate_bus: int | None = None
    has_pci_bus: bool = False  # a ``pci_bus`` directory: the bridges that PVE leaves alone (SysFSTools.pm)
    port_type: PortType | None = None  # None: conventional PCI, or not told
    multifunction: bool | None = None
    acs: Acs | None = None
    capabilities_known: bool = False  # no ACS here means that there is none
    serial: str | None = None  # Device Serial Number capability
    irq: int | None = None  # the interrupt line, or the first message where its driver uses MSI; None: none
    removable: bool | None = None  # behind a port that leads outside (Thunderbolt, USB4)
    mdev: bool = False  # can be the parent of mediated devices, as PVE tells it (PVE::SysFSTools::pci_device_info)
    config: bytes = b""  # config space as read: 64, 256 or 4096 bytes

    @property
    def base_class(self) -> int | None:
        return None if self.class_code is None else self.class_code >> 16

    @property
    def is_bridge(self) -> bool:
        """A PCI-to-PCI bridge or port (class 0604) or host bridge (0600)."""
        return self.class_code is not None and self.class_code >> 8 in (0x0604, 0x0600)

    @property
    def is_pci_bridge(self) -> bool:
        return self.class_code is not None and self.class_code >> 8 == 0x0604

    @property
    def ids(self) -> str | None:
        """``8086:10d3``, the form that vfio-pci's ``ids=`` takes."""
        if self.vendor is None or self.device is None:
            return None
        return f"{self.vendor:04x}:{self.device:04x}"

    @property
    def subsystem_ids(self) -> str | None:
        """``1043:8000``."""
        if self.subsystem_vendor is None or self.subsystem_device is None:
            return None
        return f"{self.subsystem_vendor:04x}:{self.subsystem_device:04x}"
