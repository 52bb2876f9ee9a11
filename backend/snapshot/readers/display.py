"""What shows the host's own picture."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from backend.node.function import Function
from backend.node.node import Use
from backend.snapshot.snapshot import Snapshot

_DISPLAY = 0x03  # base class
_NOT_THE_HOST = (None, "vfio-pci", "pci-stub")


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
