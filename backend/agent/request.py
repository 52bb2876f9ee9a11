"""What is asked of a node: the evidence that a snapshot holds, as data."""

from __future__ import annotations

import glob
from collections.abc import Sequence
from typing import Any

MAX_BYTES = 96 << 20  # of raw evidence; a 300-function node has about 3 MB
MAX_SECONDS = 60

_PCI = {
    "base": "/sys/bus/pci/devices",
    # Documentation/ABI/testing/sysfs-bus-pci
    "attributes": [
        "vendor",
        "device",
        "class",
        "subsystem_vendor",
        "subsystem_device",
        "revision",
        "enable",
        "irq",
        "numa_node",
        "modalias",
        "label",
        "current_link_speed",
        "current_link_width",
        "max_link_speed",
        "max_link_width",
        "reset_method",
        "resource",
        "boot_vga",
        "power_state",
        "d3cold_allowed",
        "sriov_totalvfs",
        "sriov_numvfs",
        "driver_override",
        "removable",
        "config",
    ],
    "links": ["driver", "iommu_group", "physfn"],
    "directories": ["pci_bus", "mdev_supported_types", "nvidia"],
    "present": ["reset", "rom"],
}

_TREES = [
    _PCI,
    {"base": "/sys/bus/pci/slots", "attributes": ["address", "cur_bus_speed", "max_bus_speed"]},
    {
        "base": "/sys/kernel/iommu_groups",
        "attributes": ["type", "reserved_regions"],
        "lists": ["devices"],
    },
    {"base": "/sys/class/iommu"},
    {
        "base": "/sys/class/net",
        "attributes": ["address", "operstate", "type", "ifindex", "speed", "bonding/slaves"],
        "links": ["device", "master", "lower_*", "upper_*"],
        "directories": ["bridge", "bonding", "brif"],
    },
    {
        "base": "/sys/class/block",
        "attributes": ["size", "partition", "dm/name", "dm/uuid", "md/level", "ro", "removable"],
        "links": ["device"],
        "lists": ["holders", "slaves"],
    },
    {"base": "/sys/class/drm", "attributes": ["status"], "links": ["device"]},
    {
        "base": "/sys/bus/usb/devices",  # Documentation/ABI/stable/sysfs-bus-usb; never the serial number
        "attributes": [
            *("idVendor", "idProduct", "product"),
            *("bInterfaceClass", "bInterfaceSubClass", "bInterfaceProtocol"),
        ],
        "links": ["driver"],
    },
]

_CONFIGURATION = [  # small files of /etc and the like, whole
    "/etc/modules",
    "/etc/modules-load.d/*",
    "/etc/modprobe.d/*",
    "/lib/modprobe.d/*",
    "/run/modprobe.d/*",
    "/etc/initramfs-tools/*.conf",
    "/etc/initramfs-tools/modules",
    "/etc/initramfs-tools/conf.d/*",
    "/etc/initramfs-tools/hooks/*",
    "/etc/initramfs-tools/scripts/*/*",
    "/etc/default/grub",
    "/etc/default/grub.d/*",
    "/etc/kernel/cmdline",
    "/etc/kernel/proxmox-boot-uuids",
    "/etc/kernel/proxmox-boot-pin",
    "/etc/network/interfaces",
    "/etc/network/interfaces.d/*",
    "/etc/udev/rules.d/*",
    "/etc/systemd/network/*",
    "/usr/local/lib/systemd/network/*",  # pve-network-interface-pinning
    "/etc/systemd/system/*.service",  # what makes virtual functions at boot
    "/etc/sysfs.conf",
    "/etc/sysfs.d/*",
    "/etc/tmpfiles.d/*",
    "/etc/rc.local",
    "/etc/fstab",
    "/etc/corosync/corosync.conf",
    "/etc/pve/corosync.conf",
    "/etc/hosts",
    "/etc/ceph/ceph.conf",
    "/etc/pve/ceph.conf",
    "/etc/pve/mapping/pci.cfg",
    "/etc/pve/datacenter.cfg",
    "/etc/pve/ha/resources.cfg",
    "/etc/pve/qemu-server/*.conf",
    "/etc/debian_version",
]

_KERNEL = [
    "/proc/cmdline",
    "/sys/devices/system/cpu/modalias",
    "/proc/version",
    "/proc/uptime",
    "/proc/modules",
    "/proc/meminfo",
    "/proc/mounts",
    "/proc/swaps",
    "/proc/iomem",
    "/proc/fb",
    "/proc/mdstat",
    "/proc/sys/kernel/random/boot_id",
    "/proc/sys/kernel/osrelease",
    "/proc/sys/kernel/hostname",
    "/proc/net/route",
    "/proc/net/ipv6_route",
    "/proc/net/vlan/config",
    "/sys/class/graphics/fb0/name",
    "/sys/firmware/efi/efivars/SecureBoot-*",
    "/sys/firmware/efi/efivars/LoaderInfo-*",
    "/sys/module/vfio_iommu_type1/parameters/allow_unsafe_interrupts",
    "/run/qemu-server/pci-id-reservations",
]

