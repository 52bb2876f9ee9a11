"""SR-IOV: virtual functions live only as long as their physical function's driver, and until the next start."""

from __future__ import annotations

import re
from collections.abc import Iterator

from backend.doctor.finding import Severity, Subject, Told, rule
from backend.doctor.passed import attribute, name_of, passed
from backend.node.address import PciAddress
from backend.node.evidence import Evidence
from backend.node.function import Function
from backend.node.hostpci import parsed_lines
from backend.node.node import Node
from backend.snapshot.readers import config_space

_SRIOV = 0x0010  # extended capability
# What makes virtual functions at boot names them somehow: sriov_numvfs, max_vfs=, sriov-manage, pve-nvidia-sriov@.
_MAKES_VFS = re.compile(rb"(?i)vfs|sr-?iov")
_AT_BOOT = (
    "/etc/modprobe.d/",
    "/etc/network/",
    "/etc/rc.local",
    "/etc/sysfs",
    "/etc/systemd/",
    "/etc/tmpfiles.d/",
    "/etc/udev/",
)
_ONE = re.compile(r"(?:[0-9a-f]{4,8}:)?[0-9a-f]{2}:[01][0-9a-f]\.[0-7]")


@rule("sriov-pf-on-vfio-with-vfs", Severity.WARNING, Subject.DEVICES)
def _pf_passed(node: Node) -> Iterator[Told]:
    """Its driver is taken away, and its virtual functions vanish with it."""
    for function in passed(node):
        if function.sriov_vfs:
            evidence = (
                attribute(function, "sriov_numvfs", function.sriov_vfs),
                attribute(function, "driver", function.driver),
            )
            yield Told(evidence, function.address, values=_values(function))


@rule("sriov-vfs-not-persistent", Severity.WARNING, Subject.DEVICES)
def _not_persistent(node: Node) -> Iterator[Told]:
    """Virtual functions are there now, and no file that is heard at boot speaks of any. Without the node's own /etc
    (a copy of /sys by another tool) nothing is known."""
    if not any(path.startswith("/etc/network/") for path in node.files):
        return
    if any(path.startswith(_AT_BOOT) and _MAKES_VFS.search(content) for path, content in node.files.items()):
        return
    if "max_vfs" in (node.cmdline or ""):
        return
    for function in node.functions:
        if function.sriov_vfs:
            evidence = (attribute(function, "sriov_numvfs", function.sriov_vfs), Evidence("/etc/systemd/system", None))
            yield Told(evidence, function.address, values=_values(function))


@rule("sriov-off-but-named", Severity.ERROR, Subject.DEVICES)
def _off_but_named(node: Node) -> Iterator[Told]:
    """A guest names an address where nothing is, and where a virtual function would be."""
    for guest in node.guests:
        for slot, line in parsed_lines(guest.hostpci):
            for named in map(PciAddress.parse, filter(_ONE.fullmatch, line.host)):
                owner = None if named in node.by_address else _owner(node, named)
                if owner is not None:
                    evidence = (
                        guest.evidence(slot),
                        Evidence(f"/sys/bus/pci/devices/{named}", None),
                        attribute(owner, "sriov_numvfs", owner.sriov_vfs),
                    )
                    values = _values(owner) | {"named": str(named), "slot": slot, "vmid": str(guest.vmid)}
                    yield Told(evidence, owner.address, guest.vmid, values)


@rule("vf-on-same-slot-as-pf-taken", Severity.WARNING, Subject.DEVICES)
def _slot_takes_vfs(node: Node) -> Iterator[Told]:
    """``01:00`` is a prefix: all that begins so at the start of the guest, virtual functions too."""
    for guest in node.guests:
        for slot, line in parsed_lines(guest.hostpci):
            for named in (id_ for id_ in line.host if "." not in id_):
                card = named if named.count(":") == 2 else f"0000:{named}"
                there = [f for f in node.functions if f.address.card == card]
                virtual = [f for f in there if f.physical_function is not None]
                if virtual and len(virtual) < len(there):
                    evidence = (
                        guest.evidence(slot),
                        *(attribute(f, "physfn", f.physical_function) for f in virtual),
                    )
                    first = next(f for f in there if f.physical_function is None)
                    values = {"device": name_of(first), "slot": slot, "vmid": str(guest.vmid), "value": named}
                    yield Told(
                        evidence,
                        first.address,
                        guest.vmid,
                        values | {"vfs": ", ".join(str(f.address) for f in virtual)},
                    )


def virtual_addresses(function: Function) -> Iterator[PciAddress]:
    """Where its virtual functions are or would be: First VF Offset and VF Stride (SR-IOV 3.3.9, 3.3.10). Without its
    extended config space nothing is known."""
    for id_, at in config_space.extended_capabilities(function.config):
        if id_ == _SRIOV and at + 0x18 <= len(function.config):
            offset = int.from_bytes(function.config[at + 0x14 : at + 0x16], "little")
            stride = int.from_bytes(function.config[at + 0x16 : at + 0x18], "little")
            own = function.address
            start = (own.bus << 8 | own.device << 3 | own.function) + offset
            for number in range(function.sriov_total or 0):
                there = start + number * stride
                if offset and there < 1 << 16:
                    yield PciAddress(own.domain, there >> 8, there >> 3 & 0x1F, there & 7)


def _owner(node: Node, address: PciAddress) -> Function | None:
    return next((f for f in node.functions if f.sriov_total and address in virtual_addresses(f)), None)


def _values(function: Function) -> dict[str, str]:
    return {"device": name_of(function), "address": str(function.address), "vfs": str(function.sriov_vfs or 0)}


RULES = (_pf_passed, _not_persistent, _off_but_named, _slot_takes_vfs)
