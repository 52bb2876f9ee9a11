"""Where a PCI function sits: domain, bus, device, function."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Self

_ADDRESS = re.compile(r"(?:([0-9a-fA-F]{4,8}):)?([0-9a-fA-F]{2}):([0-9a-fA-F]{2})\.([0-7])")


@dataclass(frozen=True, slots=True, order=True)
class PciAddress:
    """domain:bus:device.function as the kernel prints it.

    A domain has four hex digits, or more where Linux makes synthetic ones (VMD: ``10000:``).
    A function is 0-7; with ARI (SR-IOV) device and function together are one 8-bit number that Linux
    still prints as device.function (PCIe base specification 6.13; ``pci_setup_device`` in drivers/pci/probe.c).
    """

    domain: int
    bus: int
    device: int
    function: int

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read ``0000:01:00.0`` or ``01:00.0`` (domain 0). Raises ValueError on anything else."""
        match = _ADDRESS.fullmatch(text)
        if match is None:
            raise ValueError(f"not a PCI address: {text!r}")
        domain, bus, device, function = match.groups()
        if int(device, 16) > 0x1F:
            raise ValueError(f"device number above 1f: {text!r}")
        return cls(int(domain or "0", 16), int(bus, 16), int(device, 16), int(function, 16))

    def __str__(self) -> str:
        return f"{self.domain:04x}:{self.bus:02x}:{self.device:02x}.{self.function:x}"

    @property
    def card(self) -> str:
        """The part that all functions of one card share: ``0000:01:00``."""
        return f"{self.domain:04x}:{self.bus:02x}:{self.device:02x}"
