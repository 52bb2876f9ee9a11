"""Which boot loader booted this machine, told from every trace it leaves.

Facts: PVE's system-booting.adoc and proxmox-boot-tool's refresh script. Several traces are compared, and
where they disagree none is believed: a command line written for the wrong loader is silently without effect.
"""

from __future__ import annotations

from collections.abc import Iterator

from backend.node.node import BootChain
from backend.snapshot.readers.cmdline import values
from backend.snapshot.readers.commands import printed
from backend.snapshot.snapshot import Snapshot

GRUB = "grub"
SYSTEMD_BOOT = "systemd-boot"
OTHER = "other"

_EFIVARS = "/sys/firmware/efi/efivars"
_UUIDS = "/etc/kernel/proxmox-boot-uuids"

Sign = tuple[str, str]  # loader, evidence


def read_boot_chain(snapshot: Snapshot) -> BootChain:
    firmware = _firmware(snapshot)
    signs = [
        *_from_cmdline(snapshot.text("/proc/cmdline") or ""),
        *_from_loader_info(snapshot),
        *_from_efibootmgr(printed(snapshot, "efibootmgr") or ""),
        *_from_boot_tool(printed(snapshot, "proxmox-boot-tool") or "", firmware),
    ]
    loaders = {loader for loader, _ in signs}
    loader: str | None = None
    reason: str | None = None
    if not loaders:
        reason = "no-evidence"
    elif OTHER in loaders:
        reason = "unknown-loader"
    elif len(loaders) > 1:
        reason = "disagree"
    else:
        loader = signs[0][0]
    return BootChain(
        loader=loader,
        firmware=firmware,
        secure_boot=_secure_boot(snapshot),
        managed_esps=bool(snapshot.text(_UUIDS)),
        reason=reason,
        evidence=tuple(f"{evidence}: {loader}" for loader, evidence in signs),
    )


def _firmware(snapshot: Snapshot) -> str | None:
    if "efi" in snapshot.listdir("/sys/firmware"):
        return "uefi"
    return "bios" if snapshot.origin == "node" else None


def _efivar(snapshot: Snapshot, name: str) -> bytes | None:
    """Value of an EFI variable; efivarfs puts four bytes of attributes in front."""
    for path in snapshot.under(_EFIVARS):
        if path.rpartition("/")[2].startswith(f"{name}-"):
            return (snapshot.read(path) or b"")[4:]
    return None


def _secure_boot(snapshot: Snapshot) -> bool | None:
    value = _efivar(snapshot, "SecureBoot")
    return None if not value else value[0] == 1


def _from_cmdline(cmdline: str) -> Iterator[Sign]:
    """GRUB adds BOOT_IMAGE= with an absolute path (syslinux a relative one); on PVE systemd-boot leaves an
    initrd= below \\EFI\\proxmox, any other backslash path is some EFI stub loader."""
    for image in values(cmdline, "BOOT_IMAGE"):
        yield GRUB if image.startswith(("/", "(")) else OTHER, f"/proc/cmdline BOOT_IMAGE={image}"
    for initrd in values(cmdline, "initrd"):
        if initrd.lower().startswith("\\efi\\proxmox\\"):
            yield SYSTEMD_BOOT, f"/proc/cmdline initrd={initrd}"


def _from_loader_info(snapshot: Snapshot) -> Iterator[Sign]:
    """The Boot Loader Interface's variable, set by systemd-boot and by GRUB's ``bli`` module since 2.12."""
    value = _efivar(snapshot, "LoaderInfo")
    if value:
        text = value.decode("utf-16-le", "replace").rstrip("\0")
        name = text.lower()
        loader = SYSTEMD_BOOT if name.startswith("systemd-boot") else GRUB if name.startswith("grub") else OTHER
        yield loader, f"efivar LoaderInfo {text}"


def _from_efibootmgr(text: str) -> Iterator[Sign]:
    lines = text.splitlines()
    current = next((line.split(":", 1)[1].strip() for line in lines if line.startswith("BootCurrent:")), None)
    for line in lines:
        if current is None or not line.startswith(f"Boot{current}"):
            continue
        path = line.lower().replace("/", "\\")
        name = path[path.rfind("\\") + 1 :].rstrip(") \t")
        # \EFI\BOOT\BOOTX64.EFI is a copy of whatever was installed last: it says nothing.
        if "\\systemd\\systemd-boot" in path:
            yield SYSTEMD_BOOT, f"efibootmgr Boot{current} {name}"
        elif "grubx64.efi" in path or "shimx64.efi" in path or "grubia32.efi" in path:
            yield GRUB, f"efibootmgr Boot{current} {name}"
        elif ".efi" in path and "\\boot\\boot" not in path:
            yield OTHER, f"efibootmgr Boot{current} {name}"


def _from_boot_tool(text: str, firmware: str | None) -> Iterator[Sign]:
    """Per ESP as the refresh script decides: GRUB's files win; else systemd-boot if UEFI."""
    for line in text.splitlines():
        esp, found, kinds = line.partition(" is configured with: ")
        if not found:
            continue
        words = kinds.replace("(", " ").replace(",", " ").split()
        if GRUB in words or firmware == "bios":
            yield GRUB, f"proxmox-boot-tool {esp.strip()}"
        elif "uefi" in words or SYSTEMD_BOOT in words:
            yield SYSTEMD_BOOT, f"proxmox-boot-tool {esp.strip()}"
