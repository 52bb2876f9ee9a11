"""What goes to guests, and how to point at it: what the rules of groups and devices have in common."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass

from backend.node.address import PciAddress
from backend.node.blast_radius import Loss, by_group, radius_of
from backend.node.evidence import Evidence
from backend.node.function import Function
from backend.node.hostpci import HostPci, parsed_lines
from backend.node.node import Guest, Node

_ADDRESS = re.compile(r"(?<![\w:.])(?:[0-9a-f]{4,8}:)?[0-9a-f]{2}:[01][0-9a-f]\.[0-7](?![\w.])")


@dataclass(frozen=True, slots=True)
class Claim:
    """What one hostpci line of a guest names, and PVE will bind to vfio-pci when that guest starts: of a mapping, one
    of its alternatives. Never empty."""

    functions: tuple[Function, ...]
    guest: Guest
    slot: str  # "hostpci0"
    line: HostPci

    @property
    def function(self) -> Function:
        """The first one: what the line's options are about."""
        return self.functions[0]

    @property
    def evidence(self) -> Evidence:
        return self.guest.evidence(self.slot)


def claims(node: Node) -> Iterator[Claim]:
    """By guest and line. Mediated devices and ``driver=keep`` leave a function with the host's driver
    (PVE::QemuServer::PCI::prepare_pci_device)."""
    named: defaultdict[tuple[str, ...], list[Function]] = defaultdict(list)
    for use in node.uses:
        if use.kind == "guest" and use.address in node.by_address:
            named[use.chain[:2]].append(node.by_address[use.address])
    for guest in node.guests:
        for slot, line in parsed_lines(guest.hostpci):
            functions = named.get((str(guest.vmid), slot))
            if functions and not line.keeps_driver:
                yield Claim(tuple(functions), guest, slot, line)


def passed(node: Node) -> tuple[Function, ...]:
    """Functions that a guest claims, or that vfio-pci holds by now, in their order."""
    claimed = {function.address for claim in claims(node) for function in claim.functions}
    return tuple(f for f in node.functions if f.address in claimed or f.driver == "vfio-pci")


def given(node: Node, guest: Guest) -> frozenset[PciAddress]:
    """All that a guest's lines claim together."""
    return frozenset(f.address for claim in claims(node) if claim.guest is guest for f in claim.functions)


def taken_along(node: Node, claim: Claim) -> tuple[Function, ...]:
    """The other members of its groups that go where it goes. A host bridge goes too, but nobody misses it."""
    mates = (node.by_address[a] for a in sorted(by_group(node, (f.address for f in claim.functions))))
    return tuple(mate for mate in mates if not mate.is_bridge)


def lost_with(node: Node, claim: Claim) -> tuple[Loss, ...]:
    """What the host cannot do without, and the networks that go along unasked."""
    losses = radius_of(node, claim.functions, to=claim.guest.vmid).losses
    unasked = (loss for loss in losses if loss.via == "dragged" and loss.use.kind == "network" and not loss.is_spared)
    return tuple(dict.fromkeys((*(loss for loss in losses if loss.refuses), *unasked)))


def attribute(function: Function, name: str, text: object) -> Evidence:
    """A file of the function's folder in sysfs, or a link's last part; without a name the folder itself."""
    path = f"/sys/bus/pci/devices/{function.address}/{name}"
    return Evidence(path.rstrip("/"), None if text is None else str(text))


def membership(function: Function) -> Evidence:
    return attribute(function, "iommu_group", function.group)


def name_of(function: Function) -> str:
    """As an admin knows it: ``0000:01:00.0 GA102 [GeForce RTX 3090]``."""
    return f"{function.address} {function.device_name or function.ids or ''}".rstrip()


def heard(node: Node, pattern: re.Pattern[str]) -> Iterator[tuple[PciAddress | None, str, tuple[Evidence, ...]]]:
    """Lines of the log that the pattern is in, by the device that they name first: its address where this node has it,
    what to call it, the lines."""
    found: dict[PciAddress | None, list[Evidence]] = {}
    for line in node.log:
        if line.text and pattern.search(line.text):
            named = _ADDRESS.search(line.text)
            found.setdefault(PciAddress.parse(named[0]) if named else None, []).append(line)
    for address, lines in found.items():
        function = None if address is None else node.by_address.get(address)
        if function is not None:
            yield address, name_of(function), tuple(lines)
        else:
            yield None, "A device" if address is None else str(address), tuple(lines)
