"""What shows the host's own picture."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from backend.node.address import PciAddress
from backend.node.evidence import Evidence
from backend.node.function import Function
from backend.node.need import ALWAYS, Need
from backend.node.node import Region, Use
from backend.snapshot.readers.sysfs import function_in, real_folder
from backend.snapshot.snapshot import Snapshot

_DISPLAY = 0x03  # base class
_WITH_PICTURE = (0x030000, 0x038000)  # not a 3D controller, which often has no socket
_NOT_THE_HOST = (None, "vfio-pci", "pci-stub")
_SERIAL = re.compile(r"console=(ttyS\d+)\b.*")
_MATROX = 0x102B  # G200 in its server forms: 0530 to 053f
_BMC = frozenset(
    (
        (0x1A03, 0x2000),  # ASPEED
        (0x102B, 0x0522),  # Matrox G200e (Pilot)
        (0x19E5, 0x1711),  # Huawei iBMC
        (0x19A2, 0x0800),  # Emulex Pilot
    )
)
# Names under which a picture set up by firmware is claimed: arch/x86/kernel and drivers/firmware/sysfb*.c,
# drivers/video/fbdev, drivers/gpu/drm/sysfb.
_BOOT_PICTURE = re.compile(r"\s*([0-9a-f]+)-([0-9a-f]+) : (BOOTFB|(?:efi|vesa|simple)(?:fb|drm)|simple-framebuffer\S*)")


def display_uses(snapshot: Snapshot, functions: Sequence[Function]) -> Iterator[Use]:
    """ "console" for the adapter the firmware drew on (``boot_vga``), that holds the boot picture in its memory, or is
    the only one; and for a serial port named by ``console=``. Other adapters may have a driver, but show nothing that
    the host needs. "bmc" for the adapter whose picture a management controller sends over the network.

    The chain of a display names its framebuffers (/proc/fb), which no longer need be there: with
    ``initcall_blacklist=sysfb_init`` the adapter is free although it was the boot display.
    """
    buffers = tuple(line.strip() for line in (snapshot.text("/proc/fb") or "").splitlines() if line.strip())
    tells = snapshot.read("/proc/fb") is not None
    regions = read_framebuffers(snapshot)
    displays = [f for f in functions if f.base_class == _DISPLAY and f.physical_function is None]
    shown = [f for f in displays if f.boot_vga or _holds(f, regions)]
    if not shown and len(displays) == 1 and displays[0].class_code in _WITH_PICTURE:
        shown, tells = displays, True
    consoles = [
        (function.address, buffers)
        for function in shown
        if function.driver not in _NOT_THE_HOST or (function.driver is None and (buffers or not tells))
    ]
    on_board, serial = _serial_consoles(snapshot)
    consoles += serial
    need = ALWAYS if on_board else Need.of_one(dict.fromkeys(address for address, _ in consoles))
    for address, chain in consoles:
        yield Use(address, "console", chain, need)
    for function in displays:
        if function.driver not in _NOT_THE_HOST and is_bmc(function):
            yield Use(function.address, "bmc", ("remote console",))


def is_bmc(function: Function) -> bool:
    """A function that server management controllers show the host (pci.ids)."""
    return (function.vendor, function.device) in _BMC or (
        function.vendor == _MATROX and function.device is not None and function.device >> 4 == 0x053
    )


def _serial_consoles(snapshot: Snapshot) -> tuple[bool, list[tuple[PciAddress, tuple[str, ...]]]]:
    """Whether one of ``console=ttyS...`` is no PCI device's, and those that are."""
    on_board = False
    found: list[tuple[PciAddress, tuple[str, ...]]] = []
    for word in (snapshot.text("/proc/cmdline") or "").split():
        match = _SERIAL.fullmatch(word)
        if match is None:
            continue
        port = f"/sys/class/tty/{match[1]}"
        address = function_in(real_folder(snapshot, port))
        if address is not None:
            found.append((address, (match[1], word)))
        else:
            on_board = on_board or port in snapshot.links
    return on_board, found


def _holds(function: Function, regions: Sequence[Region]) -> bool:
    return any(b.start <= region.start < b.start + b.size for region in regions for b in function.bars if not b.is_io)


def read_framebuffers(snapshot: Snapshot) -> tuple[Region, ...]:
    """What /proc/iomem lists for the boot display. To all but root the kernel shows zeros there: then nothing."""
    found = []
    for number, line in enumerate((snapshot.text("/proc/iomem") or "").splitlines(), 1):
        match = _BOOT_PICTURE.fullmatch(line)
        if match and int(match[2], 16):
            found.append(
                Region(match[3], int(match[1], 16), int(match[2], 16), Evidence("/proc/iomem", line.strip(), number))
            )
    return tuple(found)
