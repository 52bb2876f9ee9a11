"""The words in which a simulated machine is described.

A `Machine` is what a technician would see and install: it does not change by booting.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property

# Class and vendor names of pci.ids, as `lspci` prints them.
CLASS_NAMES = {
    0x0100: "SCSI storage controller",
    0x0104: "RAID bus controller",
    0x0106: "SATA controller",
    0x0107: "Serial Attached SCSI controller",
    0x0108: "Non-Volatile memory controller",
    0x0200: "Ethernet controller",
    0x0280: "Network controller",
    0x0300: "VGA compatible controller",
    0x0403: "Audio device",
    0x0580: "Memory controller",
    0x0600: "Host bridge",
    0x0601: "ISA bridge",
    0x0604: "PCI bridge",
    0x0780: "Communication controller",
    0x0806: "IOMMU",
    0x0C03: "USB controller",
    0x0C05: "SMBus",
    0x0C80: "Serial bus controller",
    0x1300: "Non-Essential Instrumentation",
}
VENDOR_NAMES = {
    0x1000: "Broadcom / LSI",
    0x1002: "Advanced Micro Devices, Inc. [AMD/ATI]",
    0x1022: "Advanced Micro Devices, Inc. [AMD]",
    0x1028: "Dell",
    0x1043: "ASUSTeK Computer Inc.",
    0x1458: "Gigabyte Technology Co., Ltd",
    0x1462: "Micro-Star International Co., Ltd. [MSI]",
    0x10DE: "NVIDIA Corporation",
    0x10EC: "Realtek Semiconductor Co., Ltd.",
    0x10B5: "PLX Technology, Inc.",
    0x144D: "Samsung Electronics Co Ltd",
    0x15B3: "Mellanox Technologies",
    0x15D9: "Super Micro Computer Inc",
    0x1849: "ASRock Incorporation",
    0x1912: "Renesas Electronics Corp.",
    0x1A03: "ASPEED Technology, Inc.",
    0x8086: "Intel Corporation",
}


@dataclass(frozen=True, slots=True)
class Disk:
    """A block device behind a controller: ``nvme0n1`` or ``sda``; size in bytes; partitions as (size, use).

    A use is "efi", "ext4:/MOUNT", "swap", "pv:VG", "zfs:POOL" or "".
    """

    name: str
    size: int
    model: str
    serial: str
    partitions: tuple[tuple[int, str], ...] = ()


@dataclass(frozen=True, slots=True)
class Nic:
    """A network interface of a function; `master` is the bridge it is a port of."""

    name: str
    mac: str
    speed: int | None = None  # Mbit/s; None: no link
    master: str | None = None


@dataclass(frozen=True, slots=True)
class Usb:
    """A device on a USB controller: its port (``1-4``), ids, name, and of its one interface the driver and the class,
    subclass and protocol."""

    port: str
    ids: str
    product: str
    driver: str
    kind: tuple[int, int, int]


@dataclass(frozen=True, slots=True)
class Bar:
    """A base address register: `kind` is "io", "mem32", "mem64", "pref64" or "rom" (index 6)."""

    index: int
    size: int
    kind: str = "mem64"


@dataclass(frozen=True, slots=True)
class Part:
    """One PCI function. Addresses as the kernel prints them; ids as ``vvvv:dddd`` hex.

    `link` is speed and width now, then at most, in GT/s and lanes. `role` is the PCI Express port type,
    None for a conventional function.
    """

    at: str
    class_code: int
    ids: str
    name: str
    under: str | None = None
    subsystem: str | None = None
    subsystem_name: str | None = None
    revision: int = 0
    driver: str | None = None
    modules: tuple[str, ...] = ()
    group: int | None = None
    link: tuple[float, int, float, int] | None = None
    bars: tuple[Bar, ...] = ()
    reset: tuple[str, ...] = ()
    numa: int = -1
    boot_vga: bool = False
    label: str | None = None
    buses: tuple[int, int] | None = None  # secondary, subordinate: of a bridge
    role: str | None = None  # "root", "upstream", "downstream", "endpoint", "integrated", "to-pci"
    slot: int | None = None  # physical slot number of a port
    acs: bool | None = None  # has Access Control Services; None: if it is a port that leads down
    serial: int | None = None  # Device Serial Number capability
    vfs: tuple[int, int] | None = None  # SR-IOV: now, total
    vf_of: str | None = None
    nic: Nic | None = None
    disks: tuple[Disk, ...] = ()
    usb: tuple[Usb, ...] = ()

    @property
    def vendor(self) -> int:
        return int(self.ids[:4], 16)

    @property
    def device(self) -> int:
        return int(self.ids[5:], 16)

    @property
    def is_bridge(self) -> bool:
        return self.class_code >> 8 == 0x0604


@dataclass(frozen=True, slots=True)
class Socket:
    """A slot one can plug a card into, as SMBIOS tells it (dmidecode -t 9)."""

    designation: str
    type: str
    address: str | None  # SMBIOS "Bus Address"
    in_use: bool
    number: int | None = None  # /sys/bus/pci/slots, where the port says so


@dataclass(frozen=True)
class Machine:
    """A whole simulated node. `ip`: address and prefix of its bridge vmbr0; `files`: more on its disk."""

    name: str
    vendor: str  # "intel" or "amd": of the processor and its IOMMU
    cpu: str
    board: str
    ip: str
    parts: tuple[Part, ...]
    sockets: tuple[Socket, ...] = ()
    kernel: str = "6.8.12-4-pve"
    pve: str = "8.3.0"
    iommu_default_on: bool = False  # CONFIG_INTEL_IOMMU_DEFAULT_ON
    cmdline_default: str = "quiet"  # GRUB_CMDLINE_LINUX_DEFAULT
    numa_nodes: int = 1
    guests: dict[int, str] = field(default_factory=dict)  # vmid -> configuration
    files: dict[str, str] = field(default_factory=dict)

    @cached_property
    def by_address(self) -> dict[str, Part]:
        return {part.at: part for part in self.parts}
