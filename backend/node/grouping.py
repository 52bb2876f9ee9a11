"""The IOMMU groups that the kernel will make of a machine, and why.

The rules are those of pci_device_group() in drivers/iommu/iommu.c and pci_for_each_dma_alias() in drivers/pci/search.c
(Linux 6.8 to 6.14), in their order: requester ids that a bridge replaces, then bridges without ACS up to the root,
then functions that use one another's ids, then functions of one device that are not apart.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

from backend.node.acs import NOTHING, Flag, Override, isolated, missing
from backend.node.address import PciAddress
from backend.node.aliases import aliases
from backend.node.express import PortType
from backend.node.function import Function
from backend.node.node import Group, Node

_IOMMU = 0x0806  # class: AMD's own function is in no group
_BRIDGES = 0x06  # base class
VMD_DOMAINS = 0x10000  # from here on Linux counts those behind volume management devices (vmd_find_free_domain)
_BELOW_A_PORT = (PortType.ENDPOINT, PortType.LEGACY_ENDPOINT, PortType.UPSTREAM, PortType.DOWNSTREAM)


@dataclass(frozen=True, slots=True)
class Reason:
    """Why `function` is in the group of `because`. ``code``:

    "no-acs": the bridge `because`, on the way to the root, lets devices below it reach one another;
    "conventional": a bridge to conventional PCI replaces requester ids by its own;
    "not-apart": both are functions of one device that does not say they are apart;
    "alias": one uses the other's requester id, a fault of the device;
    "vmd": behind a controller that speaks for all its devices.

    ``missing``: with "no-acs" and "not-apart", what ACS would have to do and does not; all required flags where there
    is no such capability.
    """

    code: str
    function: PciAddress
    because: PciAddress
    missing: Flag = NOTHING


@dataclass(frozen=True, slots=True)
class Predicted:
    """A group as the rules make it. `certain` is False where something that decides it is not in the snapshot."""

    functions: tuple[PciAddress, ...]
    certain: bool
    reasons: tuple[Reason, ...] = ()


def predict(node: Node, override: Override | None = None) -> tuple[Predicted, ...]:
    """Every group, in the order of their first functions. Where the IOMMU is at work, functions that it does not serve
    (those without a group) are left out. `override`: None takes what the node's kernel was told."""
    return _Grouping(node, Override.of(node) if override is None else override).groups()


def agreement(node: Node, predicted: Sequence[Predicted] | None = None) -> tuple[tuple[Group, bool | None], ...]:
    """Each of the kernel's groups, and whether the rules make the same; None where the snapshot does not tell."""
    groups = predict(node) if predicted is None else predicted
    of = {address: group for group in groups for address in group.functions}
    found: list[tuple[Group, bool | None]] = []
    for group in node.groups:
        made = {of[address] for address in group.functions if address in of}
        if made:
            same = {each.functions for each in made} == {tuple(sorted(group.functions))}
            found.append((group, same if all(each.certain for each in made) else None))
    return tuple(found)


def explain(node: Node, group: Group) -> tuple[Reason, ...]:
    """Why `group` is more than one function; empty where it is alone, or nothing is known."""
    reasons = (reason for made in predict(node) for reason in made.reasons)
    return tuple(reason for reason in reasons if reason.function in group.functions)


