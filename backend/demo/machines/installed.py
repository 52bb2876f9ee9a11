"""What is on the disk of a freshly installed simulated node, as PVE 8 on ext4 with GRUB has it."""

from __future__ import annotations

from backend.demo.machines.parts import Machine
from backend.demo.machines.tree import Tree

GRUB = """\
# If you change this file, run 'update-grub' afterwards to update
# /boot/grub/grub.cfg.
# For full documentation of the options in this file, see:
#   info -f grub -n 'Simple configuration'

GRUB_DEFAULT=0
GRUB_TIMEOUT=5
GRUB_DISTRIBUTOR=`lsb_release -i -s 2> /dev/null || echo Debian`
GRUB_CMDLINE_LINUX_DEFAULT="{default}"
GRUB_CMDLINE_LINUX=""

# Uncomment to disable graphical terminal
#GRUB_TERMINAL=console
"""
INTERFACES = """\
auto lo
iface lo inet loopback

iface {port} inet manual

auto vmbr0
iface vmbr0 inet static
\taddress {ip}
\tgateway 10.77.0.1
\tbridge-ports {port}
\tbridge-stp off
\tbridge-fd 0
"""
MODULES = """\
# /etc/modules is obsolete and has been replaced by /etc/modules-load.d/.
# Please see modules-load.d(5) and modprobe.d(5) for details.
"""
# The part of it that tells of passthrough.
MODULES_ON_DISK = {
    "modules.builtin": "kernel/drivers/pci/pci-stub.ko\nkernel/drivers/video/fbdev/simplefb.ko\n",
    "kernel/drivers/vfio/vfio.ko": "",
    "kernel/drivers/vfio/vfio_iommu_type1.ko": "",
    "kernel/drivers/vfio/pci/vfio-pci.ko": "",
    "kernel/drivers/vfio/pci/vfio-pci-core.ko": "",
}
INITRAMFS_MODULES = """\
# List of modules that you want to include in your initramfs.
# They will be loaded at boot time in the order below.
"""


def installed(machine: Machine) -> Tree:
    """/etc as it is before the first push. What boots is made from it by the world."""
    tree = Tree()
    port = next(p.nic.name for p in machine.parts if p.nic and p.nic.master == "vmbr0")
    default_on = (
        "CONFIG_INTEL_IOMMU_DEFAULT_ON=y"
        if machine.iommu_default_on
        else ("# CONFIG_INTEL_IOMMU_DEFAULT_ON is not set")
    )
    texts = {
        "/etc/default/grub": GRUB.format(default=machine.cmdline_default),
        "/etc/hostname": f"{machine.name}\n",
        "/etc/fstab": "# <file system> <mount point> <type> <options> <dump> <pass>\n"
        "/dev/pve/root / ext4 errors=remount-ro 0 1\n"
        "/dev/pve/swap none swap sw 0 0\nproc /proc proc defaults 0 0\n",
        "/etc/modules": MODULES,
        "/etc/modprobe.d/pve-blacklist.conf": "# This file contains a list of modules which are "
        "not supported by Proxmox VE\n\n# nvidiafb see bugreport https://bugzilla.proxmox.com/show_bug.cgi?id=701\n"
        "blacklist nvidiafb\n",
        "/etc/initramfs-tools/modules": INITRAMFS_MODULES,
        "/etc/initramfs-tools/initramfs.conf": "MODULES=most\nBUSYBOX=auto\nCOMPRESS=zstd\n",
        "/etc/network/interfaces": INTERFACES.format(port=port, ip=machine.ip),
        "/etc/debian_version": "12.8\n",
        "/etc/os-release": 'PRETTY_NAME="Debian GNU/Linux 12 (bookworm)"\nNAME="Debian GNU/Linux"\n'
        'VERSION_ID="12"\nID=debian\n',
        f"/boot/config-{machine.kernel}": "CONFIG_INTEL_IOMMU=y\n"
        f"{default_on}\nCONFIG_AMD_IOMMU=y\nCONFIG_IRQ_REMAP=y\nCONFIG_IOMMU_DEFAULT_DMA_LAZY=y\n"
        "# CONFIG_IOMMU_DEFAULT_PASSTHROUGH is not set\nCONFIG_VFIO=m\nCONFIG_VFIO_PCI=m\n",
        **{f"/lib/modules/{machine.kernel}/{path}": text for path, text in MODULES_ON_DISK.items()},
        "/etc/pve/storage.cfg": "dir: local\n\tpath /var/lib/vz\n\tcontent iso,vztmpl,backup\n",
        **{f"/etc/pve/nodes/{machine.name}/qemu-server/{vmid}.conf": text for vmid, text in machine.guests.items()},
        **machine.files,
    }
    for path, text in texts.items():
        tree.files[path] = text.encode()
    tree.links["/etc/modules-load.d/modules.conf"] = "../modules"
    tree.links["/etc/pve/local"] = f"nodes/{machine.name}"
    tree.links["/etc/pve/qemu-server"] = "local/qemu-server"
    for path in (
        f"/etc/pve/nodes/{machine.name}/qemu-server",
        "/etc/default/grub.d",
        "/etc/kernel",
        "/etc/sysfs.d",
        "/etc/systemd/system",
        "/etc/udev/rules.d",
        "/etc/initramfs-tools/scripts/init-top",
        "/lib/modprobe.d",
        "/run",
        "/var/lib",
    ):
        tree.directory(path)
    return tree
