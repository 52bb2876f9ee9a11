"""Which functions carry the cluster: corosync's links and Ceph's networks."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterator

from backend.node.need import Need
from backend.node.node import Use
from backend.snapshot.readers.network import Network, ip
from backend.snapshot.snapshot import Snapshot

_COROSYNC = ("/etc/corosync/corosync.conf", "/etc/pve/corosync.conf")  # the one that runs, the cluster's
_CEPH = ("/etc/ceph/ceph.conf", "/etc/pve/ceph.conf")
_LINK = re.compile(r"(?m)^\s*ring(\d)_addr\s*:\s*(\S+)")  # man corosync.conf, nodelist
# Networks and own addresses (Ceph's network configuration reference); words of a key may be apart.
_CEPH_KEY = re.compile(
    r"(?m)^\s*((?:public|cluster)[ _-](?:network|addr)|mon[ _-](?:host|addr))[ \t]*=[ \t]*([^#;\n]*)"
)
_MONITOR = re.compile(r"(?:v[12]:)?([\d.]+)(?::\d+)?(?:/\d+)?|([0-9a-fA-F:]+)")  # v2:10.0.0.1:3300/0; IPv6 bare

_Network = ipaddress.IPv4Network | ipaddress.IPv6Network


def cluster_uses(snapshot: Snapshot, network: Network) -> Iterator[Use]:
    """Chains end with the link or the setting: ("eno1", "vmbr0", "link 0"), ("eno3", "cluster_network")."""
    yield from dict.fromkeys((*_corosync(snapshot, network), *_ceph(snapshot, network)))


def _corosync(snapshot: Snapshot, network: Network) -> Iterator[Use]:
    """Those of this node. One link is enough (knet)."""
    names = dict(_hosts(snapshot))
    links = [
        (number, interface)
        for number, text in dict.fromkeys(_LINK.findall(_first(snapshot, _COROSYNC)))
        for interface in _with(network, _single(names.get(text, text)))
    ]
    need = Need.of_one(network.need(interface) for _, interface in links)
    for number, interface in links:
        for address, chain in network.ways(interface):
            yield Use(address, "corosync", (*chain, f"link {number}"), need)


def _ceph(snapshot: Snapshot, network: Network) -> Iterator[Use]:
    for key, value in _CEPH_KEY.findall(_first(snapshot, _CEPH)):
        name = re.sub("[ -]", "_", key)
        for text in re.split(r"[,\s\[\]]+", value):
            there = _net(text) if name.endswith("network") else _monitor(text)
            for interface in _with(network, there):
                for address, chain in network.ways(interface):
                    yield Use(address, "ceph", (*chain, name), network.need(interface))


def _with(network: Network, wanted: _Network | None) -> tuple[str, ...]:
    """Interfaces that have an address in it."""
    if wanted is None:
        return ()
    return tuple(
        name for name, texts in network.addresses.items() if any((at := ip(t)) and at in wanted for t in texts)
    )


def _single(text: str) -> _Network | None:
    at = ip(text)
    return None if at is None else ipaddress.ip_network(at)


def _monitor(text: str) -> _Network | None:
    match = _MONITOR.fullmatch(text)
    return None if match is None else _single(match[1] or match[2])


def _net(text: str) -> _Network | None:
    try:
        return ipaddress.ip_network(text, strict=False)
    except ValueError:
        return None


def _first(snapshot: Snapshot, paths: tuple[str, ...]) -> str:
    return next((text for path in paths if (text := snapshot.text(path))), "")


def _hosts(snapshot: Snapshot) -> Iterator[tuple[str, str]]:
    """Name and address of /etc/hosts; the first line that has a name counts, hence backwards."""
    for line in reversed((snapshot.text("/etc/hosts") or "").splitlines()):
        words = line.partition("#")[0].split()
        yield from ((name, words[0]) for name in words[1:])
