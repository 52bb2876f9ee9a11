"""Rules of interface names: each once where it belongs, and silent beside it."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

import pytest
from rule_cases import Case, at, check, function, node, told

from backend.node.node import Node

NIC = function("04:00.0", driver="igb")
BRIDGE = """auto lo
iface lo inet loopback

iface {0} inet manual

auto vmbr0
iface vmbr0 inet static
	address 10.0.0.1/24
	bridge-ports {0}
"""
BOND = """iface bond0 inet manual
	bond-slaves {0}

iface vmbr0 inet dhcp
	bridge-ports bond0
"""
VLAN = """iface vmbr0 inet manual
	bridge-ports {0}
	bridge-vlan-aware yes

iface vmbr0.5 inet static
	address 10.0.0.1/24
"""
PIN = "[Match]\nMACAddress=02:00:00:00:00:01\n\n[Link]\nName={0}\n"


def there(text: str, name: str, files: Mapping[str, str] | None = None) -> Node:
    """A node that has the one NIC under `name`, and `text` as its /etc/network/interfaces."""
    return node(
        NIC,
        files={"/etc/network/interfaces": text} | dict(files or {}),
        interfaces=MappingProxyType({name: at("04:00.0")}),
        interface_names=frozenset(("lo", "vmbr0", name)),
    )


def pinned(folder: str, name: str, text: str = PIN) -> Node:
    return there(BRIDGE.format(name), name, {f"{folder}/10-{name}.link": text.format(name)})


CASES = (
    Case("nic-name-by-bus", there(BRIDGE.format("enp4s0"), "enp4s0"), there(BRIDGE.format("eno1"), "eno1")),
    Case(
        "nic-name-by-bus",
        there(BRIDGE.format("enp4s0f1np1"), "enp4s0f1np1"),
        pinned("/etc/systemd/network", "enp4s0f1np1"),
        "pinned",
    ),
    Case(
        "nic-name-by-bus",
        pinned("/etc/systemd/network", "eth0", "[Match]\nMACAddress=02:00:00:00:00:01\n[Link]\nMTUBytes=9000\n"),
        pinned("/usr/local/lib/systemd/network", "eth0"),
        "a file that pins nothing, and PVE's own",
    ),
    Case("nic-name-by-bus", there(BOND.format("enp4s0"), "enp4s0"), there(BRIDGE.format("nic0"), "nic0"), "bond"),
    Case(
        "nic-name-by-bus",
        there("iface enP1p4s0 inet dhcp\n", "enP1p4s0"),
        there("iface enp4s0 inet manual\n", "enp4s0"),
        "not in use",
    ),
    Case("nic-name-gone", there(BRIDGE.format("enp4s0"), "enp5s0"), there(BRIDGE.format("enp5s0"), "enp5s0")),
    Case(
        "nic-name-gone",
        there(BRIDGE.format("enp4s0 enp6s0"), "enp5s0"),
        there(BRIDGE.format("enp4s0 enp5s0"), "enp5s0"),
        "one is left",
    ),
    Case("nic-name-gone", there(BOND.format("enp4s0"), "enp5s0"), there(BOND.format("enp5s0"), "enp5s0"), "bond"),
    Case("nic-name-gone", there(VLAN.format("enp4s0"), "enp5s0"), there(VLAN.format("none"), "enp5s0"), "VLAN"),
    Case(
        "nic-name-gone",
        there(BRIDGE.format("enp4s0"), "enp5s0"),
        there("iface vmbr1 inet manual\n\tbridge-ports enp4s0\n", "enp5s0"),
        "no address",
    ),
    Case(
        "nic-name-gone",
        there(BRIDGE.format("enp4s0"), "enp5s0"),
        node(files={"/etc/network/interfaces": BRIDGE.format("enp4s0")}),
        "nothing known",
    ),
)


@pytest.mark.parametrize("case", CASES, ids=str)
def test_once_and_never(case: Case) -> None:
    check(case)


def test_the_line_and_the_new_name_are_told() -> None:
    (found,) = told("nic-name-gone", there(BRIDGE.format("enp4s0"), "enp5s0"))
    assert str(found.evidence[0]) == "/etc/network/interfaces:9: bridge-ports enp4s0"
    assert (found.values["nics"], found.values["there"]) == ("enp4s0", "enp5s0")
