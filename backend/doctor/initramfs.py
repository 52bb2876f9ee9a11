"""The initramfs: whether the next start, and the running kernel, have what the files say."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime

from backend.doctor.finding import Severity, Subject, Told, rule
from backend.doctor.passed import attribute, name_of
from backend.doctor.vfio_ids import in_effect, matches
from backend.node.evidence import Evidence
from backend.node.function import Function
from backend.node.node import Node
from backend.plan.intents import ReserveCard

_IMAGE = "/boot/initrd.img-"
_PIN = "/etc/kernel/proxmox-boot-pin"
# What mkinitramfs puts in, or goes by (initramfs-tools: mkinitramfs, hook-functions).
_CARRIED = re.compile(r"/etc/modprobe\.d/[^/]+\.conf|/etc/initramfs-tools/.+")
_COPY = re.compile(r"\.(?:old|bak|new|dpkg-\w+|old-dkms)$")
_SECOND = 10**9  # nanoseconds
_LATE = 120 * _SECOND  # what the start itself writes, and what `booted` may be off by


@rule("initramfs-old", Severity.WARNING, Subject.MODULES)
def _old(node: Node) -> Iterator[Told]:
    """Of the kernel that the next start takes."""
    image = _next_image(node)
    if image is None:
        return
    changed = {path: written for path, written in _carried(node).items() if written > node.written[image]}
    if changed:
        waiting = _waiting(node)
        drivers = (attribute(f, "driver", f.driver) for f in waiting)
        yield Told(
            (*_times(changed), *_times({image: node.written[image]}), *drivers),
            waiting[0].address if waiting else None,
            values={"files": ", ".join(changed), "image": image},
            remedy=ReserveCard.of(node, waiting[0].address) if waiting else None,
        )


@rule("initramfs-no-reboot", Severity.NOTE, Subject.MODULES)
def _no_reboot(node: Node) -> Iterator[Told]:
    """Changed since the start, and carried over already."""
    image = _next_image(node)
    if image is None or node.booted is None:
        return
    since = node.booted + _LATE
    changed = {path: at for path, at in _carried(node).items() if since < at <= node.written[image]}
    if changed:
        waiting = ", ".join(map(name_of, _waiting(node)))
        values = {"files": ", ".join(changed), "devices": f" ({waiting})" if waiting else ""}
        yield Told((*_times(changed), *_times({image: node.written[image]})), values=values)


def _carried(node: Node) -> Mapping[str, int]:
    return {path: written for path, written in sorted(node.written.items()) if _CARRIED.fullmatch(path)}


def _next_image(node: Node) -> str | None:
    """That of the pinned kernel, else of the newest: both loaders put it first."""
    images = [path for path in node.written if path.startswith(_IMAGE) and not _COPY.search(path)]
    pinned = _IMAGE + node.files.get(_PIN, b"").decode("utf-8", "replace").strip()
    return pinned if pinned in images else max(images, key=_version, default=None)


def _version(path: str) -> tuple[int, ...]:
    return tuple(int(number) for number in re.findall(r"\d+", path.removeprefix(_IMAGE)))


def _waiting(node: Node) -> tuple[Function, ...]:
    """Meant for vfio-pci by their ids, and with another driver still."""
    ids, _ = in_effect(node)
    return tuple(f for f in node.functions if f.driver not in (None, "vfio-pci") and any(matches(i, f) for i in ids))


def _times(written: Mapping[str, int]) -> Iterator[Evidence]:
    """As ``stat -c %y`` prints them, in UTC."""
    for path, at in written.items():
        second, rest = divmod(at, _SECOND)
        yield Evidence(f"stat -c %y {path}", f"{datetime.fromtimestamp(second, UTC):%Y-%m-%d %H:%M:%S}.{rest:09} +0000")


RULES = (
    _old,
    _no_reboot,
)
