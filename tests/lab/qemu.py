"""The QEMU arguments that every lab machine shares."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from . import recipe

Iommu = Literal["intel", "amd"]

# The vendor is named because under KVM the machine would otherwise see the host's.
_CPU = {"intel": "Skylake-Client,vendor=GenuineIntel", "amd": "EPYC,vendor=AuthenticAMD"}
_IOMMU = {"intel": "intel-iommu,intremap=on,caching-mode=on", "amd": "amd-iommu,intremap=on"}


def machine(iommu: Iommu, accel: str, console: Path, devices: tuple[str, ...] = ()) -> list[str]:
    """A q35 machine with an IOMMU and the given devices, its serial console appended to a file.

    The IOMMU comes last because AMD's takes the first slot that is
    free; the devices that come before it have addresses of their own.
    """
    argv = ["qemu-system-x86_64", "-nodefaults", "-display", "none", "-no-user-config"]
    argv += ["-accel", accel, "-machine", "q35,kernel-irqchip=split"]
    argv += ["-cpu", _CPU[iommu], "-smp", "2", "-m", "1024"]
    argv += ["-chardev", f"file,id=console,path={console},append=on", "-serial", "chardev:console"]
    argv += ["-device", "virtio-rng-pci,addr=0x1e"]
    for device in (*devices, _IOMMU[iommu]):
        argv += ["-device", device]
    return argv


def disk(path: Path, form: Literal["raw", "qcow2"]) -> list[str]:
    """The disk that holds the root file system, /dev/vda."""
    escaped = str(path).replace(",", ",,")
    return [
        "-drive",
        f"file={escaped},format={form},if=none,id=root,discard=unmap",
        "-device",
        "virtio-blk-pci,drive=root,addr=0x3",
    ]


def own_nic(ssh_port: int) -> list[str]:
    """The card SSH comes in by, reachable from this computer's loopback alone."""
    forward = f"hostfwd=tcp:127.0.0.1:{ssh_port}-10.0.2.15:22"
    return [
        "-netdev",
        f"user,id=own,restrict=on,{forward}",
        "-device",
        f"virtio-net-pci,netdev=own,addr={recipe.OWN_NIC_SLOT},romfile=",
    ]


def direct_boot(kernel: Path, initrd: Path, append: str) -> list[str]:
    """Skip GRUB and start this kernel."""
    return ["-kernel", str(kernel), "-initrd", str(initrd), "-append", append]
