"""Causes that no rule sees, because they are not a node's state but of a moment, a login, a guest's inside.

Their sentences are in resources/doctor/symptoms.toml.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType

from backend.node.node import Node


def _cannot_tell(_node: Node) -> bool | None:
    return None


def _has_hostpci(node: Node) -> bool | None:
    return any(guest.hostpci for guest in node.guests)


def _uses_mapping(node: Node) -> bool | None:
    return any("mapping=" in value for guest in node.guests for value in guest.hostpci.values())


def _uses_mdev(node: Node) -> bool | None:
    return any("mdev=" in value for guest in node.guests for value in guest.hostpci.values())


def _vfs_not_made(node: Node) -> bool | None:
    """A display function (class 03) that could have virtual functions and has none."""
    able = [f for f in node.functions if f.base_class == 0x03 and f.sriov_total]
    return any(f.sriov_vfs == 0 for f in able) if able else None


# By code: does this node make it likely? None: a snapshot cannot tell.
OWN_CAUSES: Mapping[str, Callable[[Node], bool | None]] = MappingProxyType(
    {
        "cause-esp-missing": _cannot_tell,
        "cause-host-disk-failing": _cannot_tell,
        "cause-link-signal": _cannot_tell,
        "cause-driver-holds-on": _cannot_tell,
        "cause-vfio-module-missing": lambda node: None if node.kernel is None else not node.kernel.endswith("-pve"),
        "cause-group-held-elsewhere": _cannot_tell,
        "cause-mdev-gone": _uses_mdev,
        "cause-reset-refused": _cannot_tell,
        "cause-interrupt-unclaimed": _cannot_tell,
        "cause-kvm-not-hidden": _cannot_tell,
        "cause-driver-in-guest": _cannot_tell,
        "cause-screen-not-connected": _cannot_tell,
        "cause-memory-pinning": _has_hostpci,
        "cause-memory-short": _cannot_tell,
        "cause-addresses-moved": _cannot_tell,
        "cause-reservation-left": _cannot_tell,
        "cause-alternatives-used": _uses_mapping,
        "cause-mdev-driver-late": _cannot_tell,
        "cause-not-root": _cannot_tell,
        "cause-vgpu-functions-missing": _vfs_not_made,
        "cause-vgpu-type-mixed": _cannot_tell,
        "cause-local-device": _has_hostpci,
        "cause-locked": _cannot_tell,
    }
)
