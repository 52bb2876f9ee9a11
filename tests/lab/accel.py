"""Whether this computer's KVM really runs a Linux kernel; some nested ones only say so."""

from __future__ import annotations

import os
import subprocess
import tempfile
import time
from functools import cache
from pathlib import Path

from .tools import program

PROBE_SECONDS = 10


@cache
def accelerator(kernel: Path) -> str:
    """ "kvm" where this kernel says its first words under it, else "tcg" (emulation, several times slower).

    $LANEWRIGHT_LAB_ACCEL decides instead where it is set. A nested KVM may open and still never get a stock
    kernel going, which QEMU's own fallback cannot notice.
    """
    named = os.environ.get("LANEWRIGHT_LAB_ACCEL")
    if named:
        return named
    if not os.access("/dev/kvm", os.R_OK | os.W_OK):
        return "tcg"
    # One look for as long as this computer is on: where KVM hangs, the look takes all its seconds.
    boot_id = Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    note = kernel.with_name(f"accelerator-{boot_id}")
    if not note.exists():
        note.write_text("kvm" if _boots_under_kvm(kernel) else "tcg")
    return note.read_text()


def _boots_under_kvm(kernel: Path) -> bool:
    with tempfile.TemporaryDirectory() as folder:
        console = Path(folder, "console")
        console.touch()
        argv = [program("qemu-system-x86_64"), "-nodefaults", "-no-user-config", "-display", "none"]
        argv += ["-accel", "kvm", "-machine", "q35,kernel-irqchip=split", "-cpu", "qemu64", "-m", "256"]
        argv += ["-serial", f"file:{console}", "-kernel", str(kernel), "-append", "earlyprintk=ttyS0"]
        qemu = subprocess.Popen(argv, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        try:
            deadline = time.monotonic() + PROBE_SECONDS
            while time.monotonic() < deadline and qemu.poll() is None:
                if b"Linux version" in console.read_bytes():
                    return True
                time.sleep(0.05)
            return False
        finally:
            qemu.kill()
            qemu.wait()
