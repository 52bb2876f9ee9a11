"""Which functions carry the host's network, and this very connection."""

from __future__ import annotations

import ipaddress
import json
from collections.abc import Iterator, Mapping
from functools import cached_property
from types import MappingProxyType
from typing import Any

from backend.node.address import PciAddress
from backend.node.need import ALWAYS, Need
from backend.node.node import Use
from backend.snapshot.readers.commands import printed
from backend.snapshot.readers.sysfs import function_in, real_folder
from backend.snapshot.snapshot import Snapshot

_NET = "/sys/class/net"
_OVS = "ovs-system"  # Open vSwitch hides which port its bridges use


def read_interfaces(snapshot: Snapshot) -> Mapping[str, PciAddress]:
    """NIC name -> function."""
    found: dict[str, PciAddress] = {}
    for name in snapshot.listdir(_NET):
        address = function_in(real_folder(snapshot, f"{_NET}/{name}"))
        if address is None and f"{_NET}/{name}/device" in snapshot.links:
            address = function_in(snapshot.resolve(f"{_NET}/{name}/device"))
        if address is not None:
            found[name] = address
    return MappingProxyType(found)


def read_interface_names(snapshot: Snapshot) -> frozenset[str]:
    """Of every interface, virtual ones too, and the alternative names that ip knows (``altnames``)."""
    told = (entry.get("altnames") for entry in _json(printed(snapshot, "ip", "-j", "addr")))
    alternative = (str(name) for names in told if isinstance(names, list) for name in names)
    return frozenset((*snapshot.listdir(_NET), *alternative))


class Network:
    """Interfaces of one snapshot: which lie on which, which addresses they have, and what they need."""

    def __init__(self, snapshot: Snapshot, interfaces: Mapping[str, PciAddress]) -> None:
        """`interfaces`: those that are functions (read_interfaces)."""
        self._snapshot = snapshot
        self._nics = interfaces
        self._uppers = _uppers(snapshot)
        self._needs: dict[str, Need] = {}

    @cached_property
    def addresses(self) -> Mapping[str, tuple[str, ...]]:
        """Interface -> its addresses, those of its link alone left out."""
        return _addresses(self._snapshot)

    def uses(self) -> Iterator[Use]:
        """Chains run from the NIC up: ("eno1", "bond0", "vmbr0")."""
        if not self._nics:
            return
        talking = _this_connection(self._snapshot, self.addresses)
        managing = _default_routes(self._snapshot) | (_masters(self._snapshot) & self.addresses.keys())
        for name, address in self._nics.items():
            chains = self.chains(name)
            vital = [
                *(Use(address, "this-connection", c, self.need(c[-1])) for c in chains if c[-1] in talking),
                *(Use(address, "management", c, self.need(c[-1])) for c in chains if c[-1] in managing),
            ]
            yield from vital
            longest = max(chains, key=len)
            if not vital and (len(longest) > 1 or name in self.addresses):
                yield Use(address, "network", longest, self.need(longest[-1]))

    def ways(self, interface: str) -> Iterator[tuple[PciAddress, tuple[str, ...]]]:
        """Every function below an interface, with the interfaces on the way, itself last."""
        for name, address in self._nics.items():
            for chain in self.chains(name):
                if chain[-1] == interface:
                    yield address, chain

    def chains(self, name: str) -> tuple[tuple[str, ...], ...]:
        """Every way up from an interface, each prefix of it too."""
        return tuple(_chains(name, self._uppers))

    def need(self, interface: str) -> Need:
        """A bond needs one of its ports, all others need all that they lie on. Ports without a carrier count for
        nothing while others have one."""
        if interface not in self._needs:
            self._needs[interface] = ALWAYS  # ends a loop in a damaged snapshot
            self._needs[interface] = self._find(interface)
        return self._needs[interface]

    def _find(self, interface: str) -> Need:
        if interface in self._nics:
            return Need.of_all((self._nics[interface],))
        lowers = self._lowers.get(interface, [])
        live = [name for name in lowers if self._has_carrier(name)] or lowers
        if not live:
            return ALWAYS
        folder = real_folder(self._snapshot, f"{_NET}/{interface}")
        is_bond = self._snapshot.read(f"{folder}/bonding/slaves") is not None
        return (Need.of_one if is_bond else Need.of_all)(self.need(name) for name in live)

    def _has_carrier(self, name: str) -> bool:
        """``operstate`` (Documentation/ABI/testing/sysfs-class-net); some drivers never tell."""
        state = self._snapshot.text(f"{real_folder(self._snapshot, f'{_NET}/{name}')}/operstate")
        return state in (None, "up", "unknown")

    @cached_property
    def _lowers(self) -> Mapping[str, list[str]]:
        found: dict[str, list[str]] = {}
        for name, uppers in self._uppers.items():
            for upper in uppers:
                found.setdefault(upper, []).append(name)
        return found


