"""The cluster's API: fakepve, and what it lacks of state: the nodes' PCI devices, mappings, and reboot."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping
from typing import Any

from fakepve import FakePve, PveError  # type: ignore[import-untyped]

from backend.demo.machines.parts import VENDOR_NAMES, Part
from backend.demo.world import World
from backend.node.hostpci import refusal


class DemoPve(FakePve):  # type: ignore[misc]
    """fakepve over `worlds`. `reboot` is called with a node's name; it must return at once, as PVE does."""

    def __init__(self, worlds: Mapping[str, World], password: str, host: str, reboot: Callable[[str], None]) -> None:
        super().__init__(password=password, host=host, port=0)
        self.cluster_name = "demo"
        self._worlds = worlds
        self._reboot = reboot
        self._mappings: dict[str, dict[str, Any]] = {}
        self.nodes = {name: {"online": True} for name in worlds}
        for name, world in worlds.items():
            for vmid, text in world.machine.guests.items():
                config = dict(line.split(": ", 1) for line in text.splitlines())
                self.add_vm(vmid, config["name"], node=name, config=config)

    def _verify(self, request: Any, values: dict[str, Any], drop: tuple[str, ...] = ()) -> Any:
        checked = super()._verify(request, values, drop)
        errors = {
            key: text
            for key, value in values.items()
            if key.startswith("hostpci") and key[7:].isdigit() and (text := refusal(key, str(value)))
        }
        if errors:
            raise PveError(400, "Parameter verification failed.", errors)
        return checked

    async def synthesise(self, match: Any, method: str, info: Any, user: str | None, values: dict[str, Any]) -> Any:
        """Called for what fakepve keeps no state of, after it has checked parameters and permissions."""
        match method, match.template:
            case "GET", "/nodes/{node}/hardware/pci":
                return self._hardware(values)
            case "POST", "/nodes/{node}/status" if values.get("command") == "reboot":
                self._reboot(values["node"])
                return None
            case "GET", "/cluster/mapping/pci":
                return [self._mapping(name) for name in sorted(self._mappings)]
            case "POST", "/cluster/mapping/pci":
                name = values["id"]
                if name in self._mappings:
                    raise PveError(500, f"pci ID '{name}' already defined")
                self._mappings[name] = _stored(values)
                return None
            case "GET", "/cluster/mapping/pci/{id}":
                return self._mapping(values["id"])
            case "PUT", "/cluster/mapping/pci/{id}":
                self._change_mapping(values)
                return None
            case "DELETE", "/cluster/mapping/pci/{id}":
                self._mappings.pop(values["id"], None)
                return None
        return await super().synthesise(match, method, info, user, values)

    def _hardware(self, values: dict[str, Any]) -> list[dict[str, Any]]:
        hidden = str(values.get("pci-class-blacklist", "05;06;0b")).replace(",", ";").split(";")
        world = self._worlds[values["node"]]
        verbose = str(values.get("verbose", 1)) not in ("0", "False")
        return [
            _device(part, world.boot.iommu, verbose)
            for part in sorted(world.machine.parts, key=lambda part: part.at)
            if f"{part.class_code >> 16:02x}" not in hidden
        ]

    def _mapping(self, name: str) -> dict[str, Any]:
        if name not in self._mappings:
            raise PveError(500, f"mapping '{name}' not found")
        return {"id": name, **self._mappings[name], "digest": self._digest(), "type": "pci"}

    def _digest(self) -> str:
        """Of the one file that holds all mappings, as PVE's is."""
        return hashlib.sha1(json.dumps(self._mappings, sort_keys=True).encode(), usedforsecurity=False).hexdigest()

    def _change_mapping(self, values: dict[str, Any]) -> None:
        name = values["id"]
        if values.get("digest") not in (None, self._digest()):
            raise PveError(
                500,
                "update hardware mapping failed: detected modified configuration - file changed by "
                "other user? Try again.",
            )
        if name not in self._mappings:
            raise PveError(500, f"mapping '{name}' does not exist")
        self._mappings[name].update(_stored(values))
        for key in str(values.get("delete", "")).replace(";", ",").split(","):
            self._mappings[name].pop(key, None)


def _stored(values: dict[str, Any]) -> dict[str, Any]:
    kept = {key: value for key, value in values.items() if key not in ("id", "digest", "delete")}
    if isinstance(kept.get("map"), str):
        kept["map"] = [kept["map"]]
    return kept


def _device(part: Part, iommu: bool, verbose: bool) -> dict[str, Any]:
    """PVE::SysFSTools::lspci's entry."""
    found: dict[str, Any] = {
        "id": part.at,
        "class": f"0x{part.class_code:06x}",
        "vendor": f"0x{part.vendor:04x}",
        "device": f"0x{part.device:04x}",
        "iommugroup": part.group if iommu and part.group is not None else -1,
    }
    if verbose:
        found |= {"vendor_name": VENDOR_NAMES[part.vendor], "device_name": part.name}
        if part.subsystem:
            vendor, device = part.subsystem.split(":")
            found |= {"subsystem_vendor": f"0x{vendor}", "subsystem_device": f"0x{device}"}
            if int(vendor, 16) in VENDOR_NAMES:
                found["subsystem_vendor_name"] = VENDOR_NAMES[int(vendor, 16)]
    return found
