"""IOMMU on."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from backend.errors import IntentError
from backend.node.evidence import Evidence
from backend.node.node import Node
from backend.plan.edits import boot_parameters, cmdline
from backend.plan.plan import Draft, Hazard, Verdict

_OFF = {"intel": ("intel_iommu=off", "iommu=off"), "amd": ("amd_iommu=off", "iommu=off")}
_HOST_BRIDGE_VENDORS = {0x8086: "intel", 0x1022: "amd", 0x1002: "amd"}


@dataclass(frozen=True, slots=True)
class IommuOn:
    """DMA remapping active. Intel gets ``intel_iommu=on`` unless the running kernel's own configuration makes it the
    default; AMD is on by default, and ``amd_iommu=on`` is no option at all (parse_amd_iommu_options in
    drivers/iommu/amd/init.c)."""

    kind: ClassVar[str] = "iommu-on"

    def edit(self, draft: Draft) -> None:
        node = draft.node
        if node.iommu.active:
            return
        vendor = iommu_vendor(node)
        if vendor is None:
            raise IntentError("iommu-vendor-unknown", node=node.hostname)
        add = ("intel_iommu=on",) if vendor == "intel" and not node.iommu.default_on else ()
        boot_parameters.change(draft, add, _OFF[vendor])
        boot_parameters.apply(draft)

    def hazards(self, node: Node) -> tuple[Hazard, ...]:
        return ()

    def holds(self, node: Node) -> Verdict:
        evidence = (
            Evidence("/sys/class/iommu", node.iommu.vendor if node.iommu.active else None),
            Evidence("/sys/kernel/iommu_groups", str(len(node.groups)) if node.groups else None),
            Evidence("/proc/cmdline", node.cmdline),
        )
        active = node.iommu.active
        code = "holds" if active else "unknown" if active is None else self._why_not(node)
        return Verdict(self, active, code, evidence)

    def _why_not(self, node: Node) -> str:
        if node.iommu.firmware_table is False:
            return "firmware-off"
        vendor = iommu_vendor(node)
        given = cmdline.split(node.cmdline or "")
        return "switched-off" if vendor and any(token in given for token in _OFF[vendor]) else "not-active"


def iommu_vendor(node: Node) -> str | None:
    """As the machine tells; where a file tells too little, by who made the host bridge."""
    if node.iommu.vendor:
        return node.iommu.vendor
    for function in node.functions:
        if function.class_code is not None and function.class_code >> 8 == 0x0600:
            vendor = _HOST_BRIDGE_VENDORS.get(function.vendor or 0)
            if vendor:
                return vendor
    return None
