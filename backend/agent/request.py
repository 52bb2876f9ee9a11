"""What a snapshot asks the node for, as data. Nothing here knows what the answers mean.

Which evidence tells what: ``sysfs-bus-pci`` and ``sysfs-class-net`` in the kernel's Documentation/ABI/testing; for boot
loaders PVE's system-booting.adoc and proxmox-kernel-helper.
"""

from __future__ import annotations

from typing import Any

MAX_BYTES = 128 << 20  # of content, before compression
MAX_SECONDS = 30
KIB = 1024
MIB = 1024 * KIB

# Directories of many alike entries. Attributes are read where an entry has them; `present`: names that tell by being
# there (some cannot be read, reading others takes effect); `lists`: directories whose names count.
TREES: tuple[dict[str, Any], ...] = (
    {
        "base": "/sys/bus/pci/devices",
        "attributes": (
            "vendor",
            "device",
            "class",
            "subsystem_vendor",
            "subsystem_device",
            "revision",
            "modalias",
            "label",
            "enable",
            "irq",
            "numa_node",
            "driver_override",
            "boot_vga",
            "power_state",
            "d3cold_allowed",
            "reset_method",
            "resource",
            "current_link_speed",
            "current_link_width",
            "max_link_speed",
            "max_link_width",
            "sriov_totalvfs",
            "sriov_numvfs",
            "config",
        ),
        "links": ("driver", "iommu_group", "physfn"),
        "directories": ("pci_bus",),
        "present": ("reset", "rom"),
    },
    {"base": "/sys/bus/pci/slots", "attributes": ("address",)},
    {"base": "/sys/kernel/iommu_groups", "attributes": ("type", "reserved_regions"), "lists": ("devices",)},
    {
        "base": "/sys/class/net",
        "attributes": ("address", "operstate", "type", "dev_port", "bonding/slaves", "bonding/mode"),
        "links": ("device", "master", "upper_*", "lower_*"),
        "directories": ("bridge", "bonding"),
    },
    {
        "base": "/sys/class/block",
        "attributes": ("size", "partition", "dev", "dm/name", "dm/uuid", "md/level", "loop/backing_file"),
        "links": ("device",),
        "lists": ("holders", "slaves"),
    },
    {"base": "/sys/class/drm", "attributes": ("status",), "links": ("device",)},
    {"base": "/sys/class/graphics", "attributes": ("name",), "links": ("device",)},
    {"base": "/sys/class/nvme", "attributes": ("model",), "links": ("device",)},
)

LISTS = (
    "/sys/class/iommu",
    "/sys/bus/pci/drivers",
    "/sys/firmware/acpi/tables",
    "/sys/firmware/efi",
    "/boot",
    "/dev/disk/by-uuid",
    "/dev/disk/by-partuuid",
    "/dev/mapper",
)

_KERNEL = (
    "/proc/cmdline",
    "/proc/version",
    "/proc/modules",
    "/proc/mounts",
    "/proc/swaps",
    "/proc/iomem",
    "/proc/fb",
    "/proc/consoles",
    "/proc/mdstat",
    "/proc/sys/kernel/hostname",
    "/proc/sys/kernel/osrelease",
    "/proc/sys/kernel/random/boot_id",
    "/proc/net/route",
    "/proc/net/ipv6_route",
    "/proc/net/vlan/config",
)
_MODULES = (
    "/etc/modules",
    "/etc/modules-load.d/*",
    "/usr/lib/modules-load.d/*",
    "/etc/modprobe.d/*",
    "/lib/modprobe.d/*",
    "/run/modprobe.d/*",
    "/etc/initramfs-tools/modules",
    "/etc/initramfs-tools/initramfs.conf",
    "/etc/initramfs-tools/conf.d/*",
    "/etc/initramfs-tools/hooks/*",
    "/etc/initramfs-tools/scripts/*/*",
    "/etc/sysfs.d/*",
)
_BOOT = (
    "/etc/default/grub",
    "/etc/default/grub.d/*.cfg",
    "/etc/kernel/cmdline",
    "/etc/kernel/proxmox-boot-uuids",
    "/etc/kernel/proxmox-boot-pin",
    "/etc/kernel/proxmox-boot-manual-kernels",
    "/sys/firmware/efi/efivars/SecureBoot-*",
    "/sys/firmware/efi/efivars/LoaderInfo-*",
)
_NETWORK = (
    "/etc/network/interfaces",
    "/etc/network/interfaces.d/*",
    "/etc/systemd/network/*.link",
)
_GUESTS = (
    "/etc/pve/qemu-server/*.conf",
    "/etc/pve/lxc/*.conf",
    "/etc/pve/nodes/*/qemu-server/*.conf",
    "/etc/pve/mapping/pci.cfg",
    "/etc/pve/storage.cfg",
    "/etc/pve/datacenter.cfg",
    "/etc/pve/corosync.conf",
    "/etc/corosync/corosync.conf",
)
_OURS = (
    "/var/lib/lanewright/pushes/*/journal.jsonl",
    "/var/lib/lanewright/pushes/*/originals/*",
)

# In the order in which the budget is spent. {osrelease}: that of the running kernel.
FILES: tuple[tuple[tuple[str, ...], int], ...] = (
    (_KERNEL, MIB),
    (_MODULES, 256 * KIB),
    (_BOOT, 256 * KIB),
    (("/boot/config-{osrelease}", "/boot/grub/grub.cfg"), MIB),
    (_NETWORK, 256 * KIB),
    (_GUESTS, 256 * KIB),
    (_OURS, 4 * MIB),
)

# Argument list, seconds. A tool that is missing is recorded as that.
COMMANDS: tuple[tuple[tuple[str, ...], float], ...] = (
    (("lspci", "-D", "-nn", "-vmm", "-k"), 15),
    (("dmidecode", "-t", "0,1,2,9,41"), 10),
    (
        (
            "journalctl",
            "-k",
            "-b",
            "-o",
            "short-monotonic",
            "--no-pager",
            "--grep",
            r"DMAR|AMD-Vi|iommu|IVRS|IRQ remapping|x2apic|vfio|ACS overrides|BAR \d+.*(assign|reserve)|D3cold"
            r"|efifb|simplefb|simple-framebuffer|vgaarb|Secure boot|Kernel command line|AER:|PCIe Bus Error",
        ),
        15,
    ),
    (("ip", "-j", "addr"), 5),
    (("ip", "-j", "route"), 5),
    (("ip", "-j", "-6", "route"), 5),
    (("findmnt", "-J"), 5),
    (("zpool", "status", "-LP"), 10),
    (("pvs", "--reportformat", "json", "-o", "pv_name,vg_name"), 10),
    (("lvs", "--reportformat", "json", "-a", "-o", "lv_name,vg_name,lv_path,devices"), 10),
    (("pveversion",), 10),
    (("proxmox-boot-tool", "status"), 20),
    (("efibootmgr", "-v"), 5),
    (("uname", "-a"), 5),
)


def collect_request() -> dict[str, Any]:
    """The whole of what is read of a node, ready for `encode_request`."""
    return {
        "verb": "collect",
        "max_bytes": MAX_BYTES,
        "max_seconds": MAX_SECONDS,
        "files": [{"glob": pattern, "max": limit} for patterns, limit in FILES for pattern in patterns],
        "trees": TREES,
        "lists": LISTS,
        "links": [],
        "commands": [{"argv": argv, "timeout": timeout, "max": MIB} for argv, timeout in COMMANDS],
    }