class _Grouping:
    """One walk over a node, bridges before what is below them, as the kernel finds them."""

    def __init__(self, node: Node, override: Override) -> None:
        self.node = node
        self.override = override
        self._leader: dict[PciAddress, PciAddress] = {}
        self._doubtful: set[PciAddress] = set()
        self._reasons: list[Reason] = []

    def groups(self) -> tuple[Predicted, ...]:
        for function in self._in_order():
            self._place(function)
        members: defaultdict[PciAddress, list[PciAddress]] = defaultdict(list)
        for address in self._leader:
            members[self._find(address)].append(address)
        reasons: defaultdict[PciAddress, list[Reason]] = defaultdict(list)
        for reason in self._reasons:
            reasons[self._find(reason.function)].append(reason)
        doubtful = {self._find(address) for address in self._doubtful}
        found = (
            Predicted(tuple(sorted(addresses)), leader not in doubtful, tuple(reasons[leader]))
            for leader, addresses in members.items()
        )
        return tuple(sorted(found, key=lambda group: group.functions[0]))

    def _in_order(self) -> Iterator[Function]:
        waiting = [None, *(a for a in self.node.children if a is not None and a not in self.node.by_address)]
        for above in waiting:
            below = self.node.children.get(above, ())
            yield from (function for function in below if self._is_served(function))
            waiting.extend(f.address for f in below if f.address in self.node.children)

    def _is_served(self, function: Function) -> bool:
        if self.node.iommu.active is True:
            return function.group is not None
        return function.class_code is None or function.class_code >> 8 != _IOMMU

    def _find(self, address: PciAddress) -> PciAddress:
        while self._leader[address] != address:
            self._leader[address] = self._leader[self._leader[address]]
            address = self._leader[address]
        return address

    def _join(self, reason: Reason, other: PciAddress) -> None:
        """Into the group of `other`, if it has one."""
        if other in self._leader:
            self._leader[self._find(reason.function)] = self._find(other)
            self._reasons.append(reason)

    def _place(self, function: Function) -> None:
        self._leader[function.address] = function.address
        if self._lost(function):
            self._doubtful.add(function.address)
        if not self._aliased(function) and not self._unprotected(function):
            self._join_aliases(function)
            self._join_siblings(function)

    def _lost(self, function: Function) -> bool:
        """Whether the snapshot does not show what is above it; then it only seems to be on a root bus."""
        if function.parent is not None:
            return function.parent not in self.node.by_address
        if function.address.domain >= VMD_DOMAINS:
            return True
        if function.address.bus == 0:
            return False
        if function.port_type in _BELOW_A_PORT:
            return True
        return function.port_type is None and not function.config and not function.capabilities_known

    def _above(self, function: Function) -> Function | None:
        return None if function.parent is None else self.node.by_address.get(function.parent)

    def _aliased(self, function: Function) -> bool:
        """Whether something above sends in its name."""
        above = self._above(function)
        while above is not None:
            if above.base_class not in (_BRIDGES, None):  # pci_real_dma_dev() in arch/x86/pci/common.c
                self._join(Reason("vmd", function.address, above.address), above.address)
                return True
            if above.port_type in (PortType.PCIE_TO_PCI, PortType.PCI_TO_PCIE) or (
                above.port_type is None and above.capabilities_known
            ):
                self._join(Reason("conventional", function.address, above.address), above.address)
                return True
            above = self._above(above)
        return False

    def _unprotected(self, function: Function) -> bool:
        """Whether a bridge on the way to the root does not keep what is below it apart."""
        above = self._above(function)
        culprit = None if above is None else self._culprits[above.address]
        if above is None or culprit is None:
            return False
        if self._isolated[culprit.address] is None:
            self._doubtful.add(function.address)
        reason = Reason("no-acs", function.address, culprit.address, missing(self.node, culprit))
        self._join(reason, above.address)
        return True

    @cached_property
    def _culprits(self) -> Mapping[PciAddress, Function | None]:
        """Of every bridge with something below it: the first on its way to the root, itself included, that is not
        isolated (pci_acs_path_enabled)."""
        found: dict[PciAddress, Function | None] = {}
        for address in self.node.children:
            step = None if address is None else self.node.by_address.get(address)
            while step is not None and self._isolated[step.address]:
                step = self._above(step)
            if address is not None:
                found[address] = step
        return found

    @cached_property
    def _isolated(self) -> Mapping[PciAddress, bool | None]:
        return {f.address: isolated(self.node, f, self.override) for f in self.node.functions}

    def _join_aliases(self, function: Function) -> None:
        mine = self._aliases.get(function.address, frozenset())
        for other in self._on_bus(function):
            if other.address in mine or function.address in self._aliases.get(other.address, ()):
                self._join(Reason("alias", function.address, other.address), other.address)

    @cached_property
    def _aliases(self) -> Mapping[PciAddress, frozenset[PciAddress]]:
        found = ((function.address, aliases(function)) for function in self.node.functions)
        return {address: others for address, others in found if others}

    def _join_siblings(self, function: Function) -> None:
        """get_pci_function_alias_group(): several functions, and neither this one nor the other is apart. A virtual
        function always is."""
        mine = self._isolated[function.address]
        if function.multifunction is False or function.physical_function is not None or mine:
            return
        for other in self._on_bus(function):
            theirs = self._isolated[other.address]
            if other.address.card != function.address.card or theirs:
                continue
            if mine is None or theirs is None:
                self._doubtful.add(function.address)
            reason = Reason("not-apart", function.address, other.address, missing(self.node, function))
            self._join(reason, other.address)
            return

    def _on_bus(self, function: Function) -> Iterator[Function]:
        """Those that were placed before it."""
        for other in self._buses[function.address.domain, function.address.bus]:
            if other.address in self._leader and other.address != function.address:
                yield other

    @cached_property
    def _buses(self) -> Mapping[tuple[int, int], list[Function]]:
        found: defaultdict[tuple[int, int], list[Function]] = defaultdict(list)
        for function in self.node.functions:
            if function.physical_function is None:
                found[function.address.domain, function.address.bus].append(function)
        return found
