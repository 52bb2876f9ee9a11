"""VMs of the node and the functions that they name."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from types import MappingProxyType

from backend.node.function import Function
from backend.node.node import Guest, Use
from backend.snapshot.snapshot import Snapshot

_FOLDER = "/etc/pve/qemu-server"
_HOSTPCI = re.compile(r"hostpci(?:[0-9]|1[0-5])")  # $MAX_HOSTPCI_DEVICES = 16, qemu-server PCI.pm
_TRUE = ("1", "on", "yes", "true")  # PVE::JSONSchema::parse_boolean


def read_guests(snapshot: Snapshot) -> tuple[Guest, ...]:
    """By number. A file whose name is no VM id is left alone."""
    found = []
    for path in snapshot.under(_FOLDER):
        stem, dot, ending = path.rpartition("/")[2].rpartition(".")
        if dot and ending == "conf" and stem.isascii() and stem.isdigit():
            found.append(read_guest(int(stem), snapshot.text(path) or ""))
    return tuple(sorted(found, key=lambda guest: guest.vmid))


def read_guest(vmid: int, text: str) -> Guest:
    """The main section: all before the first ``[PENDING]`` or ``[snapshot]`` head, without ``#`` lines."""
    settings: dict[str, str] = {}
    for line in text.splitlines():
        if line.startswith("["):
            break
        key, colon, value = line.partition(":")
        if colon and not line.startswith("#"):
            settings[key.strip()] = value.strip()
    return Guest(
        vmid=vmid,
        name=settings.get("name"),
        onboot=settings.get("onboot", "").lower() in _TRUE,
        hostpci=MappingProxyType({k: v for k, v in settings.items() if _HOSTPCI.fullmatch(k)}),
    )


def guest_uses(guests: Sequence[Guest], functions: Sequence[Function]) -> Iterator[Use]:
    """Functions named by ``host=``: a prefix of the address, 0000: optional (PVE::SysFSTools::lspci)."""
    if not any(guest.hostpci for guest in guests):
        return
    by_text = {str(function.address): function.address for function in functions}
    for guest in guests:
        for slot, value in guest.hostpci.items():
            for id_ in _hosts(value):
                start = id_ if id_.count(":") == 2 else f"0000:{id_}"
                for text, address in by_text.items():
                    if text.startswith(start):
                        yield Use(address, "guest", (f"{guest.vmid}", slot))


def _hosts(value: str) -> tuple[str, ...]:
    for part in value.split(","):
        key, equals, rest = part.partition("=")
        if not equals:
            return tuple(filter(None, key.split(";")))
        if key == "host":
            return tuple(filter(None, rest.split(";")))
    return ()
