"""Devices that send under a requester id that is not theirs: pci_add_dma_alias() in drivers/pci/quirks.c (Linux 6.8).

Bridges that take the id of device 0 of the bus behind them (ASMedia 1b21:1080, Tundra 10e3:8113, ITE 1283:8892, Intel
8086:244e) need no entry: whatever is behind a conventional bridge is in the bridge's group by either id.
"""

from __future__ import annotations

from dataclasses import replace

from backend.node.address import PciAddress
from backend.node.function import Function

# quirk_dma_func0_alias: whatever they do, they say function 0 did it. Ricoh; Glenfly.
_AS_FUNCTION_0 = frozenset(((0x1180, 0xE832), (0x1180, 0xE476), (0x6766, 0x3D40), (0x6766, 0x3D41)))
# quirk_dma_func1_alias: they say function 1 did it, which often is not there at all.
_AS_FUNCTION_1 = frozenset(
    (
        *(
            (0x1B4B, device)  # Marvell SATA, kernel bug 42679
            for device in (
                *(0x9120, 0x9123, 0x9125, 0x9128, 0x9130, 0x9170, 0x9172, 0x917A, 0x9182, 0x9183),
                *(0x91A0, 0x9215, 0x9220, 0x9230, 0x9235),
            )
        ),
        *((0x1103, 0x0642), (0x1103, 0x0645)),  # HighPoint
        (0x197B, 0x2392),  # JMicron JMB388 ESD
        (0x1C28, 0x0122),  # Lite-On (Plextor M6E)
    )
)
# quirk_fixed_dma_alias: Adaptec 3405 and 3805, by their subsystem; the engine that sends is hidden.
_AS_DEVICE_1 = frozenset(((0x9005, 0x0285, 0x9005, 0x02BB), (0x9005, 0x0285, 0x9005, 0x02BC)))
# quirk_mic_x200_dma_alias: Intel MIC x200.
_MIC = frozenset(((0x8086, 0x2260), (0x8086, 0x2264)))
# quirk_pex_vca_alias: Intel Visual Compute Accelerator; five functions of every device on the bus.
_VCA = frozenset((0x8086, device) for device in (0x2954, 0x2955, 0x2956, 0x2958, 0x2959, 0x295A))


def aliases(function: Function) -> frozenset[PciAddress]:
    """The addresses whose requester id it uses besides its own."""
    ids = function.vendor, function.device
    at = function.address
    found: list[tuple[int, int]] = []
    if ids in _AS_FUNCTION_0:
        found = [(at.device, 0)]
    elif ids in _AS_FUNCTION_1:
        found = [(at.device, 1)]
    elif (*ids, function.subsystem_vendor, function.subsystem_device) in _AS_DEVICE_1:
        found = [(1, 0)]
    elif ids in _MIC:
        found = [(0x10, 0), (0x11, 0), (0x12, 3)]
    elif ids in _VCA:
        found = [(device, number) for device in range(32) for number in range(5)]
    return frozenset(replace(at, device=device, function=number) for device, number in found) - {at}
