"""Pieces of snapshots made by hand, as the kernel lays them out."""

from __future__ import annotations

import json

from backend.node.address import PciAddress
from backend.node.node import Node
from backend.snapshot.readers import read_node
from backend.snapshot.snapshot import CommandOutput, Snapshot

ROOT = "/sys/devices/pci0000:00"


class World:
    """Makes the pieces of a snapshot as the kernel lays them out."""

    def __init__(self) -> None:
        self.files: dict[str, bytes] = {}
        self.links: dict[str, str] = {}
        self.commands: dict[tuple[str, ...], CommandOutput] = {}
        self.directories = {"/sys/class/iommu", "/sys/kernel/iommu_groups"}

    def device(self, short: str, folder: str, class_: str, group: int | None = None, **attributes: str) -> str:
        address = f"0000:{short}"
        real = f"{ROOT}/{folder}".rstrip("/") + f"/{address}"
        up = "../" * (real.count("/") - 1)
        self.links[f"/sys/bus/pci/devices/{address}"] = f"../../../{real[5:]}"
        if group is not None:
            self.links[f"{real}/iommu_group"] = f"{up}kernel/iommu_groups/{group}"
            self.links[f"/sys/kernel/iommu_groups/{group}/devices/{address}"] = f"../../../../{real[5:]}"
        if driver := attributes.pop("driver", None):
            self.links[f"{real}/driver"] = f"{up}bus/pci/drivers/{driver}"
        for name, value in {"class": class_, "vendor": "0x8086", "device": "0x1901", **attributes}.items():
            self.files[f"{real}/{name}"] = value.encode() + b"\n"
        return real

    def block(self, name: str, below: str, slaves: tuple[str, ...] = (), dm: str | None = None) -> str:
        real = f"{below}/{name}"
        self.links[f"/sys/class/block/{name}"] = f"../../{real[5:]}"
        for slave in slaves:
            self.links[f"{real}/slaves/{slave}"] = f"../../{slave}"
        if dm:
            self.files[f"{real}/dm/name"] = dm.encode() + b"\n"
        self.files[f"{real}/size"] = b"1\n"
        return real

    def net(
        self, name: str, below: str = "/sys/devices/virtual", master: str | None = None, on: str | None = None
    ) -> None:
        real = f"{below}/net/{name}"
        self.links[f"/sys/class/net/{name}"] = f"../../{real[5:]}"
        self.files[f"{real}/operstate"] = b"up\n"
        if master:
            self.links[f"{real}/master"] = f"/sys/devices/virtual/net/{master}"
        if on:
            self.links[f"{real}/lower_{on}"] = f"/sys/class/net/{on}"

    def says(self, *argv: str, stdout: object) -> None:
        text = stdout if isinstance(stdout, str) else json.dumps(stdout)
        self.commands[argv] = CommandOutput(0, text.encode(), b"")

    def addresses(self, **by_name: str) -> None:
        infos = [{"ifname": name, "addr_info": [{"local": ip, "scope": "global"}]} for name, ip in by_name.items()]
        self.says("ip", "-j", "addr", stdout=infos)

    def node(self) -> Node:
        return read_node(
            Snapshot(self.files, self.links, self.commands, directories=frozenset(self.directories), taken="T")
        )


def at(short: str) -> PciAddress:
    return PciAddress.parse(short)


def uses(node: Node, short: str) -> set[tuple[str, tuple[str, ...]]]:
    return {(use.kind, use.chain) for use in node.uses_of.get(at(short), ())}
