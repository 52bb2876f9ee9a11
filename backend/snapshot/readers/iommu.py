"""State of DMA and interrupt remapping."""

from __future__ import annotations

from collections.abc import Sequence

from backend.node.node import Group, Iommu
from backend.snapshot.readers.commands import printed
from backend.snapshot.readers.kernel_config import intel_default_on
from backend.snapshot.snapshot import Snapshot

# Kernel log (drivers/iommu/intel/irq_remapping.c, drivers/iommu/amd/init.c). What comes last is what holds:
# a failed attempt may be followed by one that works (x2apic, then xapic).
_REMAPPING = (
    ("Enabled IRQ remapping in", True),
    ("AMD-Vi: Interrupt remapping enabled", True),
    ("Failed to enable irq remapping", False),
    ("Not enabling interrupt remapping", False),
    ("interrupt remapping will be disabled", False),
    ("Disabling interrupt remapping", False),
)
_UNITS = {"dmar": "intel", "ivhd": "amd"}
_TABLES = {"DMAR": "intel", "IVRS": "amd"}
# arch/x86/include/asm/processor.h, X86_VENDOR_*: Intel, AMD, Centaur, Hygon, Zhaoxin. Who made the processor makes the
# IOMMU; who made the host bridge need not (QEMU's is always Intel's).
_CPUS = {"ven0000": "intel", "ven0002": "amd", "ven0005": "intel", "ven0009": "amd", "ven000A": "intel"}
_CPU = "/sys/devices/system/cpu/modalias"


def read_iommu(snapshot: Snapshot, groups: Sequence[Group]) -> Iommu:
    units = snapshot.listdir("/sys/class/iommu")
    log = printed(snapshot, "journalctl") or printed(snapshot, "dmesg")
    tables = snapshot.listdir("/sys/firmware/acpi/tables")
    return Iommu(
        active=_active(snapshot, units, groups),
        vendor=_vendor(snapshot, units, tables),
        interrupt_remapping=None if log is None else interrupt_remapping(log),
        firmware_table=any(table in tables for table in _TABLES) if tables else None,
        default_on=intel_default_on(snapshot),
    )


def _vendor(snapshot: Snapshot, units: Sequence[str], tables: Sequence[str]) -> str | None:
    by_unit = (vendor for start, vendor in _UNITS.items() for unit in units if unit.startswith(start))
    by_table = (vendor for table, vendor in _TABLES.items() if table in tables)
    cpu = snapshot.text(_CPU) or ""
    by_cpu = (vendor for mark, vendor in _CPUS.items() if f",{mark}" in cpu)
    return next((vendor for told in (by_unit, by_table, by_cpu) for vendor in told), None)


def _active(snapshot: Snapshot, units: Sequence[str], groups: Sequence[Group]) -> bool | None:
    if groups:
        # Other tools' copies lack /sys/class/iommu more often than not; their groups are proof enough.
        return bool(units) or snapshot.origin == "foreign"
    if snapshot.origin == "foreign" and "/sys/class/iommu" not in snapshot.directories:
        return None
    return False if snapshot.problems.get("/sys/class/iommu", "missing") == "missing" else None


def interrupt_remapping(log: str) -> bool | None:
    """What the kernel log says last; None where it says nothing (it may have lost its beginning)."""
    state: bool | None = None
    for line in log.splitlines():
        if "emapping" in line:
            for text, means in _REMAPPING:
                if text in line:
                    state = means
    return state
