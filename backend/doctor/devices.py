"""Devices: whether one is alive, whether VFIO may have it, and what it shares with others."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator

from backend.doctor.finding import Severity, Subject, Told, rule
from backend.doctor.passed import attribute, claims, heard, name_of, passed
from backend.node.evidence import Evidence
from backend.node.function import Function
from backend.node.node import Guest, Node
from backend.snapshot.readers import config_space

# drivers/pci/probe.c, QEMU hw/vfio/pci.c
_UNREADABLE = re.compile(r"[Uu]nknown (?:PCI )?header type '?(?:127|7f)\b")
# drivers/pci/pci.c, drivers/vfio/pci/vfio_pci_core.c. (That it does not go *to* D3hot is no harm.)
_STUCK = re.compile(r"Unable to power on device, stuck in D3|can't change power state from D3\w* to D0")
_DENIED = re.compile(r"exists in vfio-pci device denylist, driver probing disallowed")  # drivers/vfio/pci/vfio_pci.c
_PROBE = re.compile(r"vfio-pci.*\bprobe (?:of \S+ |with driver vfio-pci )?failed with error -\d+")  # drivers/base/dd.c
_INELIGIBLE = re.compile(  # drivers/iommu/intel/iommu.c; since 6.6 drivers/iommu/iommu.c
    r"ineligible for IOMMU domain attach due to platform RMRR|requested this device have a 1:1 IOMMU mapping"
)
# kernel/irq/spurious.c, kernel/irq/manage.c
_LINE_LOST = re.compile(r"\birq (\d+): nobody cared|genirq: Flags mismatch irq (\d+)\..*vfio-intx")
# drivers/iommu/intel/dmar.c, drivers/iommu/amd/iommu.c
_FAULT = re.compile(r"DMAR: \[DMA (?:Read|Write).*\] Request device \[|AMD-Vi: Event logged \[IO_PAGE_FAULT")
_WIDTH = re.compile(r"DMAR: Host address width \d+")
_NOT_MAPPED = re.compile(r"vfio_(?:container_)?dma_map\(.*= -22\b")  # QEMU hw/vfio
_NUMA, _HOSTNODES = re.compile(r"numa\d+"), re.compile(r"\bhostnodes=([\d;-]+)")

_DISPLAY, _USB, _ISA = 0x03, 0x0C03, 0x0601
_MSI, _MSIX = 0x05, 0x11  # capabilities
_UNSET = 0x20000000  # IORESOURCE_UNSET: the kernel found no room
_NO_LINE = 255  # PCI local bus specification 6.2.4: no connection
# Storage, network, display, multimedia, accelerators: what one may have several of and give some away.
_KINDS = (0x01, 0x02, 0x03, 0x04, 0x12)


@rule("device-dead", Severity.ERROR, Subject.DEVICES)
def _dead(node: Node) -> Iterator[Told]:
    """Its config space reads as ones: it does not answer."""
    silent = [f for f in node.functions if len(f.config) >= 64 and not f.config.strip(b"\xff")]
    for function in silent:
        yield Told((attribute(function, "config", "ff ff ff ff"),), function.address, values=_device(function))
    for address, name, lines in heard(node, _UNREADABLE):
        if address not in {function.address for function in silent}:
            yield Told(lines, address, values={"device": name})


@rule("device-d3cold", Severity.ERROR, Subject.DEVICES)
def _d3cold(node: Node) -> Iterator[Told]:
    for address, name, lines in heard(node, _STUCK):
        yield Told(lines, address, values={"device": name, "address": name.split()[0]})


@rule("d3cold-allowed", Severity.NOTE, Subject.DEVICES)
def _d3cold_allowed(node: Node) -> Iterator[Told]:
    """GPUs and USB controllers are those that now and then do not wake."""
    for function in passed(node):
        if function.power_state == "D3cold" and function.d3cold_allowed is not False and _is_display_or_usb(function):
            evidence = (
                attribute(function, "power_state", function.power_state),
                attribute(function, "d3cold_allowed", None if function.d3cold_allowed is None else 1),
            )
            yield Told(evidence, function.address, values=_device(function))


@rule("vfio-denylist", Severity.ERROR, Subject.DEVICES)
def _denylist(node: Node) -> Iterator[Told]:
    for address, name, lines in heard(node, _DENIED):
        yield Told(lines, address, values={"device": name})


@rule("vfio-probe-failed", Severity.ERROR, Subject.DEVICES)
def _probe_failed(node: Node) -> Iterator[Told]:
    """Not where vfio-pci holds it by now: then another attempt went well."""
    for address, name, lines in heard(node, _PROBE):
        if address is None or node.by_address[address].driver != "vfio-pci":
            yield Told(lines, address, values={"device": name})


@rule("rmrr", Severity.ERROR, Subject.DEVICES)
def _rmrr(node: Node) -> Iterator[Told]:
    """The kernel refused, or will: a "direct" region that it does not call relaxable. Kernels before 5.3 do not tell
    the two apart; there displays and USB controllers, whose regions are relaxed, are left out."""
    refused = set()
    for address, name, lines in heard(node, _INELIGIBLE):
        refused.add(address)
        yield Told(lines, address, values={"device": name})
    for claim in claims(node):
        for function in claim.functions:
            group = None if function.group is None else node.by_group.get(function.group)
            if group is None or function.address in refused:
                continue
            members = (function, *node.mates(function.address))
            direct = tuple(region.evidence for region in group.reserved if region.kind == "direct")
            if direct and not any(_is_display_or_usb(f) or _is(f, _ISA) for f in members):
                refused |= set(group.functions)  # once a group
                yield Told((claim.evidence, *direct), function.address, claim.guest.vmid, _device(function))


@rule("dma-faults", Severity.WARNING, Subject.DEVICES)
def _dma_faults(node: Node) -> Iterator[Told]:
    """The IOMMU stopped it; the first lines tell all of a flood."""
    for address, name, lines in heard(node, _FAULT):
        yield Told(lines[:3], address, values={"device": name, "count": str(len(lines))})


@rule("bar-unassigned", Severity.WARNING, Subject.DEVICES)
def _bar_unassigned(node: Node) -> Iterator[Told]:
    """Memory BARs only: I/O ports run out on many machines, and no guest misses them."""
    for function in node.functions:
        lost = [bar for bar in function.bars if bar.flags & _UNSET and bar.index < 6 and not bar.is_io]
        if lost and not function.is_bridge:
            evidence = tuple(
                Evidence(f"/sys/bus/pci/devices/{function.address}/resource", f"{bar.size} bytes", bar.index + 1)
                for bar in lost
            )
            bars = ", ".join(str(bar.index) for bar in lost)
            yield Told(evidence, function.address, values=_device(function) | {"bars": bars})


@rule("intx-shared", Severity.WARNING, Subject.DEVICES)
def _intx_shared(node: Node) -> Iterator[Told]:
    """The log says so, or a passed function that knows no messages (MSI) has its line in common with a host driver."""
    lost = defaultdict(list)
    for line in node.log:
        if line.text and (match := _LINE_LOST.search(line.text)):
            lost[int(match[1] or match[2])].append(line)
    for irq, lines in lost.items():
        on_line = next((f for f in passed(node) if f.irq == irq), None)
        values = {"device": f"IRQ {irq}" if on_line is None else name_of(on_line)}
        yield Told(tuple(lines), None if on_line is None else on_line.address, values=values)
    for function in passed(node):
        if not _needs_line(function) or function.irq in (None, _NO_LINE) or function.irq in lost:
            continue
        others = [
            other
            for other in node.functions
            if other.irq == function.irq
            and other.address.card != function.address.card
            and other.driver not in (None, "vfio-pci", "pci-stub", "pcieport")
        ]
        if others:
            evidence = tuple(attribute(f, "irq", f.irq) for f in (function, *others))
            yield Told(evidence, function.address, values=_device(function))


@rule("identical-cards", Severity.NOTE, Subject.DEVICES)
def _identical_cards(node: Node) -> Iterator[Told]:
    alike: defaultdict[str, list[Function]] = defaultdict(list)
    for function in node.functions:
        wanted = function.base_class in _KINDS or _is(function, _USB)
        if wanted and function.physical_function is None and function.ids is not None:
            alike[function.ids].append(function)
    for ids, functions in alike.items():
        if len({function.address.card for function in functions}) > 1:
            evidence = tuple(Evidence(f"/sys/bus/pci/devices/{f.address}", ids) for f in functions)
            values = {"ids": ids, "devices": ", ".join(map(name_of, functions))}
            yield Told(evidence, functions[0].address, values=values)


@rule("numa-far", Severity.WARNING, Subject.DEVICES)
def _numa_far(node: Node) -> Iterator[Told]:
    """Only where the guest's memory is bound to host nodes (``numa0: ...,hostnodes=0``), none of them the device's."""
    for claim in claims(node):
        bound = _host_nodes(claim.guest)
        near = claim.function.numa_node
        if bound and near is not None and near not in bound:
            evidence = (claim.evidence, attribute(claim.function, "numa_node", near))
            values = {"near": str(near), "bound": ", ".join(map(str, sorted(bound))), "vmid": str(claim.guest.vmid)}
            yield Told(evidence, claim.function.address, claim.guest.vmid, _device(claim.function) | values)


@rule("large-bar-iommu-width", Severity.WARNING, Subject.DEVICES)
def _large_bar(node: Node) -> Iterator[Told]:
    """QEMU says so when a guest starts; the journal of the kernel alone does not."""
    widths = tuple(line for line in node.log if line.text and _WIDTH.search(line.text))
    for address, name, lines in heard(node, _NOT_MAPPED):
        yield Told((*lines, *widths), address, values={"device": name})


@rule("thunderbolt-tunnel", Severity.WARNING, Subject.DEVICES)
def _thunderbolt(node: Node) -> Iterator[Told]:
    for function in passed(node):
        if function.removable and not function.is_bridge:
            yield Told((attribute(function, "removable", "removable"),), function.address, values=_device(function))


def _device(function: Function) -> dict[str, str]:
    return {"device": name_of(function)}


def _is(function: Function, kind: int) -> bool:
    """``kind``: base class and subclass."""
    return function.class_code is not None and function.class_code >> 8 == kind


def _is_display_or_usb(function: Function) -> bool:
    return function.base_class == _DISPLAY or _is(function, _USB)


def _needs_line(function: Function) -> bool:
    """It has an interrupt pin and neither MSI nor MSI-X. Without the 256 bytes that root sees nothing is known."""
    if len(function.config) < 256 or function.config[0x3D] in (0, 0xFF):
        return False
    return not {_MSI, _MSIX} & {id_ for id_, _ in config_space.capabilities(function.config)}


def _host_nodes(guest: Guest) -> frozenset[int]:
    """Numbers and ranges, ``0-1;3`` (qemu-server, $numa_fmt)."""
    found: set[int] = set()
    for match in (_HOSTNODES.search(value) for key, value in guest.options.items() if _NUMA.fullmatch(key)):
        for part in match[1].split(";") if match else ():
            low, _, high = part.partition("-")
            if low.isdigit() and (high or low).isdigit():
                found |= set(range(int(low), int(high or low) + 1))
    return frozenset(found)


RULES = (
    _dead,
    _d3cold,
    _d3cold_allowed,
    _denylist,
    _probe_failed,
    _rmrr,
    _dma_faults,
    _bar_unassigned,
    _intx_shared,
    _identical_cards,
    _numa_far,
    _large_bar,
    _thunderbolt,
)
