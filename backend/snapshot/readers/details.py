"""A function while its lines are read, and what the lines below it mean: the details of ``lspci -v`` to ``-vvv``."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

from backend.node.address import PciAddress
from backend.node.express import Acs, PortType
from backend.node.function import Function, Link
from backend.snapshot.readers import config_space

IDS = re.compile(r"\[([0-9a-f]{4}):([0-9a-f]{4})\]")
BARE_IDS = re.compile(r"\b([0-9a-f]{4}):([0-9a-f]{4})\b")
_BUSES = re.compile(r"secondary=([0-9a-f]{2}), subordinate=([0-9a-f]{2})")
_SPEED = re.compile(r"Speed ([0-9.]+)GT/s")
_WIDTH = re.compile(r"Width x(\d+)")
_PLACE = re.compile(r"\[([0-9a-f]{2,3})(?: v\d+)?\] ")
_EXPRESS = re.compile(r"\] Express (?:\(v\d\) )?([A-Za-z/ -]+?)(?: \(Slot[+-]\))?(?:,| <|$)")
_NUMBER = re.compile(r"Number of VFs: (\d+)")
_PLACES = re.compile(r"(\d+), stride: (\d+)")
_PORT_TYPES = {  # lspci's words (cap_express in pciutils' ls-caps.c)
    "Endpoint": PortType.ENDPOINT,
    "Legacy Endpoint": PortType.LEGACY_ENDPOINT,
    "Root Port": PortType.ROOT,
    "Upstream Port": PortType.UPSTREAM,
    "Downstream Port": PortType.DOWNSTREAM,
    "PCI-Express to PCI/PCI-X Bridge": PortType.PCIE_TO_PCI,
    "PCI/PCI-X to PCI-Express Bridge": PortType.PCI_TO_PCIE,
    "Root Complex Integrated Endpoint": PortType.INTEGRATED,
    "Root Complex Event Collector": PortType.EVENT_COLLECTOR,
}


@dataclass
class Draft:
    """A function while its lines are read."""

    address: PciAddress
    known: dict[str, Any] = field(default_factory=dict)
    config: bytearray = field(default_factory=bytearray)
    speeds: dict[str, Any] = field(default_factory=dict)
    acs: dict[str, int] = field(default_factory=dict)
    listed: bool = False  # its capabilities are
    extended: bool = False  # and there are extended ones among them
    virtual: dict[str, int] = field(default_factory=dict)

    def note(self, **values: Any) -> None:
        """Keep the first statement of each; None states nothing."""
        for key, value in values.items():
            if value is not None:
                self.known.setdefault(key, value)

    def function(self, with_extended: bool) -> Function:
        """`with_extended`: whoever made the listing could read extended capabilities."""
        config = bytes(self.config)
        buses = config_space.buses(config)
        values = config_space.ids(config) | self.known
        if "class_code" in values and config_space.header_type(config) is not None:
            values["class_code"] = config_space.ids(config)["class_code"]
        if buses is not None:
            values |= {"secondary_bus": buses[0], "subordinate_bus": buses[1]}
        values.setdefault("serial", config_space.serial(config))
        told = values.get("port_type")
        values["port_type"] = config_space.port_type(config) if told is None else told
        values["acs"] = config_space.acs(config) or self._acs()
        values["multifunction"] = config_space.multifunction(config)
        values["capabilities_known"] = config_space.is_whole(config) or (
            self.listed and (told is None or with_extended)
        )
        if self.speeds:
            get = self.speeds.get
            values["link"] = Link(get("speed"), get("width"), get("max_speed"), get("max_width"))
        return Function(address=self.address, config=config, **values)

    def virtual_functions(self) -> Iterator[PciAddress]:
        """Where its virtual functions are, if they are on."""
        told = config_space.virtual_functions(bytes(self.config))
        if told is None and len(self.virtual) == 3:
            told = self.virtual["number"], self.virtual["offset"], self.virtual["stride"]
        number, offset, stride = told or (0, 0, 0)
        at = self.address
        first = (at.bus << 8 | at.device << 3 | at.function) + offset
        for id_ in range(first, min(first + number * stride, 0x10000), stride or 1):
            yield PciAddress(at.domain, id_ >> 8, id_ >> 3 & 0x1F, id_ & 7)

    def _acs(self) -> Acs | None:
        """``lspci -v`` names the capability alone; ``-vv`` shows the registers, one of them in the wrong place."""
        wide = config_space.has_wide_acs(self.known.get("vendor"), self.known.get("device"))
        control = None if wide else self.acs.get("ACSCtl")
        return Acs(self.acs.get("ACSCap"), control) if self.acs else None


def integer(text: str, base: int) -> int | None:
    try:
        return int(text, base)
    except ValueError:
        return None


def _subsystem(draft: Draft, value: str) -> None:
    ids = IDS.findall(value) or BARE_IDS.findall(value)
    if ids:
        draft.note(subsystem_vendor=int(ids[-1][0], 16), subsystem_device=int(ids[-1][1], 16))


def _buses(draft: Draft, value: str) -> None:
    match = _BUSES.search(value)
    if match is not None and int(match[1], 16):
        draft.note(secondary_bus=int(match[1], 16), subordinate_bus=int(match[2], 16))


def _speeds(prefix: str) -> Callable[[Draft, str], None]:
    def read(draft: Draft, value: str) -> None:
        speed, width = _SPEED.search(value), _WIDTH.search(value)
        if speed:
            draft.speeds.setdefault(f"{prefix}speed", float(speed[1]))
        if width:
            draft.speeds.setdefault(f"{prefix}width", int(width[1]))

    return read


def _capability(draft: Draft, value: str) -> None:
    """``[40] Express (v2) Root Port (Slot+), MSI 00``, ``[148 v1] Access Control Services``, ``<access denied>``."""
    place = _PLACE.match(value)
    if place is None:
        return
    draft.listed = True
    draft.extended |= len(place[1]) == 3
    match = _EXPRESS.search(value)
    if match is not None:
        draft.note(port_type=_PORT_TYPES.get(match[1]))
    if "Access Control Services" in value:
        draft.acs.setdefault("named", 0)


def _status(draft: Draft, value: str) -> None:
    draft.listed |= value.startswith("Cap-")


def _acs(register: str) -> Callable[[Draft, str], None]:
    """``SrcValid+ TransBlk- ReqRedir+ CmpltRedir+ UpstreamFwd+ EgressCtrl- DirectTrans-``: bits 0 to 6."""

    def read(draft: Draft, value: str) -> None:
        draft.acs[register] = sum(word.endswith("+") << bit for bit, word in enumerate(value.split()[:7]))

    return read


def _virtual(draft: Draft, value: str) -> None:
    """``Initial VFs: 64, Total VFs: 64, Number of VFs: 2, ...`` and ``VF offset: 128, stride: 2, Device ID: 10ed``."""
    if number := _NUMBER.search(value):
        draft.virtual["number"] = int(number[1])
    if places := _PLACES.match(value):
        draft.virtual |= {"offset": int(places[1]), "stride": int(places[2])}


DETAILS: MappingProxyType[str, Callable[[Draft, str], None]] = MappingProxyType(
    {
        "Subsystem": _subsystem,
        "Kernel driver in use": lambda draft, value: draft.note(driver=value or None),
        "Kernel modules": lambda draft, value: draft.note(modules=tuple(value.replace(",", " ").split())),
        "DeviceName": lambda draft, value: draft.note(label=value or None),
        "Physical Slot": lambda draft, value: draft.note(slot=value or None),
        "NUMA node": lambda draft, value: draft.note(numa_node=integer(value, 10)),
        "IOMMU group": lambda draft, value: draft.note(group=integer(value, 10)),
        "Bus": _buses,
        "Status": _status,
        "Capabilities": _capability,
        "ACSCap": _acs("ACSCap"),
        "ACSCtl": _acs("ACSCtl"),
        "Initial VFs": _virtual,
        "VF offset": _virtual,
        "LnkCap": _speeds("max_"),
        "LnkSta": _speeds(""),
    }
)
