"""Why an IOMMU group is as it is, in words."""

from __future__ import annotations

from PySide6.QtCore import QCoreApplication

from backend.node.acs import REQUIRED, Flag
from backend.node.address import PciAddress
from backend.node.grouping import Predicted, Reason, predict
from backend.node.node import Node
from gui import words

translate = QCoreApplication.translate


def predicted(node: Node, address: PciAddress) -> Predicted | None:
    """The group that the kernel's rules make of it."""
    return next((group for group in predict(node) if address in group.functions), None)


def reasons(node: Node, group: Predicted) -> tuple[str, ...]:
    """A sentence each; what several functions share is said once."""
    return tuple(dict.fromkeys(_sentence(node, reason) for reason in group.reasons))


def expected(node: Node, address: PciAddress, group: Predicted) -> str:
    """What it will be with, once the IOMMU is on."""
    mates = [a for a in group.functions if a != address and not node.by_address[a].is_bridge]
    if not mates:
        text = translate("groups", "alone")
    elif all(mate.card == address.card for mate in mates):
        text = translate("groups", "with its own functions only")
    else:
        others = [mate for mate in mates if mate.card != address.card]
        text = translate("groups", "with {names}").format(names=words.names_of(node, others, 4))
    return text if group.certain else translate("groups", "{text}; not certain").format(text=text)


def _sentence(node: Node, reason: Reason) -> str:
    because = words.short_address(reason.because)
    function = words.short_address(reason.function)
    texts = {
        "no-acs": translate("groups", "Devices below {because} can reach one another past the IOMMU. {acs}"),
        "conventional": translate(
            "groups", "{because} leads to conventional PCI: all below it reach memory under the bridge's own id."
        ),
        "not-apart": translate("groups", "The functions of device {card} do not say that they are apart. {acs}"),
        "alias": translate("groups", "{function} also uses the id of {because}: a known fault of the device."),
        "vmd": translate("groups", "{because} (VMD) speaks for all devices behind it."),
    }
    text = texts.get(reason.code, reason.code)
    return text.format(
        because=because, function=function, card=because.rpartition(".")[0], acs=_lack(reason.missing)
    ).rstrip()


def _lack(missing: Flag) -> str:
    """What Access Control Services would have to do; the names are those of the PCI Express specification."""
    if not missing:
        return ""
    if missing == REQUIRED:
        return translate("groups", "Missing: Access Control Services (ACS).")
    names = {
        Flag.SOURCE_VALIDATION: translate("groups", "source validation"),
        Flag.REQUEST_REDIRECT: translate("groups", "request redirect"),
        Flag.COMPLETION_REDIRECT: translate("groups", "completion redirect"),
        Flag.UPSTREAM_FORWARDING: translate("groups", "upstream forwarding"),
    }
    lacking = ", ".join(name for flag, name in names.items() if flag in missing)
    return translate("groups", "Missing of its Access Control Services (ACS): {names}.").format(names=lacking)
