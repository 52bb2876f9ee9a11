"""VMs: the devices that their hostpci lines name."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator

from backend.doctor.finding import Severity, Subject, Told, rule
from backend.doctor.passed import claims, lost_with, membership, name_of
from backend.doctor.sriov import virtual_addresses
from backend.node.address import PciAddress
from backend.node.evidence import Evidence
from backend.node.function import Function
from backend.node.hostpci import BadHostPci, HostPci, parsed_lines
from backend.node.node import Guest, Node
from backend.node.vm_start import resolve

_NUMBERED = re.compile(r"hostpci(\d+)")
_BY_HAND = re.compile(r"vfio-pci(?:-nohotplug)?\b[^ ]*?\bhost=([0-9a-fA-F:.]+)")
_PENDING = re.compile(r"(hostpci\d+):.*|delete:.*\b(hostpci\d+)\b.*")


@rule("guest-hostpci-unreadable", Severity.ERROR, Subject.GUESTS)
def _unreadable(node: Node) -> Iterator[Told]:
    for guest in started(node):
        for slot, value in guest.hostpci.items():
            try:
                HostPci.parse(value)
            except BadHostPci as bad:
                yield _told(guest, slot, reason=str(bad))


@rule("guest-hostpci-empty", Severity.ERROR, Subject.GUESTS)
def _empty(node: Node) -> Iterator[Told]:
    for guest, slot, line in _lines(node):
        if not line.host and line.mapping is None:
            yield _told(guest, slot)


@rule("guest-host-and-mapping", Severity.ERROR, Subject.GUESTS)
def _host_and_mapping(node: Node) -> Iterator[Told]:
    for guest, slot, line in _lines(node):
        if line.host and line.mapping is not None:
            yield _told(guest, slot, mapping=line.mapping)


@rule("guest-hostpci-number", Severity.WARNING, Subject.GUESTS)
def _number(node: Node) -> Iterator[Told]:
    for guest in started(node):
        for option in guest.options:
            if _NUMBERED.fullmatch(option) and option not in guest.hostpci:
                yield _told(guest, option)


@rule("guest-hostpci-pending", Severity.NOTE, Subject.GUESTS)
def _pending(node: Node) -> Iterator[Told]:
    """The [PENDING] section (PVE::QemuServer::parse_vm_config)."""
    for guest in started(node):
        inside = False
        text = node.files.get(guest.path, b"").decode("utf-8", "replace")
        for number, line in enumerate(text.splitlines(), 1):
            if line.startswith("["):
                inside = line.strip().upper() == "[PENDING]"
            elif inside and (match := _PENDING.fullmatch(line)):
                values = {"vmid": str(guest.vmid), "slot": match[1] or match[2]}
                yield Told((Evidence(guest.path, line, number),), None, guest.vmid, values)


@rule("guest-device-missing", Severity.ERROR, Subject.GUESTS)
def _missing(node: Node) -> Iterator[Told]:
    """A virtual function that is switched off is another rule's matter."""
    if not node.functions:
        return
    virtual = {str(address) for f in node.functions if f.sriov_total for address in virtual_addresses(f)}
    for guest, slot, line in _lines(node):
        for id_ in line.host:
            full = id_ if id_.count(":") == 2 else f"0000:{id_}"
            if not node.named(id_) and full not in virtual:
                there = Evidence(f"/sys/bus/pci/devices/{full}", None)
                yield _told(guest, slot, there, named=id_)


@rule("guest-device-twice", Severity.ERROR, Subject.GUESTS)
def _twice(node: Node) -> Iterator[Told]:
    for guest in started(node):
        places: defaultdict[PciAddress, list[str]] = defaultdict(list)
        for slot, functions in _exclusive(node, guest):
            for function in functions:
                places[function.address].append(slot)
        for slots in dict.fromkeys(tuple(slots) for slots in places.values() if len(slots) > 1):
            twice = [node.by_address[address] for address, found in places.items() if tuple(found) == slots]
            evidence = tuple(guest.evidence(slot) for slot in dict.fromkeys(slots))
            values = {
                "devices": ", ".join(map(name_of, twice)),
                "slots": ", ".join(dict.fromkeys(slots)),
                "vmid": str(guest.vmid),
            }
            yield Told(evidence, twice[0].address, guest.vmid, values)


@rule("guest-devices-shared", Severity.NOTE, Subject.GUESTS)
def _shared(node: Node) -> Iterator[Told]:
    """At most one of them starts with the host: that can be meant, one VM or the other."""
    for guests, told in _sharing(node):
        if sum(guest.onboot for guest in guests) < 2:
            yield told


@rule("guest-devices-shared-onboot", Severity.ERROR, Subject.GUESTS)
def _shared_onboot(node: Node) -> Iterator[Told]:
    for guests, told in _sharing(node):
        if sum(guest.onboot for guest in guests) >= 2:
            onboot = tuple(guest.evidence("onboot") for guest in guests if guest.onboot)
            yield Told((*told.evidence, *onboot), told.address, told.vmid, told.values)


