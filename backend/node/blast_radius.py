"""What the host loses where a device goes to a guest: before anything is staged, and for every plan."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType

from backend.node.address import PciAddress
from backend.node.function import Function
from backend.node.grouping import predict
from backend.node.node import Node, Use

# Gravest first. True: without it the host cannot be reached, does not boot, or loses data. False: it can do without.
REFUSES: Mapping[str, bool] = MappingProxyType(
    {
        "this-connection": True,
        "management": True,
        "root": True,
        "boot": True,
        "zfs": True,
        "lvm": True,
        "md": True,
        "mount": True,  # a line of fstab whose device is missing ends the boot in emergency mode
        "swap": True,  # what was swapped out is gone, and so is who owned it
        "corosync": True,  # without quorum /etc/pve is read-only, and HA fences the node
        "ceph": True,
        "network": False,
        "console": False,  # a node is run over the network; the price of passing its only display
        "bmc": False,
        "keyboard": False,
        "usb": False,
        "guest": False,
        "lent": False,
    }
)
REFUSING = frozenset(kind for kind, refuses in REFUSES.items() if refuses)

_OF_GUESTS = ("guest", "lent")  # their chains start with the vmid
_VIAS = ("taken", "dragged", "same-ids")
_VFIO = "vfio-pci"
_USB4 = 0x0C0340  # USB4 host interface (pci.ids); older Thunderbolt controllers are told by their driver


@dataclass(frozen=True, slots=True)
class Loss:
    """One use that ends. ``via``, how its function goes: "taken", "dragged" or "same-ids" (BlastRadius).
    ``is_spared``: something else carries on, a bond's other port or a mirror's other half. ``refuses``: the host would
    be lost with it."""

    use: Use
    via: str
    is_spared: bool
    refuses: bool

    @property
    def chain(self) -> tuple[str, ...]:
        """The whole of it: ("0000:03:00.0", "eno1", "bond0", "vmbr0", "this-connection")."""
        return (str(self.use.address), *self.use.chain, self.use.kind)


@dataclass(frozen=True, slots=True)
class BlastRadius:
    """``taken``: what is given. ``dragged``: what goes with it, when a VM starts (by_group) or with the device it
    depends on. ``same_ids``: what vfio-pci takes too where the card is reserved by its ids. All in address order;
    ``losses``: by these three, address, and gravity."""

    taken: tuple[PciAddress, ...]
    dragged: tuple[PciAddress, ...] = ()
    same_ids: tuple[PciAddress, ...] = ()
    losses: tuple[Loss, ...] = ()
    is_bridge: bool = False  # no guest gets it
    is_expected: bool = False  # the IOMMU is off: dragged by the groups that the kernel's rules would make

    @property
    def verdict(self) -> str:
        """ "free", "costs" or "refused"."""
        if self.is_bridge or any(loss.refuses for loss in self.losses):
            return "refused"
        return "costs" if self.losses else "free"

    def of(self, address: PciAddress) -> tuple[Loss, ...]:
        return tuple(loss for loss in self.losses if loss.use.address == address)


def blast_radius(
    node: Node, address: PciAddress, *, whole_card: bool = True, by_ids: bool = False, to: int | None = None
) -> BlastRadius:
    """`whole_card`: all functions at the device's slot go, not this one alone. `by_ids`: it is reserved by its ids, and
    so is what has the same. `to`: the guest it is meant for (vmid), which loses nothing.
    Where the IOMMU is off, the groups are those to be expected, and what would only be dragged does not refuse yet.
    Raises KeyError where the node has no such function."""
    chosen = node.by_address[address]
    if _stays(chosen):
        return BlastRadius((address,), is_bridge=True)
    card = node.card(address) if whole_card and chosen.physical_function is None else (chosen,)
    going = tuple(function for function in card if not _stays(function))
    twins = frozenset(_twins(node, going)) if by_ids else frozenset()
    if node.iommu.active is False and not node.groups:
        return replace(_radius(node, going, _expected_with(node, going), twins, to, "dragged"), is_expected=True)
    return _radius(node, going, by_group(node, (f.address for f in going)), twins, to)


def radius_of(node: Node, functions: Collection[Function], *, to: int | None = None) -> BlastRadius:
    """Of functions that are chosen already, as by a VM's hostpci line, and by the groups that are there."""
    return _radius(node, functions, by_group(node, (f.address for f in functions)), frozenset(), to)


