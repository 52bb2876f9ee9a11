"""Rules of the IOMMU: each once where it belongs, and silent beside it."""

from __future__ import annotations

from typing import Any

import pytest
from rule_cases import Case, check, node, told

from backend.node.node import BootChain, Iommu, Node
from backend.plan.intents import IommuOn

OFF = Iommu(False, "intel", None, True, False)
ON = Iommu(True, "intel", True, True, True)
AMD = Iommu(True, "amd", True, True)
UNMAPPED = Iommu(True, "intel", False, True, True)
UNSAFE = {"/etc/modprobe.d/vfio.conf": "options vfio_iommu_type1 allow_unsafe_interrupts=1\n"}
GRUB = BootChain("grub")
ECHO = "[    0.1] DMAR: IOMMU enabled"
REFUSED = "vfio_iommu_type1_attach_group: No interrupt remapping support.  Use the module param"
LINE = "BOOT_IMAGE=/boot/vmlinuz-6.8.12-4-pve root=/dev/mapper/pve-root ro quiet"


def kernel(iommu: Iommu, more: str = "", **others: Any) -> Node:
    return node(iommu=iommu, kernel="6.8.12-4-pve", cmdline=f"{LINE} {more}".rstrip(), **others)


CASES = (
    Case("iommu-firmware-off", kernel(Iommu(False, "intel", None, False, True)), kernel(OFF)),
    Case("iommu-firmware-off", kernel(Iommu(False, "amd", None, False)), kernel(Iommu(None)), "nothing told"),
    Case("intel-iommu-parameter-missing", kernel(OFF), kernel(OFF, "intel_iommu=on,sm_on")),
    Case("intel-iommu-parameter-missing", kernel(OFF), kernel(Iommu(False, "intel", None, True, True)), "default on"),
    Case("intel-iommu-parameter-missing", kernel(OFF), kernel(Iommu(False, "amd", None, True, False)), "AMD"),
    Case(
        "intel-iommu-parameter-missing",
        kernel(OFF, boot=GRUB, files={"/etc/default/grub": 'GRUB_CMDLINE_LINUX_DEFAULT="quiet"\n'}),
        kernel(OFF, boot=GRUB, files={"/etc/default/grub": 'GRUB_CMDLINE_LINUX_DEFAULT="intel_iommu=on"\n'}),
        "not booted yet",
    ),
    Case("iommu-not-active", kernel(OFF, "intel_iommu=on"), kernel(OFF)),
    Case("iommu-not-active", kernel(Iommu(False, "amd", None, True), "iommu=off"), kernel(AMD, "iommu=pt"), "off"),
    Case("iommu-not-active", kernel(OFF, "intel_iommu=off"), kernel(Iommu(False, "intel", None, False)), "firmware"),
    Case("iommu-only-echoed", kernel(OFF, "intel_iommu=on", log=ECHO), kernel(ON, "intel_iommu=on", log=ECHO)),
    Case(
        "interrupt-remapping-off",
        kernel(UNMAPPED, log="DMAR-IR: Failed to enable irq remapping. You are vulnerable to irq-injection attacks."),
        kernel(ON, log="x2apic: IRQ remapping doesn't support X2APIC mode"),
    ),
    Case("interrupt-remapping-off", kernel(Iommu(True), log=REFUSED), kernel(Iommu(True)), "refused"),
    Case("interrupt-remapping-off", kernel(UNMAPPED), kernel(UNMAPPED, files=UNSAFE), "allowed"),
    Case("interrupt-remapping-off", kernel(UNMAPPED), kernel(Iommu(False, "intel", False, True)), "no IOMMU at all"),
    Case("unsafe-interrupts-allowed", kernel(UNMAPPED, files=UNSAFE), kernel(ON, files=UNSAFE)),
    Case(
        "unsafe-interrupts-allowed",
        kernel(UNMAPPED, "vfio_iommu_type1.allow_unsafe_interrupts=1"),
        kernel(UNMAPPED, "vfio_iommu_type1.allow_unsafe_interrupts=0", files=UNSAFE),
        "the last one holds",
    ),
    Case("unsafe-interrupts-without-need", kernel(ON, files=UNSAFE), kernel(UNMAPPED, files=UNSAFE)),
    Case("amd-iommu-on", kernel(AMD, "amd_iommu=on"), kernel(AMD, "amd_iommu=fullflush")),
    Case("amd-iommu-on", kernel(AMD, log="AMD-Vi: Unknown option - 'on'"), kernel(AMD, log="AMD-Vi: Unknown"), "log"),
    Case("amd-iommu-on", kernel(AMD, "amd_iommu=pt"), kernel(AMD, "iommu=pt"), "pt"),
    Case(
        "unsafe-noiommu",
        kernel(ON, files={"/etc/modprobe.d/vfio.conf": "options vfio enable_unsafe_noiommu_mode=1\n"}),
        kernel(ON, files={"/etc/modprobe.d/vfio.conf": "options vfio enable_unsafe_noiommu_mode=N\n"}),
    ),
    Case("intel-parameter-on-amd", kernel(AMD, "intel_iommu=on"), kernel(ON, "intel_iommu=on")),
    Case("iommu-pt-alone", kernel(OFF, "iommu=pt"), kernel(OFF, "intel_iommu=on iommu=pt")),
    Case("iommu-pt-alone", kernel(OFF, "iommu=pt"), kernel(ON, "iommu=pt"), "at work"),
)


@pytest.mark.parametrize("case", CASES, ids=str)
def test_once_and_never(case: Case) -> None:
    check(case)


def test_the_switch_is_called_as_this_maker_calls_it() -> None:
    (intel,), (amd,) = (told("iommu-firmware-off", kernel(Iommu(False, v, None, False))) for v in ("intel", "amd"))
    assert (intel.values["switch"], intel.values["table"]) == ("VT-d", "DMAR")
    assert (amd.values["switch"], amd.values["table"]) == ("IOMMU/AMD-Vi", "IVRS")


def test_iommu_on_mends_what_a_parameter_can() -> None:
    (missing,) = told("intel-iommu-parameter-missing", kernel(OFF))
    (off,) = told("iommu-not-active", kernel(Iommu(False, "amd", None, True), "iommu=off"))
    (firmware,) = told("iommu-firmware-off", kernel(Iommu(False, "amd", None, False)))
    assert (missing.remedy, off.remedy, firmware.remedy) == (IommuOn(), IommuOn(), None)


def test_a_file_of_a_later_folder_is_not_read_beside_its_namesake() -> None:
    masked = {"/etc/modprobe.d/vfio.conf": "# none\n", "/lib/modprobe.d/vfio.conf": UNSAFE["/etc/modprobe.d/vfio.conf"]}
    assert told("unsafe-interrupts-allowed", kernel(UNMAPPED, files=masked)) == []
    (found,) = told(
        "unsafe-interrupts-allowed",
        kernel(UNMAPPED, files={"/lib/modprobe.d/vfio.conf": "\n" + next(iter(UNSAFE.values()))}),
    )
    assert str(found.evidence[0]) == "/lib/modprobe.d/vfio.conf:2: options vfio_iommu_type1 allow_unsafe_interrupts=1"
