"""Which device is which: an address is where a device was seen, not what it is."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Hashable, Mapping
from types import MappingProxyType

from backend.node.address import PciAddress
from backend.node.function import Function
from backend.node.node import Node

_Key = Callable[[Node, Function], Hashable | None]


def match(before: Node, after: Node) -> Mapping[PciAddress, PciAddress]:
    """The functions of `before` that are in `after`, by their address there.

    The surest sign first: the same kind of device with the same serial number; then the same kind at the same address,
    in the same slot, below the same bridges; last the only one of its kind. What is left has vanished, or appeared.
    """
    found: dict[PciAddress, PciAddress] = {}
    old = {f.address: f for f in before.functions}
    new = {f.address: f for f in after.functions}
    for key in _SIGNS:
        here, there = _by(key, before, old), _by(key, after, new)
        for sign, addresses in here.items():
            others = there.get(sign, [])
            # Several with one sign (a serial number that every port of a card has) go by their order.
            if len(addresses) == len(others):
                for address, other in zip(addresses, others, strict=True):
                    found[address] = other
                    del old[address], new[other]
    return MappingProxyType(found)


def _by(key: _Key, node: Node, left: Mapping[PciAddress, Function]) -> dict[Hashable, list[PciAddress]]:
    found: defaultdict[Hashable, list[PciAddress]] = defaultdict(list)
    for address, function in left.items():
        sign = key(node, function)
        if sign is not None:
            found[sign].append(address)
    return found


def _kind(f: Function) -> Hashable | None:
    if f.vendor is None or f.device is None:
        return None
    return f.vendor, f.device, f.subsystem_vendor, f.subsystem_device, f.class_code, f.physical_function is not None


def _serial(_: Node, f: Function) -> Hashable | None:
    return None if f.serial is None or _kind(f) is None else (_kind(f), f.serial, f.address.function)


def _address(_: Node, f: Function) -> Hashable | None:
    return None if _kind(f) is None else (_kind(f), f.address)


def _slot(_: Node, f: Function) -> Hashable | None:
    return None if f.slot is None or _kind(f) is None else (_kind(f), f.slot, f.address.function)


def _bridges(node: Node, f: Function) -> Hashable | None:
    """Device and function numbers down from the root bus: buses are numbered anew, these are not."""
    if _kind(f) is None or f.parent is None:
        return None
    path = [(f.address.device, f.address.function)]
    above: PciAddress | None = f.parent
    seen = {f.address}
    while above is not None and above not in seen:
        seen.add(above)
        path.append((above.device, above.function))
        bridge = node.by_address.get(above)
        above = None if bridge is None else bridge.parent
    return _kind(f), f.address.domain, tuple(path)


def _only(_: Node, f: Function) -> Hashable | None:
    return None if _kind(f) is None else (_kind(f), f.address.function)


_SIGNS: tuple[_Key, ...] = (_serial, _address, _slot, _bridges, _only)
