"""What the inspector says of a function: plain values, so that it can be shown, copied and tested alike."""

from __future__ import annotations

from dataclasses import dataclass

from PySide6.QtCore import QCoreApplication

from backend.node.address import PciAddress
from backend.node.function import Function
from backend.node.node import Node, Use
from gui import words


@dataclass(frozen=True, slots=True)
class Fact:
    label: str
    value: str
    fixed: bool = False  # ids and the like, shown in a fixed-width font


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


def facts(node: Node, address: PciAddress) -> tuple[Fact, ...]:
    """All that is known, in a fixed order; what the snapshot does not tell is left out."""
    f = node.by_address[address]
    found: list[Fact] = [
        Fact(QCoreApplication.translate("facts", "Kind"), words.class_word(f)),
        Fact(QCoreApplication.translate("facts", "Address"), str(address), fixed=True),
    ]

    def add(label: str, value: str | None, *, fixed: bool = False) -> None:
        if value:
            found.append(Fact(label, value, fixed))

    add(QCoreApplication.translate("facts", "Slot"), f.slot)
    add(QCoreApplication.translate("facts", "Label"), f.label)
    add(QCoreApplication.translate("facts", "Ids"), f.ids, fixed=True)
    if f.subsystem_vendor is not None and f.subsystem_device is not None:
        add(
            QCoreApplication.translate("facts", "Subsystem"),
            f"{f.subsystem_vendor:04x}:{f.subsystem_device:04x}",
            fixed=True,
        )
    add(QCoreApplication.translate("facts", "Interface"), words.interface_of(node, address))
    add(QCoreApplication.translate("facts", "Group"), words.group_sentence(node, f))
    add(QCoreApplication.translate("facts", "Driver"), words.driver_word(node, f))
    if f.link is not None:
        add(QCoreApplication.translate("facts", "Link"), words.link_now_of_max(f.link))
    if f.reset_methods is not None:
        none = QCoreApplication.translate("facts", "none")
        add(QCoreApplication.translate("facts", "Reset"), ", ".join(f.reset_methods) or none)
    for bar in f.bars:
        if bar.size:
            name = (
                QCoreApplication.translate("facts", "ROM")
                if bar.index == 6
                else QCoreApplication.translate("facts", "BAR {index}").format(index=bar.index)
            )
            add(name, words.bar_line(bar))
    if f.sriov_total:
        add(
            QCoreApplication.translate("facts", "VFs"),
            QCoreApplication.translate("facts", "{now} of {most}").format(now=f.sriov_vfs or 0, most=f.sriov_total),
        )
    if f.physical_function is not None:
        add(QCoreApplication.translate("facts", "VF of"), str(f.physical_function), fixed=True)
    if f.numa_node is not None and f.numa_node >= 0:
        add(QCoreApplication.translate("facts", "NUMA node"), str(f.numa_node))
    if f.power_state:
        cold = QCoreApplication.translate("facts", "{state}, may reach D3cold").format(state=f.power_state)
        add(QCoreApplication.translate("facts", "Power"), cold if f.d3cold_allowed else f.power_state)
    add(QCoreApplication.translate("facts", "Serial"), f.serial, fixed=True)
    return tuple(found)


def as_text(node: Node, address: PciAddress) -> str:
    """All of the inspector, for the clipboard."""
    said = verdict(node, address)
    lines = [words.short_name(node.by_address[address])]
    lines += [f"{fact.label}: {fact.value}" for fact in facts(node, address)]
    lines += [words.use_chain(use) for use in node.uses_of.get(address, ())]
    lines += [f"{said.title}: {said.text}"]
    return "\n".join(lines) + "\n"
