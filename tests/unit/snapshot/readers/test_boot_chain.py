"""Which loader booted: one trace at a time, together, and against each other."""

from __future__ import annotations

import pytest

from backend.node.node import BootChain
from backend.snapshot.readers.boot_chain import read_boot_chain
from backend.snapshot.snapshot import CommandOutput, Snapshot

GRUB_LINE = "BOOT_IMAGE=/boot/vmlinuz-6.8.12-1-pve root=/dev/mapper/pve-root ro quiet"
SDBOOT_LINE = "initrd=\\EFI\\proxmox\\6.8.12-1-pve\\initrd.img-6.8.12-1-pve root=ZFS=rpool/ROOT/pve-1 boot=zfs"
EFI = "/sys/firmware/efi/efivars"
STATUS = "System currently booted with uefi\nE014-501F is configured with: {}\n"
MANAGER = "BootCurrent: 0001\nBoot0000* UEFI OS\tHD(1)/File(\\EFI\\BOOT\\BOOTX64.EFI)\nBoot0001* x\tHD(1)/{}\n"


def chain(
    cmdline: str = "quiet",
    status: str | None = None,
    manager: str | None = None,
    loader_info: str | None = None,
    **files: bytes,
) -> BootChain:
    all_files = {"/proc/cmdline": cmdline.encode() + b"\n", "/sys/firmware/acpi/tables/APIC": b"", **files}
    commands = {}
    if status is not None:
        commands["proxmox-boot-tool", "status"] = CommandOutput(0, status.encode(), b"")
    if manager is not None:
        commands["efibootmgr", "-v"] = CommandOutput(0, manager.encode(), b"")
        all_files[f"{EFI}/BootCurrent-8be4df61"] = b""
    if loader_info is not None:
        all_files[f"{EFI}/LoaderInfo-4a67b082-0a4c"] = b"\6\0\0\0" + (loader_info + "\0").encode("utf-16-le")
    return read_boot_chain(Snapshot(all_files, commands=commands))


@pytest.mark.parametrize(
    ("found", "loader", "reason"),
    [
        (chain(GRUB_LINE), "grub", None),
        (chain(SDBOOT_LINE), "systemd-boot", None),
        (chain("BOOT_IMAGE=vmlinuz root=/dev/sda1"), None, "unknown-loader"),  # syslinux
        (chain("quiet"), None, "no-evidence"),
        (chain(loader_info="systemd-boot 252.22-1"), "systemd-boot", None),
        (chain(loader_info="GRUB 2.12"), "grub", None),
        (chain(GRUB_LINE, loader_info="rEFInd 0.14"), None, "unknown-loader"),
        (chain(manager=MANAGER.format("File(\\EFI\\proxmox\\shimx64.efi)")), "grub", None),
        (chain(manager=MANAGER.format("\\EFI\\systemd\\systemd-bootx64.efi")), "systemd-boot", None),
        (chain(manager=MANAGER.format("File(\\EFI\\BOOT\\BOOTX64.EFI)")), None, "no-evidence"),
        (chain(manager=MANAGER.format("File(\\EFI\\ZBM\\VMLINUZ.EFI)")), None, "unknown-loader"),
        (
            chain(SDBOOT_LINE, STATUS.format("uefi (versions: 6.8.12-4-pve)"), loader_info="systemd-boot 2"),
            "systemd-boot",
            None,
        ),
        (chain(GRUB_LINE, STATUS.format("uefi (versions: a), grub (versions: a, b)")), "grub", None),
        (chain(SDBOOT_LINE, STATUS.format("grub (versions: a)")), None, "disagree"),
        (chain(GRUB_LINE, loader_info="systemd-boot 252"), None, "disagree"),
    ],
)
def test_loader(found: BootChain, loader: str | None, reason: str | None) -> None:
    assert (found.loader, found.reason) == (loader, reason)
    assert bool(found.evidence) == (reason != "no-evidence")


def test_presence_of_kernel_cmdline_proves_nothing() -> None:
    found = chain(GRUB_LINE, **{"/etc/kernel/cmdline": b"root=ZFS=rpool/ROOT/pve-1\n"})
    assert found.loader == "grub"


def test_firmware_and_secure_boot() -> None:
    on = chain(GRUB_LINE, **{f"{EFI}/SecureBoot-8be4df61-93ca": b"\6\0\0\0\1"})
    off = chain(GRUB_LINE, **{f"{EFI}/SecureBoot-8be4df61-93ca": b"\6\0\0\0\0"})
    bios = chain(GRUB_LINE)
    assert [(c.firmware, c.secure_boot) for c in (on, off, bios)] == [
        ("uefi", True),
        ("uefi", False),
        ("bios", None),
    ]
    assert chain(**{"/etc/kernel/proxmox-boot-uuids": b"E014-501F\n"}).managed_esps
    assert not chain(**{"/etc/kernel/proxmox-boot-uuids": b"\n"}).managed_esps