@rule("guest-onboot-dangerous", Severity.ERROR, Subject.GUESTS)
def _onboot_dangerous(node: Node) -> Iterator[Told]:
    """What the host cannot do without goes at every boot."""
    for claim in claims(node):
        if not claim.guest.onboot or not can_start(claim.guest):
            continue
        losses = lost_with(node, claim)
        if losses:
            chains = (Evidence(loss.chain[0], " -> ".join(loss.chain[1:])) for loss in losses)
            lost = ", ".join(dict.fromkeys(name_of(node.by_address[loss.use.address]) for loss in losses))
            evidence = (claim.guest.evidence("onboot"), membership(claim.function), *chains)
            yield _told(claim.guest, claim.slot, *evidence, address=claim.function.address, lost=lost)


@rule("guest-mdev-multifunction", Severity.ERROR, Subject.GUESTS)
def _mdev_multifunction(node: Node) -> Iterator[Told]:
    for guest, slot, line in _lines(node):
        several = next((a for a in resolve(node, line) if len(a) > 1), None) if line.mdev is not None else None
        if several is not None:
            devices = ", ".join(map(name_of, several))
            yield _told(guest, slot, address=several[0].address, devices=devices, first=str(several[0].address))


@rule("guest-args-vfio", Severity.WARNING, Subject.GUESTS)
def _args_vfio(node: Node) -> Iterator[Told]:
    for guest in started(node):
        for match in _BY_HAND.finditer(guest.options.get("args", "")):
            functions = node.named(match[1].lower())
            address = functions[0].address if functions else None
            yield _told(guest, "args", address=address, device=match[1])


@rule("guest-ha-raw-device", Severity.WARNING, Subject.GUESTS)
def _ha_raw_device(node: Node) -> Iterator[Told]:
    """HA moves with force, which PVE otherwise asks for (PVE::HA::Resources::PVEVM)."""
    path = "/etc/pve/ha/resources.cfg"
    lines = node.files.get(path, b"").decode("utf-8", "replace").splitlines()
    managed = {line.split()[1]: number for number, line in enumerate(lines, 1) if re.fullmatch(r"vm:\s*\d+\s*", line)}
    managed = {vmid: number for vmid, number in managed.items() if "state ignored" not in _section(lines, number)}
    for guest, slot, line in _lines(node):
        number = managed.get(str(guest.vmid))
        if line.host and number is not None:
            yield _told(guest, slot, Evidence(path, lines[number - 1], number))


@rule("iommu-off-with-guests", Severity.ERROR, Subject.GUESTS)
def _iommu_off(node: Node) -> Iterator[Told]:
    """Once: without an IOMMU none of them starts."""
    named_by = [(guest, slot) for guest, slot, _ in _lines(node)]
    if node.iommu.active is False and named_by:
        guests = ", ".join(dict.fromkeys(f"VM {guest.vmid}" for guest, _ in named_by))
        evidence = (Evidence("/sys/class/iommu", None), *(guest.evidence(slot) for guest, slot in named_by))
        yield Told(evidence, values={"guests": guests})


def can_start(guest: Guest) -> bool:
    """A template keeps its lines and never uses them."""
    return guest.options.get("template") != "1"


def started(node: Node) -> tuple[Guest, ...]:
    return tuple(filter(can_start, node.guests))


def _lines(node: Node) -> Iterator[tuple[Guest, str, HostPci]]:
    return ((guest, slot, line) for guest in started(node) for slot, line in parsed_lines(guest.hostpci))


def _exclusive(node: Node, guest: Guest) -> Iterator[tuple[str, tuple[Function, ...]]]:
    """What a guest gets for itself, line by line. Mediated devices share theirs; of a mapping with alternatives it is
    open which one it will be."""
    for slot, line in parsed_lines(guest.hostpci):
        alternatives = resolve(node, line)
        if line.mdev is None and len(alternatives) == 1:
            yield slot, alternatives[0]


def _sharing(node: Node) -> Iterator[tuple[tuple[Guest, ...], Told]]:
    """Guests that name the same functions, once for each such set of guests."""
    holders: defaultdict[PciAddress, dict[int, tuple[Guest, str]]] = defaultdict(dict)
    for guest in started(node):
        for slot, functions in _exclusive(node, guest):
            for function in functions:
                holders[function.address].setdefault(guest.vmid, (guest, slot))
    for vmids in dict.fromkeys(tuple(held) for held in holders.values() if len(held) > 1):
        shared = [address for address, held in holders.items() if tuple(held) == vmids]
        evidence = dict.fromkeys(g.evidence(slot) for a in shared for g, slot in holders[a].values())
        values = {
            "devices": ", ".join(name_of(node.by_address[address]) for address in shared),
            "guests": ", ".join(f"VM {vmid}" for vmid in vmids),
        }
        guests = tuple(guest for guest, _ in holders[shared[0]].values())
        yield guests, Told(tuple(evidence), shared[0], values=values)


def _section(lines: list[str], head: int) -> str:
    """The lines below a head up to an empty one, as one."""
    below = lines[head : next((n for n in range(head, len(lines)) if not lines[n].strip()), len(lines))]
    return "\n".join(" ".join(line.split()) for line in below)


def _told(guest: Guest, slot: str, *evidence: Evidence, address: PciAddress | None = None, **values: str) -> Told:
    values |= {"slot": slot, "vmid": str(guest.vmid)}
    return Told((guest.evidence(slot), *evidence), address, guest.vmid, values)


RULES = (
    _iommu_off,
    _unreadable,
    _empty,
    _host_and_mapping,
    _number,
    _missing,
    _twice,
    _shared_onboot,
    _onboot_dangerous,
    _mdev_multifunction,
    _ha_raw_device,
    _args_vfio,
    _shared,
    _pending,
)
