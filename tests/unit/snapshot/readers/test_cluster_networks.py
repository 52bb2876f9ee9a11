"""Corosync's links and Ceph's networks, down to the functions that carry them."""

from __future__ import annotations

import pytest
from hand_made import World, at, uses

from backend.node.blast_radius import blast_radius
from backend.node.need import Need
from backend.node.node import Node

COROSYNC = """\
logging {
  to_syslog: yes
}
nodelist {
  node {
    name: pve2
    nodeid: 2
    ring0_addr: 192.0.2.12
    ring1_addr: 198.51.100.12
  }
  node {
    name: pve1
    nodeid: 1
    ring0_addr: %s
    ring1_addr: 198.51.100.11
  }
}
totem {
  interface {
    linknumber: 0
  }
}
"""


@pytest.fixture
def world() -> World:
    world = World()
    for short, name in (("01:00.0", "eno1"), ("02:00.0", "eno2"), ("03:00.0", "eno3")):
        world.net(name, world.device(short, "", "0x020000", int(short[1])), master="vmbr0" if name == "eno1" else None)
    world.net("vmbr0")
    world.addresses(vmbr0="192.0.2.11", eno2="198.51.100.11", eno3="2001:db8::11")
    return world


def kinds(node: Node, short: str, kind: str) -> set[tuple[str, ...]]:
    return {chain for found, chain in uses(node, short) if found == kind}


@pytest.mark.parametrize("path", ["/etc/corosync/corosync.conf", "/etc/pve/corosync.conf"])
def test_one_of_two_links_is_enough(world: World, path: str) -> None:
    world.files[path] = (COROSYNC % "192.0.2.11").encode()
    node = world.node()
    assert kinds(node, "01:00.0", "corosync") == {("eno1", "vmbr0", "link 0")}
    assert kinds(node, "02:00.0", "corosync") == {("eno2", "link 1")}
    assert kinds(node, "03:00.0", "corosync") == set()
    (loss,) = (x for x in blast_radius(node, at("02:00.0")).losses if x.use.kind == "corosync")
    assert (loss.is_spared, loss.refuses) == (True, False)


def test_the_only_link_refuses(world: World) -> None:
    world.files["/etc/pve/corosync.conf"] = (COROSYNC % "203.0.113.1").encode()
    (loss,) = (x for x in blast_radius(world.node(), at("02:00.0")).losses if x.use.kind == "corosync")
    assert (loss.use.chain, loss.refuses) == (("eno2", "link 1"), True)


def test_the_file_that_runs_counts_before_the_clusters(world: World) -> None:
    world.files["/etc/corosync/corosync.conf"] = (COROSYNC % "192.0.2.11").encode()
    world.files["/etc/pve/corosync.conf"] = b"nodelist {\n node {\n ring0_addr: 198.51.100.11\n }\n}\n"
    assert kinds(world.node(), "02:00.0", "corosync") == {("eno2", "link 1")}


def test_a_link_by_name(world: World) -> None:
    world.files["/etc/pve/corosync.conf"] = (COROSYNC % "pve1").encode()
    assert kinds(world.node(), "01:00.0", "corosync") == set()
    world.files["/etc/hosts"] = b"127.0.0.1 localhost\n192.0.2.11 pve1.example.org pve1 # own\n203.0.113.9 pve1\n"
    assert kinds(world.node(), "01:00.0", "corosync") == {("eno1", "vmbr0", "link 0")}


@pytest.mark.parametrize(
    ("line", "address", "chain"),
    [
        ("\tpublic_network = 192.0.2.0/24", "01:00.0", ("eno1", "vmbr0", "public_network")),
        ("\tpublic network = 192.0.2.11/24", "01:00.0", ("eno1", "vmbr0", "public_network")),
        ("\tcluster-network = 203.0.113.0/24, 198.51.100.0/24", "02:00.0", ("eno2", "cluster_network")),
        ("\tcluster_network = 2001:db8::/64", "03:00.0", ("eno3", "cluster_network")),
        ("\tmon_host = 192.0.2.12 198.51.100.11:6789", "02:00.0", ("eno2", "mon_host")),
        ("\tmon_host = [v2:192.0.2.11:3300/0,v1:192.0.2.11:6789/0]", "01:00.0", ("eno1", "vmbr0", "mon_host")),
        ("\tmon_host = [v2:[2001:db8::11]:3300/0]", "03:00.0", ("eno3", "mon_host")),
        ("[mon.pve1]\n\tpublic_addr = 198.51.100.11", "02:00.0", ("eno2", "public_addr")),
    ],
)
def test_networks_of_ceph(world: World, line: str, address: str, chain: tuple[str, ...]) -> None:
    world.files["/etc/pve/ceph.conf"] = f"[global]\n\tfsid = 1\n{line}\n".encode()
    node = world.node()
    told = {(short, c) for short in ("01:00.0", "02:00.0", "03:00.0") for c in kinds(node, short, "ceph")}
    assert told == {(address, chain)}
    assert blast_radius(node, at(address)).verdict == "refused"


@pytest.mark.parametrize(
    "line",
    ["\t# public_network = 192.0.2.0/24", "\tpublic_network = 203.0.113.0/24", "\tpublic_network = word", "mon_host ="],
)
def test_other_networks_of_ceph(world: World, line: str) -> None:
    world.files["/etc/pve/ceph.conf"] = f"[global]\n{line}\n".encode()
    assert not any(use.kind == "ceph" for use in world.node().uses)


def test_links_on_one_interface_need_it(world: World) -> None:
    world.addresses(eno2="198.51.100.11")
    world.files["/etc/pve/corosync.conf"] = (COROSYNC % "198.51.100.11").encode()
    found = [use for use in world.node().uses if use.kind == "corosync"]
    assert [use.chain[-1] for use in found] == ["link 0", "link 1"]
    assert all(use.need is not None and not use.need.met_without({at("02:00.0")}) for use in found)
    assert Need.of_one([]).met_without(()) is False
