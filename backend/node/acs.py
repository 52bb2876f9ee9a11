"""Access Control Services: whether what is behind a function, or beside it, can reach it past the IOMMU.

The kernel's own rules: pci_acs_enabled() and pci_enable_acs() in drivers/pci/pci.c (Linux 6.8 to 6.14).
PCI Express base specification, 6.12 and 7.7.11.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import IntFlag

from backend.node.acs_quirks import by_quirk
from backend.node.express import PortType
from backend.node.function import Function
from backend.node.node import Node


class Flag(IntFlag):
    """Bits of the ACS capability and control registers (include/uapi/linux/pci_regs.h)."""

    SOURCE_VALIDATION = 0x01
    TRANSLATION_BLOCKING = 0x02
    REQUEST_REDIRECT = 0x04
    COMPLETION_REDIRECT = 0x08
    UPSTREAM_FORWARDING = 0x10
    EGRESS_CONTROL = 0x20
    DIRECT_TRANSLATED = 0x40


NOTHING = Flag(0)
# What isolation takes: REQ_ACS_FLAGS in drivers/iommu/iommu.c.
REQUIRED = Flag.SOURCE_VALIDATION | Flag.REQUEST_REDIRECT | Flag.COMPLETION_REDIRECT | Flag.UPSTREAM_FORWARDING

PORTS = (PortType.ROOT, PortType.DOWNSTREAM)  # they lead down: ACS is asked of each
_NEVER = (PortType.PCI_TO_PCIE, PortType.PCIE_TO_PCI, PortType.EVENT_COLLECTOR)


@dataclass(frozen=True, slots=True)
class Override:
    """What ``pcie_acs_override=`` makes the kernel believe of devices that have no ACS capability.

    From the patch "Enable overrides for missing ACS capabilities" that Proxmox kernels carry (pve-kernel,
    patches/kernel). It changes no register: nothing is kept apart by it.
    """

    downstream: bool = False  # root ports and downstream ports
    multifunction: bool = False  # functions of endpoints and upstream ports that are several
    ids: frozenset[tuple[int, int]] = frozenset()  # (vendor, device), whatever they are

    MAX_IDS = 16

    @classmethod
    def parse(cls, value: str) -> Override:
        """``downstream,multifunction,id:8086:1901``; what the kernel would not understand is left out."""
        words = value.split(",")
        ids = [match for match in map(_ID.match, words) if match is not None]
        return cls(
            any(word.startswith("downstream") for word in words),
            any(word.startswith("multifunction") for word in words),
            frozenset((int(match[1], 16), int(match[2], 16)) for match in ids[: cls.MAX_IDS]),
        )

    @classmethod
    def of(cls, node: Node) -> Override:
        """What the running kernel was told, if it is one that listens."""
        told = [word.partition("=")[2] for word in (node.cmdline or "").split() if word.startswith(_PARAMETER)]
        return cls.parse(",".join(told)) if told and understood(node) is not False else NO_OVERRIDE

    def covers(self, function: Function) -> bool:
        if function.port_type is None or function.acs is not None:
            return False
        if (function.vendor, function.device) in self.ids:
            return True
        if function.port_type in PORTS:
            return self.downstream
        return self.multifunction and function.multifunction is True and function.port_type not in _NEVER


_PARAMETER = "pcie_acs_override="
_ID = re.compile(r"id:([0-9a-fA-F]{4}):([0-9a-fA-F]{4})")
NO_OVERRIDE = Override()


def understood(node: Node) -> bool | None:
    """Whether its kernel knows the parameter: Proxmox kernels do, others say so at boot. None: no kernel named."""
    if any("PCIe ACS overrides enabled" in (line.text or "") for line in node.log):
        return True
    return None if node.kernel is None else "-pve" in node.kernel


def isolated(node: Node, function: Function, override: Override = NO_OVERRIDE) -> bool | None:
    """What pci_acs_enabled() says of `function` with the flags that isolation takes: nothing passes by it, or, on an
    endpoint, between it and its sibling functions. None: the snapshot does not tell.

    Where no IOMMU is at work the kernel has not turned ACS on yet; then what it can turn on counts (pci_enable_acs).
    """
    if override.covers(function):
        return True
    known = by_quirk(node, function)
    if known is not None:
        return known
    shown = _by_registers(node, function)
    unnamed = function.vendor is None or function.device is None
    return None if shown is False and unnamed else shown  # a quirk might know better


def _by_registers(node: Node, function: Function) -> bool | None:
    kind = function.port_type
    if kind is None:
        return False if function.capabilities_known else None  # conventional PCI never is
    if kind in _NEVER:
        return False
    if kind not in PORTS:
        if function.physical_function is not None or function.multifunction is False:
            return True  # between single functions there is nothing to control
        if function.multifunction is None:
            return None
    if function.acs is None:
        return False if function.capabilities_known else None
    return not missing(node, function)


def missing(node: Node, function: Function) -> Flag:
    """The required flags that are not in effect: all where there is no capability. A feature that the capability
    leaves out counts as wired in (pci_acs_flags_enabled), and one that it has will be on with the IOMMU."""
    if function.acs is None:
        return REQUIRED
    capability, control = function.acs.capability, function.acs.control
    if capability is None or control is None or node.iommu.active is not True:
        return NOTHING
    return Flag(REQUIRED & capability & ~control)
