"""The files that a plan may edit, and the journals of earlier pushes."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from backend.snapshot.snapshot import Snapshot

_WHOLE = frozenset(
    (
        "/boot/grub/grub.cfg",
        "/etc/default/grub",
        "/etc/initramfs-tools/modules",
        "/etc/kernel/cmdline",
        "/etc/modules",
    )
)
_FOLDERS = ("/etc/modprobe.d", "/etc/modules-load.d")
_DROP_INS = "/etc/default/grub.d"
_PUSHES = "/var/lib/lanewright/pushes/"


def read_files(snapshot: Snapshot) -> Mapping[str, bytes]:
    """Whole files by path. One the collector had to cut is left out: half a file is never written back."""
    return MappingProxyType(
        {
            path: snapshot.files[path]
            for path in sorted(filter(_is_editable, snapshot.files))
            if _is_whole(snapshot, path)
        }
    )


def _is_whole(snapshot: Snapshot, path: str) -> bool:
    return snapshot.problems.get(path) != "cut"


def _is_editable(path: str) -> bool:
    if not path.startswith(("/etc/", "/boot/", "/var/")):
        return False
    folder, _, name = path.rpartition("/")
    return (
        path in _WHOLE
        or folder in _FOLDERS
        or (folder == _DROP_INS and name.endswith(".cfg"))
        or path.startswith(_PUSHES)
    )
