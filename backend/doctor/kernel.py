"""What is wrong with this very kernel, and with modules that were built beside it.

Versions are those of Proxmox's packages (pve-kernel, debian/changelog). A kernel is only blamed where the machine has
the device or the VM that its fault concerns.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from backend.doctor.finding import Severity, Subject, Told, rule
from backend.doctor.kernel_settings import built_with, release
from backend.doctor.passed import attribute, claims, name_of, passed
from backend.node.evidence import Evidence
from backend.node.hostpci import parsed_lines
from backend.node.node import Node
from backend.plan.intents import ReserveCard
from backend.snapshot.readers import config_space

_POWER_MANAGEMENT = 0x01  # capability
_INTEL, _NVIDIA = 0x8086, 0x10DE
_DISPLAY = 0x03
_SKYLAKE = 0x19  # the first two digits of its graphics' device ids (include/drm/intel/pciids.h)
_DKMS = "/updates/dkms/"
# kernel/module/signing.c, security/lockdown/lockdown.c; what modprobe makes of EKEYREJECTED and ENOKEY
_REJECTED = re.compile(
    r"Loading of unsigned module is rejected|Lockdown: \S+: unsigned module loading is restricted"
    r"|could not insert '\S+': (?:Key was rejected by service|Required key not available)"
)


@rule("kernel-regression", Severity.WARNING, Subject.KERNEL)
def _unbinding_hangs(node: Node) -> Iterator[Told]:
    """Unbinding amdgpu hangs from 7.0 until 7.0.14-3."""
    if not _between(node, (7, 0), (7, 0, 14, 3)):
        return
    for function in dict.fromkeys(f for claim in claims(node) for f in claim.functions):
        if function.driver == "amdgpu":
            evidence = (_kernel(node), attribute(function, "driver", function.driver))
            values = {"kernel": node.kernel or "", "device": name_of(function)}
            yield Told(evidence, function.address, values=values, remedy=ReserveCard.of(node, function.address))


@rule("kernel-without-power-management", Severity.WARNING, Subject.KERNEL)
def _no_power_management(node: Node) -> Iterator[Told]:
    """6.14.8-1 has upstream's 4d4c10f763d7 (PCI: Explicitly put devices into D0 when initializing), and not yet what
    mends it, 907a7a2e5bf4: of devices without PCI power management, VFs above all, vfio-pci's count is out of step."""
    if not _between(node, (6, 14, 8), (6, 14, 8, 2)):
        return
    for function in passed(node):
        known = len(function.config) >= 256  # an unprivileged reader gets 64 bytes
        if known and _POWER_MANAGEMENT not in {id_ for id_, _ in config_space.capabilities(function.config)}:
            evidence = (_kernel(node), attribute(function, "config", None))
            yield Told(evidence, function.address, values={"kernel": node.kernel or "", "device": name_of(function)})


@rule("kernel-skylake-graphics", Severity.WARNING, Subject.KERNEL)
def _skylake(node: Node) -> Iterator[Told]:
    """6.11.0-1 keeps the IOMMU away from Skylake's graphics: it is in no group."""
    for function in node.functions:
        skylake = (function.vendor, (function.device or 0) >> 8) == (_INTEL, _SKYLAKE)
        display = skylake and function.base_class == _DISPLAY
        if display and node.groups and function.group is None and _between(node, (6, 11), (6, 11, 0, 2)):
            evidence = (_kernel(node), attribute(function, "iommu_group", None))
            yield Told(evidence, function.address, values={"kernel": node.kernel or "", "device": name_of(function)})


@rule("kernel-without-irqfd", Severity.WARNING, Subject.KERNEL)
def _no_irqfd(node: Node) -> Iterator[Told]:
    """Since 6.2 VFIO_VIRQFD is yes or no; 6.5 until 6.5.11-5 was configured as if it could be a module. By what the
    configuration came to."""
    built = built_with(node, "VFIO_VIRQFD")
    if built and built.text != "CONFIG_VFIO_VIRQFD=y" and _between(node, (6, 5), (6, 5, 11, 5)) and passed(node):
        yield Told((_kernel(node), built), values={"kernel": node.kernel or ""})


@rule("kernel-newer-than-vgpu", Severity.WARNING, Subject.KERNEL)
def _vgpu(node: Node) -> Iterator[Told]:
    """NVIDIA's driver makes no mediated devices from 6.8 on; PVE speaks its new way since qemu-server 8.2.5."""
    version = tuple(int(part) for part in re.findall(r"\d+", node.pve_version or "")[:2])
    if not version or version >= (8, 2) or release(node) < (6, 8):
        return
    for guest in node.guests:
        for slot, line in parsed_lines(guest.hostpci):
            if line.mdev and line.mdev.startswith("nvidia-"):
                values = {"kernel": node.kernel or "", "version": node.pve_version or "", "vmid": str(guest.vmid)}
                evidence = (guest.evidence(slot), _kernel(node), Evidence("pveversion", node.pve_version))
                yield Told(evidence, vmid=guest.vmid, values=values)


@rule("dkms-secure-boot", Severity.WARNING, Subject.MODULES)
def _dkms(node: Node) -> Iterator[Told]:
    """Refused, as the log says; or one was built, and with Secure Boot on none of them is loaded. Where one is, its key
    is enrolled."""
    said = tuple(line for line in node.log if _REJECTED.search(line.text or ""))
    built = {name: path for name, path in (node.module_files or {}).items() if _DKMS in path}
    if node.boot.secure_boot is False or not (said or (node.boot.secure_boot and built)):
        return
    if said or not any(name in node.modules for name in built):
        loaded = Evidence("/proc/modules", None)
        yield Told((*said, *(Evidence(path, name) for name, path in built.items()), *(() if said else (loaded,))))


def _between(node: Node, first: tuple[int, ...], mended: tuple[int, ...]) -> bool:
    """A kernel of Proxmox's from `first` on and before `mended`."""
    return bool(node.kernel and node.kernel.endswith("-pve")) and first <= release(node) < mended


def _kernel(node: Node) -> Evidence:
    return Evidence("/proc/sys/kernel/osrelease", node.kernel)


RULES = (
    _unbinding_hangs,
    _no_power_management,
    _skylake,
    _no_irqfd,
    _vgpu,
    _dkms,
)
