"""What a function is in the PCI Express fabric."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum


class PortType(IntEnum):
    """Device/port type of the PCI Express capability (base specification, 7.5.3.2; PCI_EXP_TYPE_* in Linux)."""

    ENDPOINT = 0
    LEGACY_ENDPOINT = 1
    ROOT = 4
    UPSTREAM = 5
    DOWNSTREAM = 6
    PCIE_TO_PCI = 7
    PCI_TO_PCIE = 8
    INTEGRATED = 9  # root complex integrated endpoint
    EVENT_COLLECTOR = 10


@dataclass(frozen=True, slots=True)
class Acs:
    """Access Control Services: the registers of the extended capability (base specification, 7.7.11).

    None: the capability is there, but the snapshot does not tell what the register holds.
    """

    capability: int | None
    control: int | None
