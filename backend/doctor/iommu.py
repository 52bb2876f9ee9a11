"""The IOMMU: firmware, kernel, and interrupt remapping."""

from __future__ import annotations

import re
from collections.abc import Iterator

from backend.doctor.finding import Severity, Subject, Told, rule
from backend.doctor.kernel_settings import booted, next_boot, on_command_line, switched_on, whole_command_line
from backend.node.evidence import Evidence
from backend.node.node import Node
from backend.plan.intents import IommuOn
from backend.plan.intents.iommu_on import iommu_vendor

_TABLES = {"intel": ("DMAR", "VT-d"), "amd": ("IVRS", "IOMMU/AMD-Vi")}  # and what setups call the switch
_ECHO = "DMAR: IOMMU enabled"  # intel_iommu_setup() in drivers/iommu/intel/iommu.c prints it, whatever comes of it
# drivers/vfio/vfio_iommu_type1.c; drivers/iommu/intel/irq_remapping.c, drivers/iommu/amd/init.c
_REFUSED = re.compile(r"No interrupt remapping (?:support|for device)")
_REMAPPING_OFF = re.compile(
    r"Failed to enable irq remapping|Not enabling interrupt remapping|nterrupt remapping will be disabled"
    r"|Disabling interrupt remapping"
)
_UNKNOWN_OPTION = re.compile(
    r"AMD-Vi: Unknown option - '(on|pt)'"
)  # parse_amd_iommu_options() in drivers/iommu/amd/init.c
_OFF = ("iommu=off", "intel_iommu=off", "amd_iommu=off")
_NO_OPTION = ("amd_iommu=on", "amd_iommu=pt")
_PASSTHROUGH = ("iommu=pt", "iommu.passthrough=1")


@rule("iommu-firmware-off", Severity.ERROR, Subject.HARDWARE)
def _firmware_off(node: Node) -> Iterator[Told]:
    """No table of it, although there are others: no parameter helps."""
    if node.iommu.firmware_table is False and not node.iommu.active:
        vendor = iommu_vendor(node)
        table, switch = _TABLES.get(vendor or "", ("DMAR/IVRS", "VT-d/AMD-Vi"))
        evidence = (Evidence("/sys/firmware/acpi/tables", None),)
        yield Told(evidence, values={"table": table, "switch": switch})


@rule("intel-iommu-parameter-missing", Severity.ERROR, Subject.KERNEL)
def _parameter_missing(node: Node) -> Iterator[Told]:
    """By the running kernel's own configuration. Not where a file has it already: then it was not booted."""
    if not _needs_parameter(node) or any(_switches_on(token) for token in next_boot(node) or ()):
        return
    config = Evidence(f"/boot/config-{node.kernel}", "# CONFIG_INTEL_IOMMU_DEFAULT_ON is not set")
    yield Told((whole_command_line(node), config), values={"kernel": node.kernel or ""}, remedy=IommuOn())


@rule("iommu-not-active", Severity.ERROR, Subject.KERNEL)
def _not_active(node: Node) -> Iterator[Told]:
    """Firmware has it, and no parameter is missing."""
    if node.iommu.active is not False or node.iommu.firmware_table is False or _needs_parameter(node):
        return
    off = [token for token in booted(node) if token in _OFF]
    said = on_command_line(*off) if off else whole_command_line(node)
    remedy = IommuOn() if iommu_vendor(node) else None
    yield Told((Evidence("/sys/class/iommu", None), said), remedy=remedy)


@rule("iommu-only-echoed", Severity.NOTE, Subject.KERNEL)
def _only_echoed(node: Node) -> Iterator[Told]:
    echoes = tuple(line for line in node.log if _ECHO in (line.text or ""))
    if echoes and node.iommu.active is False:
        yield Told((*echoes, Evidence("/sys/kernel/iommu_groups", None)))


