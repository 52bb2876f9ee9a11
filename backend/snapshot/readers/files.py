"""Configuration files as the node has them."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from backend.snapshot.snapshot import Snapshot

# The kernel's own tables, and the state of running VMs, are read by the readers of their subjects.
_STATE = ("/sys/", "/proc/", "/dev/", "/run/qemu-server/", "/lib/modules/", "/usr/lib/modules/")


def read_files(snapshot: Snapshot) -> Mapping[str, bytes]:
    """Every file on the node's disks that the snapshot has whole, by path. One the collector had to cut is left out:
    half a file is never written back."""
    return MappingProxyType(
        {
            path: snapshot.files[path]
            for path in sorted(snapshot.files)
            if not path.startswith(_STATE) and snapshot.problems.get(path) != "cut"
        }
    )


def read_links(snapshot: Snapshot) -> Mapping[str, str] | None:
    """Symbolic links below /etc, followed to their end. Other tools' copies do not tell what they left out."""
    if snapshot.origin == "foreign":
        return None
    return MappingProxyType(
        {path: snapshot.resolve(path) for path in sorted(snapshot.links) if path.startswith("/etc/")}
    )