# Kernel log lines that tell of remapping, groups, passthrough, resets, links.
_JOURNAL = (
    "DMAR|AMD-Vi|iommu|IOMMU|vfio|remapping|x2apic|ACS|BAR [0-9]|not ready .*FLR|D3cold|"
    "AER|simplefb|efifb|BOOTFB|Command line|pcieport|denylist|PCIe Bus Error|header type|stuck in D3|"
    "change power state|nobody cared|Flags mismatch irq|unsigned module|module verification"
)

_COMMANDS = [
    (["lspci", "-D", "-nn", "-vmm", "-k"], 20, 4 << 20),
    (["dmidecode", "-t", "0,1,2,9,41"], 10, 1 << 20),
    (
        ["journalctl", "-k", "-b", "-o", "short-monotonic", "--no-pager", "-n", "4000", "--grep", _JOURNAL],
        20,
        1 << 20,
    ),
    (["ip", "-j", "addr"], 5, 1 << 20),
    (["ip", "-j", "route"], 5, 1 << 20),
    (["findmnt", "-J", "--real", "-o", "SOURCE,TARGET,FSTYPE"], 5, 1 << 20),
    (["zpool", "status", "-LP"], 10, 1 << 20),
    (["pvs", "--noheadings", "-o", "pv_name,vg_name", "--separator", "|"], 10, 1 << 20),
    (["pveversion"], 10, 65536),
    (["proxmox-boot-tool", "status"], 20, 65536),
    (["efibootmgr", "-v"], 5, 65536),
    (["uname", "-a"], 5, 4096),
]


# When they were last written, and that they are there: whether the initramfs has what it must carry, what the running
# kernel has of VFIO, and what was built on the node itself.
_STATS = [
    "/boot/initrd.img-*",
    "/boot/grub/grub.cfg",
    "/etc/default/grub",
    "/etc/default/grub.d/*",
    "/etc/kernel/cmdline",
    "/etc/modprobe.d/*",
    "/etc/initramfs-tools/*.conf",
    "/etc/initramfs-tools/modules",
    "/etc/initramfs-tools/conf.d/*",
    "/etc/initramfs-tools/hooks/*",
    "/etc/initramfs-tools/scripts/*/*",
    "/lib/modules/{osrelease}/kernel/drivers/vfio/*.ko*",
    "/lib/modules/{osrelease}/kernel/drivers/vfio/pci/*.ko*",
    "/lib/modules/{osrelease}/updates/dkms/*.ko*",
]


def collect_request() -> dict[str, Any]:
    """The request of verb "collect". Sizes in bytes, times in seconds."""
    files = [{"glob": glob, "max": 256 << 10} for glob in (*_CONFIGURATION, *_KERNEL)]
    files += [
        {"glob": "/boot/config-{osrelease}", "max": 1 << 20},
        {"glob": "/lib/modules/{osrelease}/modules.builtin", "max": 256 << 10},
        {"glob": "/boot/grub/grub.cfg", "max": 1 << 20},
        {"glob": "/var/lib/lanewright/pushes/*/journal.jsonl", "max": 1 << 20},
        {"glob": "/var/lib/lanewright/pushes/*/originals/*", "max": 1 << 20},
    ]
    return {
        "verb": "collect",
        "max_bytes": MAX_BYTES,
        "max_seconds": MAX_SECONDS,
        "trees": _TREES,
        "lists": ["/sys/firmware/acpi/tables", "/sys/firmware/efi", "/run/qemu-server"],  # ID.pid: that VM runs
        "links": [
            "/dev/disk/by-uuid/*",
            "/dev/disk/by-id/*",
            "/sys/class/tty/ttyS*",
            "/sys/fs/btrfs/*/devices/*",
            "/boot/vmlinuz*",
            "/etc/modules-load.d/modules.conf",
        ],
        "files": files,
        "stats": _STATS,
        "commands": [{"argv": argv, "timeout": timeout, "max": size} for argv, timeout, size in _COMMANDS],
    }


def rom_request(paths: Sequence[str]) -> dict[str, Any]:
    """Option ROMs that VMs name, each whole up to 1 MiB."""
    return {
        "verb": "collect",
        "max_bytes": len(paths) << 20,
        "max_seconds": 20,
        "files": [{"glob": glob.escape(path), "max": 1 << 20} for path in paths],
    }
