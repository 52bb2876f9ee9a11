"""Rules of the way from a file to the kernel's command line: each once where it belongs, and silent beside it."""

from __future__ import annotations

from typing import Any

import pytest
from rule_cases import Case, check, node, told

from backend.node.node import BootChain, Iommu, Node
from backend.plan.intents import IommuOn

ROOT = "root=/dev/mapper/pve-root ro"
ZFS = "root=ZFS=rpool/ROOT/pve-1 boot=zfs"
SIGNS = ("/proc/cmdline BOOT_IMAGE=/boot/vmlinuz-6.8.12-4-pve: grub", "proxmox-boot-tool 1A2B-3C4D: systemd-boot")
GRUB = BootChain("grub", "uefi", evidence=SIGNS[:1])
MANAGED_GRUB = BootChain("grub", "uefi", managed_esps=True, evidence=SIGNS[:1])
SYSTEMD = BootChain("systemd-boot", "uefi", managed_esps=True, evidence=SIGNS[1:])
QUIET = 'GRUB_CMDLINE_LINUX_DEFAULT="quiet"\n'
SET = 'GRUB_DEFAULT=0\nGRUB_CMDLINE_LINUX_DEFAULT="quiet intel_iommu=on"\n'
FILE, CFG, DROP_IN, CMDLINE = (
    "/etc/default/grub",
    "/boot/grub/grub.cfg",
    "/etc/default/grub.d/99.cfg",
    "/etc/kernel/cmdline",
)


def cfg(parameters: str, kernel: str = "6.8.12-4-pve") -> str:
    image = f"/boot/vmlinuz-{kernel} {ROOT}"
    return f"\tlinux\t{image} {parameters} $vt_handoff\n\tinitrd\t/boot/initrd\n\tlinux\t{image} single\n"


def by_grub(parameters: str, files: dict[str, str], boot: BootChain = GRUB, **more: Any) -> Node:
    cmdline = f"BOOT_IMAGE=/boot/vmlinuz-6.8.12-4-pve {ROOT} {parameters}"
    return node(kernel="6.8.12-4-pve", cmdline=cmdline, boot=boot, files=files, **more)


def by_systemd(parameters: str, cmdline: str, boot: BootChain = SYSTEMD, **more: str) -> Node:
    line = f"initrd=\\EFI\\proxmox\\6.8.12-4-pve\\initrd.img {ZFS} {parameters}"
    return node(kernel="6.8.12-4-pve", cmdline=line, boot=boot, files={CMDLINE: cmdline, **more})


