"""Which functions carry the host's network, and this very connection."""

from __future__ import annotations

import ipaddress
import json
from collections.abc import Iterator, Mapping
from types import MappingProxyType
from typing import Any

from backend.node.address import PciAddress
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


def network_uses(snapshot: Snapshot, interfaces: Mapping[str, PciAddress]) -> Iterator[Use]:
    """Chains run from the NIC up: ("eno1", "bond0", "vmbr0")."""
    if not interfaces:
        return
    uppers = _uppers(snapshot)
    addresses = _addresses(snapshot)
    talking = _this_connection(snapshot, addresses)
    managing = _default_routes(snapshot) | (_masters(snapshot) & addresses.keys())
    for name, address in interfaces.items():
        chains = tuple(_chains(name, uppers))
        vital = [
            *(Use(address, "this-connection", chain) for chain in chains if chain[-1] in talking),
            *(Use(address, "management", chain) for chain in chains if chain[-1] in managing),
        ]
        yield from vital
        longest = max(chains, key=len)
        if not vital and (len(longest) > 1 or name in addresses):
            yield Use(address, "network", longest)


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
    server = _ip(text)
    return frozenset(
        name for name, texts in addresses.items() if server is not None and any(_ip(t) == server for t in texts)
    )


def _ip(text: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    try:
        found = ipaddress.ip_address(text)
    except ValueError:
        return None
    mapped = found.ipv4_mapped if isinstance(found, ipaddress.IPv6Address) else None
    return mapped or found