@rule("interrupt-remapping-off", Severity.ERROR, Subject.HARDWARE)
def _remapping_off(node: Node) -> Iterator[Told]:
    """VFIO then refuses every device (vfio_iommu_type1_attach_group), unless told to take the risk. Before the IOMMU is
    at work it is not the matter."""
    if node.iommu.active is not True or switched_on(node, "vfio_iommu_type1", "allow_unsafe_interrupts"):
        return
    refused = tuple(line for line in node.log if _REFUSED.search(line.text or ""))
    said = tuple(line for line in node.log if _REMAPPING_OFF.search(line.text or ""))
    if refused or node.iommu.interrupt_remapping is False:
        yield Told((*said, *refused) or (Evidence("journalctl -k -b", None),))


@rule("unsafe-interrupts-allowed", Severity.WARNING, Subject.HARDWARE)
def _unsafe(node: Node) -> Iterator[Told]:
    allowed = switched_on(node, "vfio_iommu_type1", "allow_unsafe_interrupts")
    if allowed and node.iommu.interrupt_remapping is not True:
        yield Told((allowed,))


@rule("unsafe-interrupts-without-need", Severity.WARNING, Subject.HARDWARE)
def _unsafe_without_need(node: Node) -> Iterator[Told]:
    allowed = switched_on(node, "vfio_iommu_type1", "allow_unsafe_interrupts")
    if allowed and node.iommu.interrupt_remapping is True:
        works = tuple(line for line in node.log if "emapping" in (line.text or ""))
        yield Told((allowed, *works[-1:]))


@rule("unsafe-noiommu", Severity.WARNING, Subject.HARDWARE)
def _noiommu(node: Node) -> Iterator[Told]:
    allowed = switched_on(node, "vfio", "enable_unsafe_noiommu_mode")
    if allowed:
        yield Told((allowed,))


@rule("amd-iommu-on", Severity.NOTE, Subject.KERNEL)
def _amd_on(node: Node) -> Iterator[Told]:
    given = [token for token in booted(node) if token in _NO_OPTION]
    said = [(match[1], line) for line in node.log if (match := _UNKNOWN_OPTION.search(line.text or ""))]
    if given or said:
        named = dict.fromkeys((*given, *(f"amd_iommu={option}" for option, _ in said)))
        evidence = (*map(on_command_line, given), *(line for _, line in said))
        yield Told(evidence, values={"parameter": " ".join(named)})


@rule("intel-parameter-on-amd", Severity.NOTE, Subject.KERNEL)
def _intel_on_amd(node: Node) -> Iterator[Told]:
    given = [token for token in booted(node) if token.startswith("intel_iommu=")]
    if given and iommu_vendor(node) == "amd":
        yield Told((on_command_line(*given),), values={"parameter": " ".join(given)})


@rule("iommu-pt-alone", Severity.NOTE, Subject.KERNEL)
def _pt_alone(node: Node) -> Iterator[Told]:
    """Taken for the switch that it is not."""
    given = [token for token in booted(node) if token in _PASSTHROUGH]
    if given and _needs_parameter(node):
        yield Told((on_command_line(*given),), values={"parameter": given[0]})


def _needs_parameter(node: Node) -> bool:
    """An Intel machine whose kernel waits for intel_iommu=on, and did not get it."""
    waits = iommu_vendor(node) == "intel" and node.iommu.active is False and node.iommu.default_on is False
    return waits and not any(_switches_on(token) or token in _OFF for token in booted(node))


def _switches_on(token: str) -> bool:
    """``intel_iommu=on,sm_on``: a list of words (intel_iommu_setup)."""
    key, _, words = token.partition("=")
    return key == "intel_iommu" and "on" in words.split(",")


RULES = (
    _firmware_off,
    _parameter_missing,
    _not_active,
    _only_echoed,
    _remapping_off,
    _unsafe,
    _unsafe_without_need,
    _noiommu,
    _amd_on,
    _intel_on_amd,
    _pt_alone,
)
