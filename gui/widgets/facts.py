"""What may be done with a function, and what it would cost."""

from __future__ import annotations

from dataclasses import dataclass

from PySide6.QtCore import QCoreApplication

from backend.node.address import PciAddress
from backend.node.blast_radius import Loss, blast_radius
from backend.node.function import Function
from backend.node.node import Node
from gui import words


@dataclass(frozen=True, slots=True)
class Verdict:
    """``tone``: "good", "warn", "bad" or "neutral" (a field of theme.Colours)."""

    tone: str
    icon: str
    title: str
    text: str


def verdict(node: Node, address: PciAddress) -> Verdict:
    function = node.by_address[address]
    if function.is_bridge:
        return Verdict(
            "neutral",
            "bridge",
            QCoreApplication.translate("facts", "Part of the machine"),
            QCoreApplication.translate("facts", "Bridges and ports stay with the host."),
        )
    radius = blast_radius(node, address)
    if radius.losses:
        return Verdict(
            "bad" if radius.verdict == "refused" else "warn",
            "warning",
            QCoreApplication.translate("facts", "The host would lose")
            if radius.verdict == "refused"
            else QCoreApplication.translate("facts", "Free to pass, at a cost"),
            "\n".join(loss_line(loss, is_expected=radius.is_expected) for loss in radius.losses),
        )
    others = [a for a in radius.dragged if not node.by_address[a].is_bridge]
    if others and radius.is_expected:
        return Verdict(
            "warn",
            "warning",
            QCoreApplication.translate("facts", "Not yet: the IOMMU is off"),
            QCoreApplication.translate("facts", "The host uses nothing of it. Expected to go with it: {names}.").format(
                names=words.names_of(node, others, 4)
            ),
        )
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
            QCoreApplication.translate("facts", "The host uses nothing of it. Nothing else is expected to go with it."),
        )
    return Verdict(
        "good",
        "check",
        QCoreApplication.translate("facts", "Free to pass"),
        QCoreApplication.translate("facts", "The host loses nothing that it uses."),
    )


def loss_line(loss: Loss, *, is_expected: bool = False) -> str:
    """ "03:00.0  eno1 → vmbr0 → carries this connection"."""
    line = f"{words.short_address(loss.use.address)}  {words.use_chain(loss.use)}"
    if is_expected and loss.via == "dragged":
        return QCoreApplication.translate("facts", "{loss} (to be expected once the IOMMU is on)").format(loss=line)
    if loss.is_spared:
        return QCoreApplication.translate("facts", "{loss} (goes on without it)").format(loss=line)
    return line


def refusal(function: Function) -> str | None:
    """Why this cannot be reserved, or None where it can."""
    if function.is_bridge:
        return QCoreApplication.translate("facts", "A bridge or port stays with the host.")
    if function.physical_function is not None:
        return QCoreApplication.translate(
            "facts", "A virtual function is given to guests by its physical function {address}."
        ).format(address=words.short_address(function.physical_function))
    return None
