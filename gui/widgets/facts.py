"""What may be done with a function, and what it would cost."""

from __future__ import annotations

from dataclasses import dataclass

from PySide6.QtCore import QCoreApplication

from backend.node.address import PciAddress
from backend.node.function import Function
from backend.node.node import Node, Use
from gui import words


@dataclass(frozen=True, slots=True)
class Verdict:
    """``tone``: "good", "warn", "bad" or "neutral" (a field of theme.Colours)."""

    tone: str
    icon: str
    title: str
    text: str


def leaving(node: Node, address: PciAddress) -> tuple[Function, ...]:
    """What goes with `address` when it is passed: its card and the card's group mates, no bridges."""
    found: dict[PciAddress, Function] = {}
    for function in node.card(address) or (node.by_address[address],):
        for each in (function, *node.mates(function.address)):
            if not each.is_bridge:
                found[each.address] = each
    return tuple(found[a] for a in sorted(found))


def losses(node: Node, address: PciAddress) -> tuple[Use, ...]:
    """What the host does with all that would leave it with `address`; what a guest does is no loss."""
    return tuple(use for f in leaving(node, address) for use in node.uses_of.get(f.address, ()) if use.kind != "guest")


def verdict(node: Node, address: PciAddress) -> Verdict:
    function = node.by_address[address]
    if function.is_bridge:
        return Verdict(
            "neutral",
            "bridge",
            QCoreApplication.translate("facts", "Part of the machine"),
            QCoreApplication.translate("facts", "Bridges and ports stay with the host."),
        )
    going = leaving(node, address)
    lost = losses(node, address)
    grave = [use for use in lost if use.kind in words.GRAVE_USES]
    if lost:
        lines = "\n".join(f"{words.short_address(use.address)}  {words.use_chain(use)}" for use in lost)
        return Verdict(
            "bad" if grave else "warn",
            "warning",
            QCoreApplication.translate("facts", "The host would lose"),
            lines,
        )
    others = [f.address for f in going if f.address.card != address.card]
    if others:
        return Verdict(
            "warn",
            "warning",
            QCoreApplication.translate("facts", "Free to pass, but not alone"),
            QCoreApplication.translate("facts", "{names} would leave the host with it; nothing that it uses.").format(
                names=words.names_of(node, others, 4)
            ),
        )
    if node.iommu.active is False:
        return Verdict(
            "warn",
            "warning",
            QCoreApplication.translate("facts", "Not yet: the IOMMU is off"),
            QCoreApplication.translate(
                "facts", "The host uses nothing of it. What goes with it shows once the IOMMU is on."
            ),
        )
    return Verdict(
        "good",
        "check",
        QCoreApplication.translate("facts", "Free to pass"),
        QCoreApplication.translate("facts", "The host loses nothing that it uses."),
    )


def refusal(function: Function) -> str | None:
    """Why this cannot be reserved, or None where it can."""
    if function.is_bridge:
        return QCoreApplication.translate("facts", "A bridge or port stays with the host.")
    if function.physical_function is not None:
        return QCoreApplication.translate(
            "facts", "A virtual function is given to guests by its physical function {address}."
        ).format(address=words.short_address(function.physical_function))
    return None