def _radius(
    node: Node,
    functions: Iterable[Function],
    along: frozenset[PciAddress],
    twins: frozenset[PciAddress],
    to: int | None,
    doubtful: str | None = None,
) -> BlastRadius:
    """`doubtful`: the via that refuses nothing."""
    taken = frozenset(function.address for function in functions)
    dragged = _with_what_depends(node, taken | along) - taken
    twins -= taken
    same_ids = _with_what_depends(node, twins) - taken - dragged
    gone = taken | dragged | same_ids
    losses = (
        loss
        for via, addresses in zip(_VIAS, (taken, dragged, same_ids), strict=True)
        for address in sorted(addresses)
        for loss in sorted(_losses(node, address, via, gone, to), key=_gravity)
    )
    if doubtful is not None:
        losses = (replace(loss, refuses=loss.refuses and loss.via != doubtful) for loss in losses)
    return BlastRadius(tuple(sorted(taken)), tuple(sorted(dragged)), tuple(sorted(same_ids)), tuple(losses))


def by_group(node: Node, addresses: Iterable[PciAddress]) -> frozenset[PciAddress]:
    """The other members of their IOMMU groups that PVE binds to vfio-pci when the VM starts: all without a ``pci_bus``
    folder (PVE::SysFSTools::pci_dev_group_bind_to_vfio)."""
    own = frozenset(addresses)
    groups = {function.group for address in own if (function := node.by_address.get(address)) is not None}
    mates = (node.by_group[id_].functions for id_ in groups if id_ is not None and id_ in node.by_group)
    return frozenset(
        address
        for members in mates
        for address in members
        if address not in own and not _stays(node.by_address[address])
    )


def _expected_with(node: Node, functions: Iterable[Function]) -> frozenset[PciAddress]:
    """By groups that are certain: the others depend on what the snapshot does not tell."""
    own = frozenset(function.address for function in functions)
    groups = (group.functions for group in predict(node) if group.certain and not own.isdisjoint(group.functions))
    return frozenset(a for members in groups for a in members if a not in own and not _stays(node.by_address[a]))


def _stays(function: Function) -> bool:
    """A real bridge. Copies of /sys by others lack the folder that tells, but have the class."""
    return function.has_pci_bus or function.is_pci_bridge


def _with_what_depends(node: Node, going: frozenset[PciAddress]) -> frozenset[PciAddress]:
    """Virtual functions end with the physical one, tunnels of Thunderbolt with their controller. Never bridges."""
    hosts = [node.by_address[address] for address in going if _is_tunnel_host(node.by_address[address])]
    return going | {
        function.address
        for function in node.functions
        if function.physical_function in going
        or (hosts and function.removable and not function.is_bridge and any(_reaches(node, h, function) for h in hosts))
    }


def _is_tunnel_host(function: Function) -> bool:
    return function.class_code == _USB4 or function.driver == "thunderbolt"


def _reaches(node: Node, host: Function, function: Function) -> bool:
    """Whether a device outside the case hangs on that controller: below the same switch, of which the controller's
    port is one (Thunderbolt cards), or below the processor's own ports (integrated: the controller is on the root bus,
    and which of its ports is whose is not told)."""
    switch = None
    if host.parent is not None and (port := node.by_address.get(host.parent)) is not None:
        switch = port.parent
    above = tuple(_above(node, function))
    if switch is not None:
        return switch in above
    return bool(above) and above[-1].domain == host.address.domain and above[-1].bus == host.address.bus


def _above(node: Node, function: Function) -> Iterator[PciAddress]:
    seen = {function.address}
    at = function.parent
    while at is not None and at not in seen:
        seen.add(at)
        yield at
        bridge = node.by_address.get(at)
        at = None if bridge is None else bridge.parent


def _twins(node: Node, card: Iterable[Function]) -> Iterator[PciAddress]:
    """What has the ids of one of the card's functions, and is not vfio-pci's yet."""
    ids = {function.ids for function in card if function.ids is not None}
    return (function.address for function in node.functions if function.ids in ids and function.driver != _VFIO)


def _losses(node: Node, address: PciAddress, via: str, gone: Collection[PciAddress], to: int | None) -> Iterator[Loss]:
    for use in node.uses_of.get(address, ()):
        if use.kind in _OF_GUESTS and not _is_missed(node, use, to):
            continue
        is_spared = use.need is not None and use.need.met_without(gone)
        yield Loss(use, via, is_spared, REFUSES.get(use.kind, True) and not is_spared)


def _is_missed(node: Node, use: Use, to: int | None) -> bool:
    """Whether another guest runs with it, or will after the next boot."""
    guests = (guest for guest in node.guests if guest.vmid != to and use.chain[:1] == (str(guest.vmid),))
    return any(guest.running or guest.onboot for guest in guests)


def _gravity(loss: Loss) -> tuple[int, tuple[str, ...]]:
    kinds = tuple(REFUSES)
    return (kinds.index(loss.use.kind) if loss.use.kind in kinds else -1), loss.use.chain