def _chains(name: str, uppers: Mapping[str, tuple[str, ...]]) -> Iterator[tuple[str, ...]]:
    """Every way up from an interface, each prefix of it too."""
    waiting: list[tuple[str, ...]] = [(name,)]
    while waiting:
        chain = waiting.pop()
        yield chain
        waiting.extend((*chain, upper) for upper in uppers.get(chain[-1], ()) if upper not in chain)


def _masters(snapshot: Snapshot) -> frozenset[str]:
    """Bridges and bonds: what others are enslaved to."""
    links = (f"{real_folder(snapshot, f'{_NET}/{name}')}/master" for name in snapshot.listdir(_NET))
    return frozenset(snapshot.links[link].rpartition("/")[2] for link in links if link in snapshot.links)


def _uppers(snapshot: Snapshot) -> Mapping[str, tuple[str, ...]]:
    """Interface -> bridges, bonds and VLANs right on it (links master, upper_* and lower_* of the kernel)."""
    names = snapshot.listdir(_NET)
    found: dict[str, dict[str, None]] = {name: {} for name in names}
    for name in names:
        folder = real_folder(snapshot, f"{_NET}/{name}")
        for entry in snapshot.listdir(folder):
            if entry == "master":
                found[name][snapshot.link_name(f"{folder}/master") or ""] = None
            elif entry.startswith("upper_"):
                found[name][entry[6:]] = None
            elif entry.startswith("lower_"):
                found.setdefault(entry[6:], {})[name] = None
        for port in (snapshot.text(f"{folder}/bonding/slaves") or "").split():
            found.setdefault(port, {})[name] = None
    if _OVS in found:
        # Its bridges are ports without a link to the NIC: take every interface that hangs on nothing as one.
        tops = _addresses(snapshot).keys() & set(names)
        hanging = {name for name in tops if function_in(snapshot.resolve(f"{_NET}/{name}")) is None and name != "lo"}
        above = {upper for name in names if name != _OVS for upper in found[name]}
        for name in sorted(hanging - above - {_OVS}):
            found[_OVS][name] = None
    return {name: tuple(uppers) for name, uppers in found.items()}


def _json(text: str | None) -> list[dict[str, Any]]:
    try:
        found = json.loads(text or "[]")
    except ValueError:
        return []
    return [entry for entry in found if isinstance(entry, dict)] if isinstance(found, list) else []


def _addresses(snapshot: Snapshot) -> Mapping[str, tuple[str, ...]]:
    """Interface -> its addresses, link-local ones left out unless nothing else is asked."""
    found: dict[str, tuple[str, ...]] = {}
    for entry in _json(printed(snapshot, "ip", "-j", "addr")):
        infos = entry.get("addr_info")
        known = [i for i in infos if isinstance(i, dict)] if isinstance(infos, list) else []
        texts = [str(i.get("local")) for i in known if i.get("scope") not in ("link", "host")]
        if texts:
            found[str(entry.get("ifname"))] = tuple(texts)
    return found


def _default_routes(snapshot: Snapshot) -> frozenset[str]:
    by_ip = {
        str(entry["dev"])
        for entry in _json(printed(snapshot, "ip", "-j", "route"))
        if entry.get("dst") == "default" and entry.get("dev")
    }
    table = [line.split() for line in (snapshot.text("/proc/net/route") or "").splitlines()[1:]]
    by_proc = {line[0] for line in table if len(line) > 7 and line[1] == "00000000" and line[7] == "00000000"}
    table6 = [line.split() for line in (snapshot.text("/proc/net/ipv6_route") or "").splitlines()]
    by_proc6 = {line[9] for line in table6 if len(line) > 9 and line[:2] == ["0" * 32, "00"]}
    return frozenset(by_ip | by_proc | (by_proc6 - {"lo"}))


def _this_connection(snapshot: Snapshot, addresses: Mapping[str, tuple[str, ...]]) -> frozenset[str]:
    """Interfaces that hold the server side of SSH_CONNECTION (``client port server port``, man ssh)."""
    words = (printed(snapshot, "ssh-connection") or "").split()
    if len(words) != 4:
        return frozenset()
    text, _, zone = words[2].partition("%")
    if zone:
        return frozenset((zone,))
    server = ip(text)
    return frozenset(
        name for name, texts in addresses.items() if server is not None and any(ip(t) == server for t in texts)
    )


def ip(text: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    """The address, an IPv4 one where it is mapped; None where `text` is none."""
    try:
        found = ipaddress.ip_address(text)
    except ValueError:
        return None
    mapped = found.ipv4_mapped if isinstance(found, ipaddress.IPv6Address) else None
    return mapped or found
