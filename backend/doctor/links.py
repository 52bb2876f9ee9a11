"""PCI Express links: lanes and speed that are lost on the way, and errors on the wire."""

from __future__ import annotations

import re
from collections.abc import Iterator

from backend.doctor.finding import Severity, Subject, Told, rule
from backend.doctor.passed import attribute, heard, name_of
from backend.node.express import PortType
from backend.node.function import Function, Link
from backend.node.node import Node

_BUS_ERROR = re.compile(r"PCIe Bus Error: severity=Correct")  # drivers/pci/pcie/aer.c
FLOOD = 20  # of one boot; a link that trains badly once makes a few
_DISPLAY = 0x03
_ASLEEP = ("D3hot", "D3cold")


@rule("link-degraded-width", Severity.WARNING, Subject.DEVICES)
def _width(node: Node) -> Iterator[Told]:
    """Fewer lanes than both ends have. A card with more than its slot is as its maker meant it."""
    for port, function, above, link in _links(node):
        if link.width and link.max_width and above.max_width:
            possible = min(link.max_width, above.max_width)
            if link.width < possible:
                evidence = (
                    attribute(function, "current_link_width", link.width),
                    attribute(function, "max_link_width", link.max_width),
                    attribute(port, "max_link_width", above.max_width),
                )
                values = {"device": name_of(function), "now": str(link.width), "possible": str(possible)}
                yield Told(evidence, function.address, values=values)


@rule("link-degraded-speed", Severity.WARNING, Subject.DEVICES)
def _speed(node: Node) -> Iterator[Told]:
    """Never a GPU's, nor that of its own switch: at rest they slow down by themselves. A tunnel's end shows 2.5."""
    for port, function, above, link in _links(node):
        if link.speed is None or link.max_speed is None or above.max_speed is None or function.removable:
            continue
        possible = min(link.max_speed, above.max_speed)
        if link.speed < possible and function.power_state not in _ASLEEP and not _leads_to_display(node, function):
            evidence = (
                attribute(function, "current_link_speed", f"{link.speed} GT/s PCIe"),
                attribute(function, "max_link_speed", f"{link.max_speed} GT/s PCIe"),
                attribute(port, "max_link_speed", f"{above.max_speed} GT/s PCIe"),
            )
            values = {"device": name_of(function), "now": f"{link.speed:g}", "possible": f"{possible:g}"}
            yield Told(evidence, function.address, values=values)


@rule("aer-flood", Severity.WARNING, Subject.DEVICES)
def _flood(node: Node) -> Iterator[Told]:
    for address, name, lines in heard(node, _BUS_ERROR):
        if len(lines) >= FLOOD:
            yield Told((lines[0], lines[-1]), address, values={"device": name, "count": str(len(lines))})


def _links(node: Node) -> Iterator[tuple[Function, Function, Link, Link]]:
    """The port, the first function of what is plugged into it, and the link as each end tells it."""
    for function in node.functions:
        port = node.by_address.get(function.parent) if function.parent is not None else None
        first = function.address.function == 0 and function.physical_function is None
        if first and port is not None and _ends_link(port) and function.link is not None and port.link is not None:
            yield port, function, port.link, function.link


def _ends_link(port: Function) -> bool:
    """Below a switch's upstream port there is no link, but the inside of the switch. Where config space does not tell,
    only what is on a root bus is surely no such port."""
    kind = port.port_type
    return port.parent is None if kind is None else kind in (PortType.ROOT, PortType.DOWNSTREAM)


def _leads_to_display(node: Node, function: Function) -> bool:
    waiting = [f for f in node.children.get(function.parent, ()) if f.address.card == function.address.card]
    while waiting:
        found = waiting.pop()
        if found.base_class == _DISPLAY:
            return True
        waiting.extend(node.children.get(found.address, ()))
    return False


RULES = (_width, _speed, _flood)
