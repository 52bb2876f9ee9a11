"""What is different between two nodes: two dates of one machine, or two machines."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from backend.node.address import PciAddress
from backend.node.function import Function
from backend.node.identity import match
from backend.node.node import Node


@dataclass(frozen=True, slots=True)
class Difference:
    """``what`` is a code. `was` and `now` are the values as text; None: there was, or is, none.

    Of the machine: "firmware", "kernel", "pve-version", "loader", "iommu", "interrupt-remapping", "parameter" (of the
    kernel's command line), "module-options" (a file of /etc/modprobe.d). Of a device, then one of the addresses is set:
    "appeared", "vanished", "moved", "slot", "driver", "group" (who is in it with the device; empty: nobody),
    "group-number", "link", "interface", "vfs", "reset", "bar", "guest" (VMs that name it).
    """

    what: str
    was: str | None
    now: str | None
    before: PciAddress | None = None  # the device's address then
    after: PciAddress | None = None  # and now


def compare(before: Node, after: Node) -> tuple[Difference, ...]:
    """The machine's differences first, then those of devices in the order of their addresses."""
    return (*_machine(before, after), *_devices(before, after))


def _machine(before: Node, after: Node) -> Iterator[Difference]:
    for what, was, now in (
        ("firmware", before.firmware, after.firmware),
        ("kernel", before.kernel, after.kernel),
        ("pve-version", before.pve_version, after.pve_version),
        ("loader", before.boot.loader, after.boot.loader),
        ("iommu", _yes(before.iommu.active), _yes(after.iommu.active)),
        ("interrupt-remapping", _yes(before.iommu.interrupt_remapping), _yes(after.iommu.interrupt_remapping)),
    ):
        if was != now:
            yield Difference(what, was, now)
    # What the loader adds to name the kernel it starts says nothing new.
    was_given, now_given = (
        [word for word in (node.cmdline or "").split() if not word.startswith(("BOOT_IMAGE=", "initrd="))]
        for node in (before, after)
    )
    if before.cmdline is not None and after.cmdline is not None:
        yield from (Difference("parameter", word, None) for word in was_given if word not in now_given)
        yield from (Difference("parameter", None, word) for word in now_given if word not in was_given)
    for path in sorted({*_options(before), *_options(after)}):
        was_there, now_there = path in before.files, path in after.files
        if before.files.get(path) != after.files.get(path):
            yield Difference("module-options", path if was_there else None, path if now_there else None)


def _options(node: Node) -> tuple[str, ...]:
    return tuple(path for path in node.files if path.startswith("/etc/modprobe.d/"))


def _devices(before: Node, after: Node) -> Iterator[Difference]:
    same = match(before, after)
    known = frozenset(same.values())
    names = {address: name for name, address in before.interfaces.items()}
    new_names = {address: name for name, address in after.interfaces.items()}
    for old in before.functions:
        address = old.address
        if address not in same:
            if old.physical_function is None:
                yield Difference("vanished", old.ids, None, before=address)
            continue
        new = after.by_address[same[address]]
        for what, was, now in (
            ("moved", str(address), str(new.address)),
            ("slot", old.slot, new.slot),
            ("driver", old.driver, new.driver),
            ("group", *_groups(before, after, old, new, same)),
            ("group-number", *_group_numbers(old, new)),
            ("link", _link(old), _link(new)),
            ("interface", names.get(address), new_names.get(new.address)),
            ("vfs", _number(old.sriov_vfs), _number(new.sriov_vfs)),
            ("reset", _methods(old), _methods(new)),
            ("bar", _bars(old), _bars(new)),
            ("guest", _guests(before, address), _guests(after, new.address)),
        ):
            if was != now:
                yield Difference(what, was, now, address, new.address)
    for new in after.functions:
        if new.address not in known and new.physical_function is None:
            yield Difference("appeared", None, new.ids, after=new.address)


def _groups(
    before: Node, after: Node, old: Function, new: Function, same: Mapping[PciAddress, PciAddress]
) -> tuple[str | None, str | None]:
    """Who shares the group, under today's addresses; equal where only numbers or addresses have changed, and where one
    of them has no groups at all."""
    if old.group is None or new.group is None:
        return None, None
    was = {same.get(mate.address, mate.address) for mate in before.mates(old.address)}
    now = {mate.address for mate in after.mates(new.address)}
    return _list(sorted(was)), _list(sorted(now))


def _list(addresses: Sequence[PciAddress]) -> str:
    return ", ".join(map(str, addresses))


def _yes(state: bool | None) -> str | None:
    return None if state is None else "on" if state else "off"


def _number(number: int | None) -> str | None:
    return None if number is None else str(number)


def _group_numbers(old: Function, new: Function) -> tuple[str | None, str | None]:
    if old.group is None or new.group is None:
        return None, None
    return str(old.group), str(new.group)


def _link(function: Function) -> str | None:
    """``16 GT/s x8``, as it runs. A display at rest lowers its speed by itself: of it only the width counts."""
    link = function.link
    if link is None or link.width is None:
        return None
    told = link.speed is not None and function.base_class != 0x03
    return f"{link.speed:g} GT/s x{link.width}" if told else f"x{link.width}"


def _methods(function: Function) -> str | None:
    return None if function.reset_methods is None else " ".join(function.reset_methods) or "none"


def _bars(function: Function) -> str | None:
    """Sizes alone: where a BAR lies is dealt anew at each start."""
    return ", ".join(f"{bar.index}: {bar.size:#x}" for bar in function.bars if bar.index < 6) or None


def _guests(node: Node, address: PciAddress) -> str | None:
    uses = [" ".join(use.chain) for use in node.uses_of.get(address, ()) if use.kind == "guest"]
    return ", ".join(uses) or None
