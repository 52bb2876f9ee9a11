"""VMs of the node and the functions that they name."""

from __future__ import annotations

import re
from collections.abc import Iterator
from types import MappingProxyType

from backend.node.hostpci import MAX_HOSTPCI, parsed_lines
from backend.node.node import Guest, Node, Use
from backend.node.vm_start import resolve
from backend.snapshot.snapshot import Snapshot

_FOLDER = "/etc/pve/qemu-server"
_RUNTIME = "/run/qemu-server"  # ID.pid while QEMU runs (PVE::QemuServer::Helpers::pidfile_name)
_OPTION = re.compile(r"([a-z][a-z_-]*\d*):\s*(\S.*?)\s*")  # PVE::QemuServer::parse_vm_config
_HOSTPCI = frozenset(f"hostpci{number}" for number in range(MAX_HOSTPCI))
_TRUE = ("1", "on", "yes", "true")  # PVE::JSONSchema::parse_boolean


def read_guests(snapshot: Snapshot) -> tuple[Guest, ...]:
    """By number. A file whose name is no VM id is left alone."""
    runtime = set(snapshot.listdir(_RUNTIME))
    is_told = bool(runtime) or _RUNTIME in snapshot.directories or snapshot.problems.get(_RUNTIME) == "missing"
    found = []
    for path in snapshot.under(_FOLDER):
        stem, dot, ending = path.rpartition("/")[2].rpartition(".")
        if dot and ending == "conf" and stem.isascii() and stem.isdigit():
            running = f"{stem}.pid" in runtime if is_told else None
            found.append(read_guest(int(stem), snapshot.text(path) or "", path, running))
    return tuple(sorted(found, key=lambda guest: guest.vmid))


def read_guest(vmid: int, text: str, path: str = "", running: bool | None = None) -> Guest:
    """The main section: all before the first ``[PENDING]`` or ``[snapshot]`` head, without ``#`` lines. Of an option
    set twice the last counts."""
    options: dict[str, str] = {}
    numbers: dict[str, int] = {}
    for number, line in enumerate(text.splitlines(), 1):
        if line.startswith("["):
            break
        match = _OPTION.fullmatch(line)
        if match is not None:
            options[match[1]] = match[2]
            numbers[match[1]] = number
    return Guest(
        vmid=vmid,
        name=options.get("name"),
        onboot=options.get("onboot", "").lower() in _TRUE,
        hostpci=MappingProxyType({k: v for k, v in options.items() if k in _HOSTPCI}),
        options=MappingProxyType(options),
        lines=MappingProxyType(numbers),
        running=running,
        path=path or f"{_FOLDER}/{vmid}.conf",
    )


def guest_uses(node: Node) -> Iterator[Use]:
    """Functions that hostpci lines name, by ``host`` or through a mapping (then every alternative of this node), once
    a line. The chain is the guest's id, the line, and the mapping."""
    for guest in node.guests:
        for slot, line in parsed_lines(guest.hostpci):
            chain = (str(guest.vmid), slot, *((line.mapping,) if line.mapping else ()))
            for address in dict.fromkeys(f.address for functions in resolve(node, line) for f in functions):
                yield Use(address, "guest", chain)
