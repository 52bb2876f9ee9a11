"""What a node's board is exported as: which view is painted, and the words of the report."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import QCoreApplication, QRectF, QSizeF
from PySide6.QtGui import QColor, QPainter, QPalette

from backend.doctor.finding import Finding
from backend.node.node import Node
from gui import doctor_words, export
from gui.map.view import MapView
from gui.models.selection import Selection
from gui.theme import LIGHT, colours_of

WIDTH = 1200  # pixels of the board in a report: what is legible on A4

translate = QCoreApplication.translate


def picture(kind: str, view: MapView, node: Node, findings: Sequence[Finding]) -> export.Write:
    """`kind`: "png" and "svg" are the board as it is on the screen; "pdf" is a page to print: light, and narrow."""
    background = QColor(colours_of(view.palette()).canvas)
    if kind == "png":
        return export.png(_Board(view), background)
    if kind == "svg":
        return export.svg(_Board(view), background, node.hostname or "")
    printed = _to_print(view, node)
    try:
        return export.pdf(_Board(printed), report(node, findings))
    finally:
        printed.deleteLater()


class _Board:
    """The whole scene of a view."""

    def __init__(self, view: MapView) -> None:
        self._view = view

    def board_size(self) -> QSizeF:
        return self._view.sceneRect().size()

    def paint_board(self, painter: QPainter, rect: QRectF) -> None:
        self._view.scene().render(painter, rect, self._view.sceneRect())


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


def _to_print(view: MapView, node: Node) -> MapView:
    """A view of its own, light whatever the screen is."""
    made = MapView(Selection())
    palette = QPalette(view.palette())
    palette.setColor(QPalette.ColorRole.Window, QColor(LIGHT.canvas))
    palette.setColor(QPalette.ColorRole.WindowText, QColor(LIGHT.text))
    made.setPalette(palette)
    made.resize(WIDTH, WIDTH)
    made.set_node(node)
    return made
