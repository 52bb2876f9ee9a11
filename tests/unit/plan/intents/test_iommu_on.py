"""IOMMU on: what cannot be done, and why it does not hold."""

from __future__ import annotations

from dataclasses import replace

import pytest

from backend.demo.machines import catalogue
from backend.demo.world import World
from backend.errors import IntentError
from backend.node.node import BootChain, Iommu, Node
from backend.plan.build import build
from backend.plan.intents import IommuOn
from backend.plan.plan import RunCommand
from backend.snapshot.readers import read_node

GRUB = "/etc/default/grub"


@pytest.fixture
def node() -> Node:
    return read_node(World(catalogue.workstation()).snapshot())


def test_a_kernel_that_has_it_on_by_default_is_only_rid_of_the_switch(node: Node) -> None:
    plan = build(replace(node, iommu=replace(node.iommu, default_on=True)), (IommuOn(),))
    assert [step.after for step in plan.writes] == [node.files[GRUB].replace(b" intel_iommu=off", b"")]


SYSTEMD_BOOT = BootChain("systemd-boot", "uefi", managed_esps=True)


def test_on_systemd_boot_the_line_that_proxmox_reads_is_edited(node: Node) -> None:
    line = b"root=ZFS=rpool/ROOT/pve-1 boot=zfs intel_iommu=off\n# a note\n"
    node = replace(node, boot=SYSTEMD_BOOT, files={**node.files, "/etc/kernel/cmdline": line})
    plan = build(node, (IommuOn(),))
    (write,) = plan.writes
    assert (write.path, write.after) == (
        "/etc/kernel/cmdline",
        b"root=ZFS=rpool/ROOT/pve-1 boot=zfs intel_iommu=on\n# a note\n",
    )
    assert [step.argv for step in plan.steps if isinstance(step, RunCommand)] == [("proxmox-boot-tool", "refresh")]


def test_on_systemd_boot_without_the_file_the_running_line_is_kept(node: Node) -> None:
    files = {path: content for path, content in node.files.items() if path != "/etc/kernel/cmdline"}
    running = "initrd=\\EFI\\proxmox\\6.8\\initrd.img root=ZFS=rpool/ROOT/pve-1 boot=zfs"
    plan = build(replace(node, boot=SYSTEMD_BOOT, files=files, cmdline=running), (IommuOn(),))
    assert plan.writes[0].after == b"root=ZFS=rpool/ROOT/pve-1 boot=zfs intel_iommu=on\n"


def test_a_line_that_proxmox_would_refuse_is_not_written(node: Node) -> None:
    files = {**node.files, "/etc/kernel/cmdline": b"quiet\n"}
    with pytest.raises(IntentError) as caught:
        build(replace(node, boot=SYSTEMD_BOOT, files=files), (IommuOn(),))
    assert caught.value.code == "no-root-parameter"


def test_the_processor_decides_not_the_host_bridge(node: Node) -> None:
    """QEMU's machines have Intel's host bridge under any processor."""
    grub = node.files[GRUB].replace(b"intel_iommu=off", b"intel_iommu=off amd_iommu=off")
    plan = build(replace(node, iommu=Iommu(False, "amd"), files={**node.files, GRUB: grub}), (IommuOn(),))
    assert [step.after for step in plan.writes] == [grub.replace(b" amd_iommu=off", b"")]


@pytest.mark.parametrize(
    ("boot", "code"),
    [(BootChain(reason="disagree"), "boot-loader-unknown"), (BootChain("systemd-boot"), "boot-loader-unsupported")],
)
def test_without_grub_it_is_refused(node: Node, boot: BootChain, code: str) -> None:
    with pytest.raises(IntentError) as caught:
        build(replace(node, boot=boot), (IommuOn(),))
    assert caught.value.code == code


def test_esps_that_proxmox_keeps_are_refreshed_by_its_own_tool(node: Node) -> None:
    plan = build(replace(node, boot=replace(node.boot, managed_esps=True)), (IommuOn(),))
    assert [step.argv for step in plan.steps if hasattr(step, "argv")] == [("proxmox-boot-tool", "refresh")]


@pytest.mark.parametrize(
    ("iommu", "holds", "code"),
    [
        (Iommu(active=True, vendor="intel"), True, "holds"),
        (Iommu(active=None), None, "unknown"),
        (Iommu(active=False, firmware_table=False), False, "firmware-off"),
        (Iommu(active=False), False, "switched-off"),
    ],
)
def test_verdict(node: Node, iommu: Iommu, holds: bool | None, code: str) -> None:
    verdict = IommuOn().holds(replace(node, iommu=iommu))
    assert (verdict.holds, verdict.code) == (holds, code)
    assert {evidence.source for evidence in verdict.evidence} >= {"/sys/class/iommu", "/proc/cmdline"}
