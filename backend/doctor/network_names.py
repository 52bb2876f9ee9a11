"""Names of network interfaces: what /etc/network/interfaces names must be what the kernel calls it, also next time."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from backend.doctor.finding import Severity, Subject, Told, rule
from backend.doctor.passed import name_of
from backend.node.evidence import Evidence
from backend.node.node import Node

_FOLDER = "/etc/network/interfaces"
_LINK_FOLDERS = ("/etc/systemd/network/", "/usr/local/lib/systemd/network/")
_HEADS = ("iface", "auto", "mapping", "source", "source-directory")
_PORTS = ("bridge-ports", "bridge_ports", "bond-slaves", "bond_slaves", "slaves", "ovs_bonds", "ovs_ports")
# systemd.net-naming-scheme(7): by bus (enp4s0f1np1); the kernel: by order (eth0). Slot, board and MAC are sure.
_BY_BUS = re.compile(r"(?:en|wl)(?:P\d+)?p\d+s\d+\w*|eth\d+")
_MAKES_INTERFACE = re.compile(r"bridge|bond|vlan|ovs|vxlan|tunnel|pre-up|link-type")  # options of interfaces(5)
_VIRTUAL = re.compile(r"(?:bond|vmbr|veth|tap|dummy|vxlan|wg|tun|fwpr|gre)\w*|.*[.:@*\[].*")


@dataclass(frozen=True, slots=True)
class Stanza:
    """``iface vmbr0 inet static`` and the options below it."""

    name: str
    method: str
    ports: tuple[str, ...]
    evidence: Evidence
    virtual: bool  # the stanza itself makes the interface: a bridge, bond, VLAN, tunnel


def stanzas(node: Node) -> tuple[Stanza, ...]:
    """Of /etc/network/interfaces and of the folder beside it (ifupdown2, interfaces(5))."""
    found: list[Stanza] = []
    for path, content in node.files.items():
        if path == _FOLDER or path.startswith(f"{_FOLDER}.d/"):
            found += _read(path, content.decode("utf-8", "replace"))
    return tuple(found)


def _read(path: str, text: str) -> Iterator[Stanza]:
    blocks: list[list[tuple[int, list[str]]]] = []
    for number, line in enumerate(text.splitlines(), 1):
        words = line.split()
        if not words or words[0].startswith("#"):
            continue
        if words[0] in _HEADS or words[0].startswith("allow-"):
            blocks.append([(number, words)])
        elif blocks:
            blocks[-1].append((number, words))
    for block in blocks:
        number, head = block[0]
        if head[0] == "iface" and len(head) > 1:
            port_lines = [(at, words) for at, words in block if words[0] in _PORTS]
            ports = tuple(port for _, words in port_lines for port in words[1:] if port != "none")
            at, shown = port_lines[0] if port_lines else (number, head)
            virtual = any(_MAKES_INTERFACE.match(words[0]) for _, words in block)
            evidence = Evidence(path, " ".join(shown), at)
            yield Stanza(head[1], head[3] if len(head) > 3 else "", ports, evidence, virtual)


@rule("nic-name-by-bus", Severity.WARNING, Subject.DEVICES)
def _by_bus(node: Node) -> Iterator[Told]:
    """A port of a bridge or bond, or an interface with an address, whose name follows the bus number, and that no
    .link file or udev rule holds fast."""
    seen = set()
    for stanza in stanzas(node):
        own = (stanza.name,) if stanza.method in ("static", "dhcp", "auto") else ()
        for port in (*own, *stanza.ports):
            address = node.interfaces.get(port)
            if address is None or port in seen or not _BY_BUS.fullmatch(port) or _is_pinned(node, port):
                continue
            seen.add(port)
            values = {"nic": port, "device": name_of(node.by_address[address]) if address in node.by_address else port}
            yield Told((stanza.evidence, Evidence(f"/sys/class/net/{port}", str(address))), address, values=values)


@rule("nic-name-gone", Severity.ERROR, Subject.DEVICES)
def _gone(node: Node) -> Iterator[Told]:
    """A bridge or bond with an address, or below one, none of whose ports is there."""
    if not node.interface_names:
        return
    everything = stanzas(node)
    made = {stanza.name for stanza in everything if stanza.virtual}
    addressed = _with_address(everything)
    for stanza in everything:
        there = [p for p in stanza.ports if p in node.interface_names or p in made or _VIRTUAL.fullmatch(p)]
        if stanza.ports and not there and stanza.name in addressed:
            gone = (Evidence(f"/sys/class/net/{port}", None) for port in stanza.ports)
            free = sorted(name for name in node.interfaces if not any(name in other.ports for other in everything))
            values = {"bridge": stanza.name, "nics": ", ".join(stanza.ports), "there": ", ".join(free) or "-"}
            yield Told((stanza.evidence, *gone), values=values)


def _with_address(everything: tuple[Stanza, ...]) -> frozenset[str]:
    """Names that have an address, or carry a bridge or bond, or a VLAN (``vmbr0.5``), that has one."""
    found = {stanza.name for stanza in everything if stanza.method in ("static", "dhcp", "auto")}
    found |= {name.partition(".")[0] for name in found}
    for stanza in everything:
        if stanza.name in found:
            found |= set(stanza.ports)
    return frozenset(found)


def _is_pinned(node: Node, name: str) -> bool:
    """systemd.link(5) with ``Name=``, or an old udev rule with ``NAME=``, that chooses by hardware address or path."""
    wanted = re.compile(rf'(?m)^\s*Name\s*=\s*{re.escape(name)}\s*$|NAME\s*:?=\s*"{re.escape(name)}"')
    for path, content in node.files.items():
        if path.startswith("/etc/udev/rules.d/") or (path.startswith(_LINK_FOLDERS) and path.endswith(".link")):
            text = content.decode("utf-8", "replace")
            if wanted.search(text) and re.search(r"(?i)mac ?address|ATTRS?\{address\}", text):
                return True
    return False


RULES = (_by_bus, _gone)
