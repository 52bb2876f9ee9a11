"""Every rule on one node."""

from __future__ import annotations

from backend.doctor import (
    blacklists,
    command_line,
    devices,
    displays,
    drift,
    groups,
    guests,
    initramfs,
    iommu,
    kernel,
    links,
    machines,
    mappings,
    modules,
    network_names,
    parameters,
    resets,
    roms,
    slips,
    sriov,
)
from backend.doctor.finding import Finding, Rule, Severity
from backend.node.node import Node

RULES: tuple[Rule, ...] = (
    *iommu.RULES,
    *command_line.RULES,
    *slips.RULES,
    *parameters.RULES,
    *kernel.RULES,
    *modules.RULES,
    *blacklists.RULES,
    *initramfs.RULES,
    *drift.RULES,
    *groups.RULES,
    *devices.RULES,
    *resets.RULES,
    *links.RULES,
    *displays.RULES,
    *sriov.RULES,
    *network_names.RULES,
    *guests.RULES,
    *machines.RULES,
    *roms.RULES,
    *mappings.RULES,
)

_ORDER = tuple(Severity)


def examine(node: Node) -> tuple[Finding, ...]:
    """All findings, the gravest first, then in the order of the rules."""
    found = [Finding(rule, told) for rule in RULES for told in rule.check(node)]
    return tuple(sorted(found, key=lambda finding: _ORDER.index(finding.severity)))
