"""The running kernel's own configuration."""

from __future__ import annotations

from backend.snapshot.snapshot import Snapshot


def intel_default_on(snapshot: Snapshot) -> bool | None:
    """CONFIG_INTEL_IOMMU_DEFAULT_ON in /boot/config-$(uname -r); None where that file is not in the snapshot.

    The version number does not tell (facts: Ubuntu and PVE kernels switched it more than once).
    """
    release = snapshot.text("/proc/sys/kernel/osrelease")
    config = snapshot.read(f"/boot/config-{release}") if release else None
    return None if config is None else b"\nCONFIG_INTEL_IOMMU_DEFAULT_ON=y\n" in b"\n" + config + b"\n"
