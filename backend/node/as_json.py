"""A node as JSON: what ``lanewright-cli show --json`` prints, documented in docs/cli.md."""

from __future__ import annotations

from typing import Any

from backend.node.address import PciAddress
from backend.node.function import Function
from backend.node.node import Node

SCHEMA = "lanewright/node/1"


def node_json(node: Node) -> dict[str, Any]:
    """Schema lanewright/node/1: addresses ``0000:01:00.0``, ids four hex digits, class six, absent null.

    Config space and file contents are left out. Further keys may be added without a new schema number.
    """
    return {
        "schema": SCHEMA,
        "hostname": node.hostname,
        "kernel": node.kernel,
        "cmdline": node.cmdline,
        "iommu": {
            "active": node.iommu.active,
            "vendor": node.iommu.vendor,
            "interrupt_remapping": node.iommu.interrupt_remapping,
            "firmware_table": node.iommu.firmware_table,
            "default_on": node.iommu.default_on,
        },
        "functions": [_function(node, function) for function in node.functions],
        "groups": [{"id": group.id, "functions": [str(a) for a in group.functions]} for group in node.groups],
        "slots": [
            {"name": s.name, "address": s.address, "occupied": s.occupied, "description": s.description}
            for s in node.slots
        ],
        "boot": {
            "loader": node.boot.loader,
            "firmware": node.boot.firmware,
            "secure_boot": node.boot.secure_boot,
            "managed_esps": node.boot.managed_esps,
            "reason": node.boot.reason,
            "evidence": list(node.boot.evidence),
        },
        "boot_id": node.boot_id,
        "pve_version": node.pve_version,
        "firmware": node.firmware,
        "taken": node.taken,
        "guests": [
            {"vmid": g.vmid, "name": g.name, "onboot": g.onboot, "running": g.running, "hostpci": dict(g.hostpci)}
            for g in node.guests
        ],
        "interfaces": {name: str(address) for name, address in node.interfaces.items()},
        "modules": list(node.modules),
        "problems": list(node.problems),
    }


def _function(node: Node, f: Function) -> dict[str, Any]:
    return {
        "address": str(f.address),
        "class": _hex(f.class_code, 6),
        "vendor": _hex(f.vendor, 4),
        "device": _hex(f.device, 4),
        "subsystem_vendor": _hex(f.subsystem_vendor, 4),
        "subsystem_device": _hex(f.subsystem_device, 4),
        "revision": _hex(f.revision, 2),
        "driver": f.driver,
        "group": f.group,
        "parent": _address(f.parent),
        "slot": f.slot,
        "class_name": f.class_name,
        "vendor_name": f.vendor_name,
        "device_name": f.device_name,
        "modules": list(f.modules),
        "driver_override": f.driver_override,
        "numa_node": f.numa_node,
        "link": None
        if f.link is None
        else {
            "speed": f.link.speed,
            "width": f.link.width,
            "max_speed": f.link.max_speed,
            "max_width": f.link.max_width,
        },
        "bars": [{"index": b.index, "start": b.start, "size": b.size, "flags": b.flags} for b in f.bars],
        "reset_methods": None if f.reset_methods is None else list(f.reset_methods),
        "label": f.label,
        "boot_vga": f.boot_vga,
        "power_state": f.power_state,
        "d3cold_allowed": f.d3cold_allowed,
        "enabled": f.enabled,
        "sriov": None if f.sriov_total is None else {"total": f.sriov_total, "vfs": f.sriov_vfs},
        "physical_function": _address(f.physical_function),
        "secondary_bus": f.secondary_bus,
        "subordinate_bus": f.subordinate_bus,
        "serial": f.serial,
        "uses": [{"kind": use.kind, "chain": list(use.chain)} for use in node.uses_of.get(f.address, ())],
    }


def _hex(number: int | None, digits: int) -> str | None:
    return None if number is None else f"{number:0{digits}x}"


def _address(address: PciAddress | None) -> str | None:
    return None if address is None else str(address)
