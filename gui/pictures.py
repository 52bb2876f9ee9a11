"""What a node's board is exported as: which view is painted, and the words of the report."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import QCoreApplication
from PySide6.QtGui import QColor

from backend.doctor.finding import Finding
from backend.node.node import Node
from gui import doctor_words, export
from gui.map.view import MapView
from gui.models.selection import Selection
from gui.state_marks import state_marks
from gui.theme import LIGHT

WIDTH = 1200  # pixels of the board in a report: what is legible on A4

translate = QCoreApplication.translate


def picture(kind: str, view: MapView, node: Node, findings: Sequence[Finding]) -> export.Write:
    """`kind`: "png" and "svg" are the board as it is arranged on the screen; "pdf" is a page to print, the board as
    narrow as that needs. All are light, whatever the screen is."""
    if kind == "png":
        return export.png(view, QColor(LIGHT.canvas))
    if kind == "svg":
        return export.svg(view, QColor(LIGHT.canvas), node.hostname or "")
    narrow = _narrow(view, node, findings)
    try:
        return export.pdf(narrow, report(node, findings))
    finally:
        narrow.deleteLater()


def report(node: Node, findings: Sequence[Finding]) -> export.Report:
    iommu = {
        True: translate("report", "IOMMU on, {count} groups").format(count=len(node.groups)),
        False: translate("report", "IOMMU off"),
        None: translate("report", "IOMMU not known"),
    }[node.iommu.active]
    facts = (
        translate("report", "Proxmox VE {version}").format(version=node.pve_version) if node.pve_version else "",
        translate("report", "Linux {version}").format(version=node.kernel) if node.kernel else "",
        node.firmware,
        iommu,
        translate("report", "{count} PCI functions").format(count=f"{len(node.functions):,}"),
        translate("report", "as read {when}").format(when=node.taken.replace("T", " ")) if node.taken else "",
    )
    lines = []
    for finding in findings:
        look = doctor_words.severity_look(finding.severity)
        title = doctor_words.said(finding).title
        lines.append(export.ReportLine(look.tone, look.icon, look.word, title, doctor_words.about(node, finding)))
    return export.Report(
        title=node.hostname or translate("report", "Machine without a name"),
        facts=" · ".join(fact for fact in facts if fact),
        lines=tuple(lines),
        nothing=translate("report", "The doctor finds nothing that stands in the way"),
        more=translate("report", "and {count} more: see the page Doctor"),
    )


def _narrow(view: MapView, node: Node, findings: Sequence[Finding]) -> MapView:
    """A view of its own, as arranged."""
    made = MapView(Selection())
    made.resize(WIDTH, WIDTH)
    made.set_arrangement(view.arrangement, animated=False)
    made.set_node(node)
    made.set_marks(state_marks(node, findings))
    return made
