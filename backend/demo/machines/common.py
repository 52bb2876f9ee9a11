"""Units, link generations (GT/s) and what several machines have."""

from __future__ import annotations

from backend.demo.machines.parts import Bar, Disk, Part

KIB, MIB, GIB = 1 << 10, 1 << 20, 1 << 30
GEN1, GEN2, GEN3, GEN4, GEN5 = 2.5, 5.0, 8.0, 16.0, 32.0


def root_nvme(name: str, serial: str) -> Disk:
    partitions = ((1 * MIB, ""), (1 * GIB, "efi"), (930 * GIB, "pv:pve"))
    return Disk(name, 931 * GIB, "Samsung SSD 990 PRO 1TB", serial, partitions)


def nvme(at: str, under: str, group: int, serial: int, disks: tuple[Disk, ...]) -> Part:
    """A Samsung 990 PRO with all four lanes."""
    return Part(
        at,
        0x010802,
        "144d:a80c",
        "NVMe SSD Controller S4LV008[Pascal]",
        under=under,
        subsystem="144d:a801",
        driver="nvme",
        modules=("nvme",),
        group=group,
        link=(GEN4, 4, GEN4, 4),
        bars=(Bar(0, 16 * KIB),),
        reset=("flr", "bus"),
        role="endpoint",
        serial=serial,
        disks=disks,
    )
