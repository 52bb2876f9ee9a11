"""One node: its map and device tree on one selection, and the inspector beside them."""

from __future__ import annotations

from collections.abc import Mapping

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import QPushButton, QSplitter, QTabWidget, QVBoxLayout, QWidget

from backend.node.address import PciAddress
from backend.node.node import Node
from gui.dialogs.banner import Banner
from gui.map.view import MapView
from gui.models.device_tree import DeviceTreeView
from gui.models.selection import Selection
from gui.named import named
from gui.widgets.inspector import InspectorPanel


class NodePage(QWidget):
    """Knows no backend: shows a Node and what is staged for it, and says what the person asks for."""

    reserve_requested = Signal(object)  # PciAddress
    unstage_requested = Signal(object)  # PciAddress
    iommu_on_requested = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("node_page")
        self.selection = Selection(self)
        self.map = MapView(self.selection)
        self.tree = DeviceTreeView(self.selection)
        self.inspector = InspectorPanel(self.selection)
        self.inspector.button.setObjectName("reserve")
        self.inspector.reserve_requested.connect(self.reserve_requested)
        self.inspector.unstage_requested.connect(self.unstage_requested)

        self.error = Banner("error")
        self.error.setObjectName("node_error")
        self.iommu = Banner("warning")
        self.iommu.setObjectName("iommu_banner")
        self.iommu_button = named(QPushButton(self.tr("Stage: IOMMU on")), "iommu_on")
        self.iommu_button.clicked.connect(self.iommu_on_requested)
        self.iommu.add_button(self.iommu_button)

        self.tabs = named(QTabWidget(), "node_tabs")
        self.tabs.setDocumentMode(True)
        self.tabs.addTab(self.map, self.tr("Map"))
        self.tabs.addTab(self.tree, self.tr("Devices"))

        middle = QWidget()
        column = QVBoxLayout(middle)
        column.setContentsMargins(8, 8, 4, 0)
        column.setSpacing(8)
        column.addWidget(self.error)
        column.addWidget(self.iommu)
        column.addWidget(self.tabs, 1)
        self.split = QSplitter(Qt.Orientation.Horizontal)
        self.split.setChildrenCollapsible(False)
        self.split.addWidget(middle)
        self.split.addWidget(self.inspector)
        self.split.setStretchFactor(0, 1)
        self.split.setStretchFactor(1, 0)
        self.split.setSizes([900, 340])
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(self.split)

    def show_node(self, node: Node, *, live: bool) -> None:
        self.selection.current = None
        self.error.hide()
        self._live = live
        for view in (self.map, self.tree, self.inspector):
            view.set_node(node)

    def show_iommu(self, node: Node, *, staged: bool) -> None:
        """The banner on the map: what an IOMMU that is off means, and the way out."""
        if node.iommu.active is True:
            self.iommu.hide()
            return
        self.iommu_button.setVisible(not staged)
        if staged:
            self.iommu.say(
                self.tr("IOMMU on is staged"),
                self.tr("Groups are known after the reboot that the push ends with."),
                kind="info",
            )
        elif node.iommu.active is None:
            self.iommu.say(
                self.tr("It is not known whether the IOMMU is on"),
                self.tr("This file does not tell, so groups may be missing."),
                kind="warning",
            )
        elif node.iommu.firmware_table is False:
            self.iommu.say(
                self.tr("IOMMU is off: groups are unknown"),
                self.tr(
                    "The firmware offers none. Look for VT-d, AMD-Vi or IOMMU in its setup; "
                    "a kernel parameter alone will not do."
                ),
                kind="warning",
            )
        else:
            self.iommu.say(
                self.tr("IOMMU is off: groups are unknown"),
                self.tr("No device can be passed through until it is on."),
                kind="warning",
            )

    def show_staged(self, staged: Mapping[PciAddress, str]) -> None:
        self.map.set_staged(staged)
        self.tree.set_staged(staged)
        self.inspector.set_staged(staged)
