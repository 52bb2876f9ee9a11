"""Resource mappings, and which functions running VMs hold."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from types import MappingProxyType

from backend.node.address import PciAddress
from backend.node.mapping import PATH, PciMapping, parse_mappings
from backend.node.node import Guest
from backend.snapshot.snapshot import Snapshot

_RESERVATIONS = "/run/qemu-server/pci-id-reservations"
_RESERVATION = re.compile(r"(\S+)\s+(\d+)\s+(?:time|pid)\b.*")  # PVE::QemuServer::PCI::parse_pci_reservation


def read_mappings(snapshot: Snapshot) -> tuple[PciMapping, ...]:
    return parse_mappings(snapshot.text(PATH) or "")[0]


def read_reservations(snapshot: Snapshot, guests: Iterable[Guest]) -> Mapping[PciAddress, int]:
    """Functions held by guests that run. Other lines of the file are over: PVE cleans them up at the next start."""
    running = {guest.vmid for guest in guests if guest.running}
    found: dict[PciAddress, int] = {}
    for line in (snapshot.text(_RESERVATIONS) or "").splitlines():
        match = _RESERVATION.fullmatch(line.strip())
        if match is not None and int(match[2]) in running:
            try:
                found[PciAddress.parse(match[1])] = int(match[2])
            except ValueError:
                continue
    return MappingProxyType(found)
