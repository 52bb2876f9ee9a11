"""How tests of rules build nodes and ask what one rule says of them."""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from types import MappingProxyType
from typing import Any

from backend.doctor.examine import RULES
from backend.doctor.finding import Told
from backend.node.address import PciAddress
from backend.node.evidence import Evidence
from backend.node.function import Function
from backend.node.node import Group, Node, Region, Use
from backend.snapshot.readers.guests import guest_uses, read_guest
from resources.doctor import sentences


@dataclass(frozen=True)
class Case:
    """A node of which the rule speaks once, and one, as near as it comes, of which it does not."""

    code: str
    yes: Node
    no: Node
    about: str = ""

    def __str__(self) -> str:
        return f"{self.code} {self.about}".rstrip()


def at(text: str) -> PciAddress:
    return PciAddress.parse(text if text.count(":") == 2 else f"0000:{text}")


def function(address: str, kind: int = 0x020000, **more: Any) -> Function:
    """``kind``: the class code. A parent may be given as text."""
    for name in ("parent", "physical_function"):
        if isinstance(more.get(name), str):
            more[name] = at(more[name])
    return Function(at(address), class_code=kind, **more)


def node(
    *functions: Function,
    guests: Mapping[int, str] | None = None,
    uses: Mapping[str, str] | None = None,
    log: str = "",
    files: Mapping[str, str] | None = None,
    reserved: Mapping[int, str] | None = None,
    **more: Any,
) -> Node:
    """``guests``: configuration by vmid; ``uses``: "kind chain..." by address; ``reserved``: region by group."""
    named = tuple(read_guest(vmid, text) for vmid, text in (guests or {}).items())
    groups = sorted({f.group for f in functions if f.group is not None})
    own = tuple(Use(at(a), text.split()[0], tuple(text.split()[1:])) for a, text in (uses or {}).items())
    found = Node(
        functions=tuple(sorted(functions, key=lambda f: f.address)),
        groups=tuple(
            Group(
                number,
                tuple(sorted(f.address for f in functions if f.group == number)),
                tuple(
                    Region(kind, 0x7B800000, 0x7BFFFFFF, Evidence(f"/sys/kernel/iommu_groups/{number}", kind, 1))
                    for group, kind in (reserved or {}).items()
                    if group == number
                ),
            )
            for number in groups
        ),
        guests=named,
        uses=own,
        log=tuple(Evidence("journalctl -k -b", line, n) for n, line in enumerate(log.splitlines(), 1)),
        files=MappingProxyType({path: text.encode() for path, text in (files or {}).items()}),
        **more,
    )
    return replace(found, uses=(*own, *guest_uses(found)))


def told(code: str, of: Node) -> list[Told]:
    return [found for rule in RULES if rule.code == code for found in rule.check(of)]


def check(case: Case) -> None:
    """Once and never; what it tells has evidence and fills its sentences."""
    (found,) = told(case.code, case.yes)
    assert found.evidence
    assert "{" not in "".join(vars_of(case.code, found))
    assert found.address is None or found.address in case.yes.by_address
    assert told(case.code, case.no) == []


def vars_of(code: str, found: Told) -> tuple[str, str, str]:
    texts = sentences()[code].filled(found.values)
    return texts.title, texts.means, texts.do


def cases() -> dict[str, Case]:
    """The first case of each rule's tests, by code."""
    found: dict[str, Case] = {}
    for path in sorted(Path(__file__).parent.glob("test_*_rules.py")):
        for value in vars(importlib.import_module(path.stem)).values():
            for case in value if isinstance(value, tuple) else ():
                if isinstance(case, Case):
                    found.setdefault(case.code, case)
    return found
