"""One node: its map, device tree and doctor on one selection, and the inspector beside them."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import QPushButton, QSplitter, QTabWidget, QVBoxLayout, QWidget

from backend.doctor.finding import Finding, Severity
from backend.node.address import PciAddress
from backend.node.node import Node
from backend.plan.plan import Intent
from gui.dialogs.banner import Banner
from gui.errors import Wording
from gui.export import Write
from gui.map.pieces import Arrangement
from gui.map.view import STEP, MapView
from gui.models.device_tree import DeviceTreeView
from gui.models.selection import Selection
from gui.named import named
from gui.pages.doctor_page import DoctorPage
from gui.pictures import picture
from gui.state_marks import state_marks
from gui.widgets.inspector import InspectorPanel
from gui.widgets.map_bar import MapBar
from gui.widgets.search_field import SearchField


class NodePage(QWidget):
    """Knows no backend: shows a Node, what the doctor says and what is staged, and says what the person asks for."""

    reserve_requested = Signal(object)  # PciAddress
    unstage_requested = Signal(object)  # PciAddress
    iommu_on_requested = Signal()
    stage_requested = Signal(object)  # Intent
    explain_requested = Signal()
    export_requested = Signal(str)  # "png", "svg" or "pdf"

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("node_page")
        self._node = Node()
        self.selection = Selection(self)
        self.map = MapView(self.selection)
        self.tree = DeviceTreeView(self.selection)
        self.doctor = DoctorPage()
        self.inspector = InspectorPanel(self.selection)
        self.inspector.button.setObjectName("reserve")
        self.search = SearchField(self.selection)
        self.map_bar = MapBar()
        self.map_page = QWidget()
        on_map = QVBoxLayout(self.map_page)
        on_map.setContentsMargins(0, 0, 0, 0)
        on_map.setSpacing(0)
        on_map.addWidget(self.map_bar)
        on_map.addWidget(self.map, 1)

        self.error = Banner("error")
        self.error.setObjectName("node_error")
        self.iommu = Banner("warning")
        self.iommu.setObjectName("iommu_banner")
        self.iommu_button = named(QPushButton(self.tr("Stage: IOMMU on")), "iommu_on")
        self.iommu_button.clicked.connect(self.iommu_on_requested)
        self.iommu.add_button(self.iommu_button)

        self.tabs = named(QTabWidget(), "node_tabs")
        self.tabs.setDocumentMode(True)
        self.tabs.addTab(self.map_page, self.tr("Map"))
        self.tabs.addTab(self.tree, self.tr("Devices"))
        self.tabs.addTab(self.doctor, self.tr("Doctor"))
        self.tabs.setCornerWidget(self.search)
        self._lay_out()
        self._connect()

    def _lay_out(self) -> None:
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

    def _connect(self) -> None:
        self.inspector.reserve_requested.connect(self.reserve_requested)
        self.inspector.unstage_requested.connect(self.unstage_requested)
        self.inspector.stage_requested.connect(self.stage_requested)
        self.inspector.left.connect(self._leave_inspector)
        self.map.inspect_requested.connect(self.inspector.enter)
        self.tree.activated.connect(self.inspector.enter)
        self.doctor.stage_requested.connect(self.stage_requested)
        self.doctor.device_chosen.connect(self.show_device)
        self.doctor.explain_requested.connect(self.explain_requested)
        self.search.found.connect(self._show_found)
        self.map_bar.arrange.connect(self._arrange)
        self.map_bar.zoom.connect(self._zoom)
        self.map_bar.export.connect(self.export_requested)

    # --- what is shown

    def show_node(self, node: Node, *, live: bool) -> None:
        self.selection.current = None
        self.error.hide()
        self._live = live
        self._node = node
        for view in (self.map, self.tree, self.inspector, self.search):
            view.set_node(node)
        self.show_findings(None)

    def show_findings(self, findings: Sequence[Finding] | None) -> None:
        """None: the doctor is still looking."""
        self.doctor.show_findings(self._node, findings)
        self.inspector.set_findings(findings or ())
        self.map.set_marks(state_marks(self._node, findings or ()))
        self.tree.set_findings(findings or ())
        grave = sum(finding.severity is not Severity.NOTE for finding in findings or ())
        place = self.tabs.indexOf(self.doctor)
        self.tabs.setTabText(place, self.tr("Doctor ({0})").format(grave) if grave else self.tr("Doctor"))
        self.tabs.setTabToolTip(place, self.tr("Errors and warnings: {0}").format(grave) if grave else "")

    def show_doctor_trouble(self, wording: Wording) -> None:
        """Where the examination itself failed."""
        self.doctor.show_trouble(wording)

    def show_device(self, address: PciAddress) -> None:
        """Select it where it can be seen: on the map, unless the tree is open."""
        if self.tabs.currentWidget() is self.doctor:
            self.tabs.setCurrentWidget(self.map_page)
        self.selection.current = address

    def start_search(self) -> None:
        """Put the keyboard into the search field."""
        if self.tabs.currentWidget() is self.doctor:
            self.tabs.setCurrentWidget(self.map_page)
        self.search.focus()

    def picture(self, kind: str) -> Write:
        """The board painted for a file; what is returned writes it, off the GUI thread."""
        return picture(kind, self.map, self._node, self.doctor.findings)

    def _show_found(self, found: frozenset[PciAddress] | None) -> None:
        if found is not None and self.tabs.currentWidget() is self.doctor:
            self.tabs.setCurrentWidget(self.map_page)
        self.map.set_matches(found)
        self.tree.set_matches(found)

    def _arrange(self, arrangement: Arrangement) -> None:
        self.tabs.setCurrentWidget(self.map_page)
        self.map.set_arrangement(arrangement)

    def _zoom(self, way: int) -> None:
        self.tabs.setCurrentWidget(self.map_page)
        if way:
            self.map.set_zoom(self.map.zoom * STEP**way)
        else:
            self.map.fit()

    def _leave_inspector(self) -> None:
        on_map = self.tabs.currentWidget() is self.map_page
        (self.map if on_map else self.tabs.currentWidget()).setFocus(Qt.FocusReason.OtherFocusReason)

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

    def show_staged(self, staged: Mapping[PciAddress, str], intents: Collection[Intent] = ()) -> None:
        """`staged`: drivers after the reboot; `intents`: all that is staged for the node."""
        self.map.set_staged(staged)
        self.tree.set_staged(staged)
        self.inspector.set_staged(staged, intents)
        self.doctor.set_staged(intents)