CASES = (
    Case(
        "parameter-not-booted",
        by_grub("quiet", {FILE: SET, CFG: cfg("quiet intel_iommu=on")}),
        by_grub("quiet intel_iommu=on", {FILE: SET, CFG: cfg("quiet intel_iommu=on")}),
    ),
    Case("parameter-not-booted", by_grub("quiet", {FILE: SET}), by_grub("single", {FILE: SET}), "recovery"),
    Case(
        "parameter-not-booted",
        by_systemd("", f"{ZFS} intel_iommu=on\n"),
        by_systemd('"dyndbg=file drivers/pci/* +p"', f'{ZFS} dyndbg="file drivers/pci/* +p"\n'),
        "systemd-boot, quotes",
    ),
    Case(
        "parameter-not-booted",
        by_grub("quiet", {FILE: SET}),
        by_grub("video=HDMI-A-1:d", {FILE: "GRUB_CMDLINE_LINUX=\"video='HDMI-A-1:d'\"\n"}),
        "GRUB, quotes",
    ),
    Case(
        "parameter-not-booted",
        by_grub("quiet", {FILE: SET}, MANAGED_GRUB),
        by_grub("quiet", {FILE: SET}, BootChain(None, reason="disagree")),
        "no loader",
    ),
    Case(
        "grub-cfg-stale",
        by_grub("quiet", {FILE: SET, CFG: cfg("quiet")}),
        by_grub("quiet", {FILE: SET, CFG: cfg("quiet intel_iommu=on")}),
    ),
    Case(
        "grub-cfg-stale",
        by_grub("quiet", {FILE: QUIET, CFG: cfg("quiet pcie_acs_override=downstream")}),
        by_grub("quiet", {FILE: QUIET, CFG: cfg("quiet rootflags=subvol=@")}),
        "taken out",
    ),
    Case(
        "grub-cfg-stale",
        by_grub("quiet", {FILE: SET, CFG: cfg("quiet")}),
        by_grub("quiet", {FILE: SET, CFG: cfg("quiet")}, MANAGED_GRUB),
        "another grub.cfg boots",
    ),
    Case(
        "grub-cfg-stale",
        by_grub("quiet", {FILE: SET, CFG: cfg("quiet") + cfg("quiet intel_iommu=on", "6.5.11-8-pve")}),
        by_grub("quiet", {FILE: SET, CFG: cfg("quiet", "6.5.11-8-pve") + cfg("quiet intel_iommu=on")}),
        "the running kernel's entry",
    ),
    Case(
        "wrong-loader-file",
        by_systemd("", f"{ZFS}\n", **{FILE: SET}),
        by_systemd("", f"{ZFS} intel_iommu=on\n", **{FILE: SET}),
    ),
    Case(
        "wrong-loader-file",
        by_grub("quiet", {FILE: QUIET, CMDLINE: f"{ZFS} intel_iommu=on\n"}),
        by_grub("quiet", {FILE: QUIET, CMDLINE: f"{ZFS} loglevel=3\n"}),
        "GRUB; what the installer wrote",
    ),
    Case(
        "cmdline-second-line",
        by_systemd("", f"{ZFS}\nintel_iommu=on\n"),
        by_systemd("", f"{ZFS}\n\n# intel_iommu=on\n"),
    ),
    Case(
        "cmdline-second-line",
        by_systemd("", f"{ZFS}\nintel_iommu=on\n"),
        by_grub("quiet", {FILE: QUIET, CMDLINE: f"{ZFS}\nintel_iommu=on\n"}, MANAGED_GRUB),
        "not read",
    ),
    Case("cmdline-no-root", by_systemd("", "quiet intel_iommu=on\n"), by_systemd("", f"{ZFS}\n")),
    Case(
        "cmdline-no-root",
        by_grub("quiet", {CMDLINE: "\n"}, MANAGED_GRUB),
        by_grub("quiet", {CMDLINE: "\n"}),
        "read on GRUB too",
    ),
    Case(
        "drop-in-overrides",
        by_grub("quiet", {FILE: SET, DROP_IN: 'GRUB_CMDLINE_LINUX_DEFAULT="splash"\n'}),
        by_grub("quiet", {FILE: SET, DROP_IN: 'GRUB_CMDLINE_LINUX_DEFAULT="$GRUB_CMDLINE_LINUX_DEFAULT splash"\n'}),
    ),
    Case(
        "drop-in-overrides",
        by_grub("quiet", {FILE: SET + QUIET}),
        by_grub("quiet", {FILE: QUIET + SET}),
        "the same file",
    ),
    Case(
        "drop-in-overrides",
        by_grub("quiet", {FILE: SET, DROP_IN: QUIET}),
        by_grub("quiet", {FILE: SET, DROP_IN: f'{QUIET}GRUB_CMDLINE_LINUX="intel_iommu=on"\n'}),
        "in another variable",
    ),
    Case("typo-in-grub-variable", by_grub("", {FILE: SET.replace("GRUB_C", "RUB_C")}), by_grub("", {FILE: SET})),
    Case(
        "typo-in-grub-variable",
        by_grub("", {FILE: 'GRUB_CMDLINE_LINUX_DEFAULT = "quiet"\n'}),
        by_grub("", {FILE: 'GRUB_CMDLINE_LINUX_RECOVERY="single"\n#GRUB_CMDLINE_LINUX_DEFUALT="quiet"\n'}),
        "a gap; another variable, a comment",
    ),
    Case(
        "boot-loader-unclear",
        by_grub("quiet", {}, BootChain(None, "uefi", reason="disagree", evidence=SIGNS)),
        by_grub("quiet", {}, BootChain(None, reason="no-evidence")),
    ),
    Case(
        "kernel-pinned",
        by_grub("quiet", {"/etc/kernel/proxmox-boot-pin": "6.8.12-4-pve\n"}),
        by_grub("quiet", {"/etc/kernel/proxmox-boot-pin": "\n"}),
    ),
)


@pytest.mark.parametrize("case", CASES, ids=str)
def test_once_and_never(case: Case) -> None:
    check(case)


def test_one_thing_is_told_once() -> None:
    stale = by_grub("quiet", {FILE: SET, CFG: cfg("quiet")})
    assert told("parameter-not-booted", stale) == []


def test_the_line_is_pointed_at() -> None:
    (found,) = told("grub-cfg-stale", by_grub("quiet", {FILE: SET, CFG: cfg("quiet")}))
    assert [(evidence.source, evidence.line) for evidence in found.evidence] == [(FILE, 2), (CFG, 1)]


def test_iommu_on_writes_the_entries_anew() -> None:
    off = by_systemd("", f"{ZFS}\n", **{FILE: SET})
    assert told("wrong-loader-file", off)[0].remedy is None  # it is not known to be off
    off = node(cmdline=off.cmdline, boot=off.boot, iommu=Iommu(False, "intel"), files={CMDLINE: f"{ZFS}\n", FILE: SET})
    assert told("wrong-loader-file", off)[0].remedy == IommuOn()
