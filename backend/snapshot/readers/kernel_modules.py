"""What the running kernel has of modules, built in or as files (Documentation/kbuild/kbuild.rst, modules.builtin)."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from backend.snapshot.snapshot import Snapshot


def read_built_in(snapshot: Snapshot) -> frozenset[str] | None:
    """Names with underscores, as in /proc/modules; None where that list is not in the snapshot."""
    text = snapshot.text(f"{_folder(snapshot)}/modules.builtin")
    return None if text is None else frozenset(_name(line) for line in text.splitlines() if line)


def read_module_files(snapshot: Snapshot) -> Mapping[str, str] | None:
    """Paths of VFIO's modules and of those that DKMS built for this kernel, by name. None where nothing of VFIO is
    there: then they were not looked for."""
    folder = f"{snapshot.resolve(_folder(snapshot))}/"
    found = {_name(path): path for path in sorted(snapshot.stats) if path.startswith(folder) and ".ko" in path}
    return MappingProxyType(found) if any("/drivers/vfio/" in path for path in found.values()) else None


def _folder(snapshot: Snapshot) -> str:
    return f"/lib/modules/{snapshot.text('/proc/sys/kernel/osrelease')}"


def _name(path: str) -> str:
    """``vfio_pci`` of ``kernel/drivers/vfio/pci/vfio-pci.ko.zst``."""
    return path.rpartition("/")[2].partition(".ko")[0].replace("-", "_")
