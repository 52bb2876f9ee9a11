"""Machines in a few words, for tests of grouping."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from backend.node.acs import REQUIRED, Override
from backend.node.address import PciAddress
from backend.node.express import Acs, PortType
from backend.node.function import Function
from backend.node.grouping import Predicted, predict
from backend.node.node import Iommu, Node

ON = Acs(REQUIRED, REQUIRED)  # all that isolation takes, and turned on
OFF = Acs(REQUIRED, 0)


def at(text: str) -> PciAddress:
    return PciAddress.parse(text)


def function(address: str, kind: PortType | None = None, **more: Any) -> Function:
    """A device of which everything is known; `kind` None is conventional PCI. Addresses may be given as text."""
    for name in ("parent", "physical_function"):
        if isinstance(more.get(name), str):
            more[name] = at(more[name])
    known = {"vendor": 0x1234, "device": 0x0001, "class_code": 0x020000, "port_type": kind}
    known |= {"multifunction": False, "capabilities_known": True}
    return Function(at(address), **(known | more))


def bridge(address: str, kind: PortType | None, **more: Any) -> Function:
    return function(address, kind, **({"class_code": 0x060400} | more))


def endpoint(address: str, parent: str, **more: Any) -> Function:
    return function(address, PortType.ENDPOINT, parent=parent, **more)


def pair(first: Function, second: Function) -> tuple[Function, Function]:
    """Two functions of one device."""
    return replace(first, multifunction=True), replace(second, multifunction=True)


def node(*functions: Function, active: bool | None = None, **more: Any) -> Node:
    """Where the IOMMU is active every function has a group, of whatever number."""
    if active:
        functions = tuple(replace(f, group=0) for f in functions)
    return Node(
        functions=tuple(sorted(functions, key=lambda f: f.address)),
        **({"iommu": Iommu(active=active)} | more),
    )


def sets(groups: tuple[Predicted, ...]) -> set[str]:
    """Each group as "0000:00:01.0 0000:01:00.0", with a question mark where it is not certain."""
    return {" ".join(str(a).removeprefix("0000:") for a in g.functions) + " ?" * (not g.certain) for g in groups}


def grouped(
    *functions: Function, active: bool | None = None, override: Override | None = None, **more: Any
) -> set[str]:
    return sets(predict(node(*functions, active=active, **more), override))
