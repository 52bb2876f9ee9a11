"""Resets: whether a device can be brought back to its beginning between two starts of a guest."""

from __future__ import annotations

import re
from collections.abc import Iterator

from backend.doctor.finding import Severity, Subject, Told, rule
from backend.doctor.passed import attribute, claims, given, heard, name_of, passed
from backend.node.address import PciAddress
from backend.node.evidence import Evidence
from backend.node.function import Function
from backend.node.node import Node

_NO_FLR = re.compile(r"not ready \d+ms after FLR; giving up")  # drivers/pci/pci.c, pci_dev_wait
_AMD, _DISPLAY = 0x1002, 0x03
# Devices that a reset by the bus leaves dead until power is cut: Polaris 10 to 12, Vega 10 and 20, Navi 10, 12, 14, all
# known to vendor-reset (ids: pciidlist of drivers/gpu/drm/amd/amdgpu/amdgpu_drv.c). Later ones have a reset that works.
_POLARIS = (
    *(0x67C0, 0x67C1, 0x67C2, 0x67C4, 0x67C7, 0x67C8, 0x67C9, 0x67CA, 0x67CC, 0x67CF, 0x67D0, 0x67DF, 0x6FDF),
    *(0x67E0, 0x67E1, 0x67E3, 0x67E7, 0x67E8, 0x67E9, 0x67EB, 0x67EF, 0x67FF),
    *(0x6980, 0x6981, 0x6985, 0x6986, 0x6987, 0x6995, 0x6997, 0x699F),
)
_VEGA = (
    *(0x6860, 0x6861, 0x6862, 0x6863, 0x6864, 0x6867, 0x6868, 0x6869, 0x686A, 0x686B, 0x686C),
    *(0x686D, 0x686E, 0x686F, 0x687F),
    *(0x66A0, 0x66A1, 0x66A2, 0x66A3, 0x66A4, 0x66A7, 0x66AF),
)
_NAVI = (0x7310, 0x7312, 0x7318, 0x7319, 0x731A, 0x731B, 0x731E, 0x731F, 0x7340, 0x7341, 0x7347, 0x734F, 0x7360, 0x7362)
_RESET_BUG = frozenset((*_POLARIS, *_VEGA, *_NAVI))


@rule("device-no-reset", Severity.WARNING, Subject.DEVICES)
def _no_reset(node: Node) -> Iterator[Told]:
    """Nothing resets the function, and it is on a root bus, which has no reset of its own either."""
    for function in passed(node):
        if _lacks_reset(node, function) and function.parent is None:
            evidence = (attribute(function, "reset_method", None),)
            yield Told(evidence, function.address, values={"device": name_of(function)})


@rule("device-reset-bus-only", Severity.WARNING, Subject.DEVICES)
def _reset_bus_only(node: Node) -> Iterator[Told]:
    """Only a reset of its whole bus is left, and other functions there are in groups that do not go to the same guest:
    VFIO refuses (VFIO_DEVICE_PCI_HOT_RESET wants the groups of all that it would reset)."""
    for claim in claims(node):
        function = claim.function
        if function.parent is None or not _lacks_reset(node, function):
            continue
        own = given(node, claim.guest)
        groups = {node.by_address[address].group for address in own} - {None}
        others = [
            f
            for f in _below(node, function.parent)
            if f.address not in own and f.group not in groups and not f.is_bridge
        ]
        if others:
            evidence = (
                claim.evidence,
                attribute(function, "reset_method", None),
                *(attribute(other, "driver", other.driver) for other in others),
            )
            values = {"device": name_of(function), "others": ", ".join(map(name_of, others))}
            yield Told(evidence, function.address, claim.guest.vmid, values)


@rule("device-amd-reset-bug", Severity.WARNING, Subject.DEVICES)
def _amd_reset_bug(node: Node) -> Iterator[Told]:
    """Known by its ids. The module vendor-reset mends most of them."""
    if "vendor_reset" not in node.modules:
        for function in filter(_has_reset_bug, passed(node)):
            evidence = (attribute(function, "device", f"0x{function.device:04x}"), Evidence("/proc/modules", None))
            yield Told(evidence, function.address, values={"device": name_of(function)})


@rule("vendor-reset-unused", Severity.WARNING, Subject.DEVICES)
def _vendor_reset_unused(node: Node) -> Iterator[Told]:
    """Since Linux 5.15 the kernel asks a quirk only where ``reset_method`` says device_specific."""
    if "vendor_reset" in node.modules:
        for function in filter(_has_reset_bug, passed(node)):
            methods = function.reset_methods
            if _tells_resets(node) and "device_specific" not in (methods or ()):
                evidence = (
                    Evidence("/proc/modules", "vendor_reset"),
                    attribute(function, "reset_method", " ".join(methods) if methods else None),
                )
                values = {"device": name_of(function), "address": str(function.address)}
                yield Told(evidence, function.address, values=values)


@rule("device-flr-broken", Severity.ERROR, Subject.DEVICES)
def _flr_broken(node: Node) -> Iterator[Told]:
    """The kernel waited a minute for it, in vain."""
    for address, name, lines in heard(node, _NO_FLR):
        yield Told(lines, address, values={"device": name, "address": name.split()[0]})


def _tells_resets(node: Node) -> bool:
    """Kernels before 5.15, and copies of /sys by other tools, show no function's reset methods."""
    return any(function.reset_methods for function in node.functions)


def _lacks_reset(node: Node, function: Function) -> bool:
    """Virtual functions always have a function level reset (SR-IOV 2.2.2)."""
    return _tells_resets(node) and not function.reset_methods and function.physical_function is None


def _below(node: Node, bridge: PciAddress) -> Iterator[Function]:
    for function in node.children.get(bridge, ()):
        yield function
        yield from _below(node, function.address)


def _has_reset_bug(function: Function) -> bool:
    return function.vendor == _AMD and function.base_class == _DISPLAY and function.device in _RESET_BUG


RULES = (_no_reset, _reset_bus_only, _amd_reset_bug, _vendor_reset_unused, _flr_broken)
