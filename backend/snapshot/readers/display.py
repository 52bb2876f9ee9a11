"""What shows the host's own picture."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from backend.node.evidence import Evidence
from backend.node.function import Function
from backend.node.node import Region, Use
from backend.snapshot.snapshot import Snapshot

_DISPLAY = 0x03  # base class
_NOT_THE_HOST = (None, "vfio-pci", "pci-stub")
# Names under which a picture set up by firmware is claimed: arch/x86/kernel and drivers/firmware/sysfb*.c,
# drivers/video/fbdev, drivers/gpu/drm/sysfb.
_BOOT_PICTURE = re.compile(r"\s*([0-9a-f]+)-([0-9a-f]+) : (BOOTFB|(?:efi|vesa|simple)(?:fb|drm)|simple-framebuffer\S*)")


def display_uses(snapshot: Snapshot, functions: Sequence[Function]) -> Iterator[Use]:
    """ "console" for the adapter the firmware drew on (``boot_vga``). Others may have a driver, but show nothing
    that the host needs.

    The chain of a console names its framebuffers (/proc/fb), which no longer need be there: with
    ``initcall_blacklist=sysfb_init`` the adapter is free although it was the boot display.
    """
    buffers = tuple(line.strip() for line in (snapshot.text("/proc/fb") or "").splitlines() if line.strip())
    tells = snapshot.read("/proc/fb") is not None
    for function in functions:
        if function.base_class != _DISPLAY:
            continue
        host_drives = function.driver not in _NOT_THE_HOST
        if function.boot_vga and (host_drives or (function.driver is None and (buffers or not tells))):
            yield Use(function.address, "console", buffers)


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
