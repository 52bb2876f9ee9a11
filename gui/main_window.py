"""The one window: open nodes at the left, pages of the chosen one, the change bar below."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from PySide6.QtCore import QSettings, Qt, Signal
from PySide6.QtGui import QCloseEvent
from PySide6.QtWidgets import (
    QHBoxLayout,
    QLabel,
    QMainWindow,
    QMessageBox,
    QPushButton,
    QSplitter,
    QStackedWidget,
    QVBoxLayout,
    QWidget,
)

from backend.doctor.finding import Finding
from backend.errors import IntentError
from backend.node import what_if
from backend.node.address import PciAddress
from backend.node.compare import Difference, compare
from backend.node.node import Node
from backend.plan.plan import Intent, Plan
from backend.progress import CancelToken, Report
from gui.dialogs.connect_dialog import ConnectDialog
from gui.dialogs.files import ask_open, ask_save
from gui.dialogs.log_dialog import LogDialog
from gui.dialogs.what_if_dialog import WhatIfDialog
from gui.errors import ErrorWording
from gui.menus import Menus
from gui.named import named
from gui.opening import Opening, OpenNode, iommu_on, reserve_card
from gui.pages.compare_page import ComparePage
from gui.pages.empty_page import EmptyPage
from gui.pages.node_list import NodeList
from gui.pages.node_page import NodePage
from gui.pages.push_page import PushPage
from gui.pages.review_page import ReviewPage
from gui.pages.wording import PlanWording
from gui.tasks import Task, TaskRunner
from gui.theme import scaled
from gui.widgets.change_bar import ChangeBar

SHOWN = 10_000  # ms that a word of success stays


@dataclass
class _Entry:
    """What the window remembers of an open node."""

    opened: OpenNode
    lane: str
    order: list[Intent] = field(default_factory=list)  # as staged, for "unstage last"
    busy: str = ""  # words for what runs in its lane
    trouble: str = ""  # words for what went wrong last
    plan_is_rollback: bool = False
    examined: Node | None = None  # whose findings these are
    findings: tuple[Finding, ...] = ()


class MainWindow(QMainWindow):
    """Drives backend.workspace through `opening`; all of its work runs in the lanes of `runner`."""

    node_opened = Signal(object)  # OpenNode
    demo_requested = Signal()

    def __init__(self, runner: TaskRunner, opening: Opening, settings: QSettings) -> None:
        super().__init__()
        self.setObjectName("main_window")
        self.setWindowTitle(self.tr("Lanewright"))
        self._runner, self._opening, self._settings = runner, opening, settings
        self._errors = ErrorWording(self)
        self._words = PlanWording(self)
        self._entries: list[_Entry] = []

        self.nodes = NodeList()
        self.nodes.chosen.connect(self._choose)
        self.empty = EmptyPage()
        self.page = NodePage()
        self.review = ReviewPage()
        self.push = PushPage()
        self.comparison = ComparePage()
        self.stack = named(QStackedWidget(), "main_stack")
        for page in (self.empty, self.page, self.review, self.push, self.comparison):
            self.stack.addWidget(page)

        self.menus = Menus(self, self.page.map_bar)
        self._connect_actions()
        self._make_layout()

        self.empty.connect_requested.connect(self.connect_to_node)
        self.empty.open_requested.connect(self._ask_file)
        self.empty.demo_requested.connect(self.demo_requested)
        self.page.reserve_requested.connect(self.reserve)
        self.page.unstage_requested.connect(self._unstage_address)
        self.page.iommu_on_requested.connect(self.stage_iommu_on)
        self.page.stage_requested.connect(self.stage)
        self.page.explain_requested.connect(self.explain_log)
        self.page.selection.changed.connect(self._offer_what_if)
        self.page.export_requested.connect(self._ask_export)
        self.review.back_requested.connect(self._show_node)
        self.review.push_requested.connect(self._push)
        self.push.done_requested.connect(self._show_node)
        self.push.undo_requested.connect(self.review_rollback)
        self.push.ended.connect(self._push_ended)
        self.comparison.back_requested.connect(self._show_node)
        self.comparison.device_requested.connect(self._show_device)

        self.statusBar().hide()
        self.statusBar().messageChanged.connect(lambda text: self.statusBar().setVisible(bool(text)))
        self.resize(1280, 820)
        geometry = settings.value("window/geometry")
        if geometry is not None:
            self.restoreGeometry(geometry)
        self._refresh_view()

    # --- building

    def _connect_actions(self) -> None:
        menus = self.menus
        for action, does in (
            (menus.connect, self.connect_to_node),
            (menus.open, self._ask_file),
            (menus.save, self._ask_save),
            (menus.compare, self._ask_compare),
            (menus.close, self.close_node),
            (menus.quit, self.close),
            (menus.refresh, self.refresh),
            (menus.find, self.page.start_search),
            (menus.explain, self.explain_log),
            (menus.what_if, self.ask_what_if),
            (menus.iommu, self.stage_iommu_on),
            (menus.unstage, self.unstage_last),
            (menus.discard, self.discard),
            (menus.review, self.review_changes),
            (menus.rollback, self.review_rollback),
            (menus.demo, self.demo_requested),
        ):
            action.triggered.connect(does)

    def _make_layout(self) -> None:
        title = QLabel(self.tr("Nodes"))
        title.setFont(scaled(self.font(), 0.95, bold=True))
        title.setContentsMargins(14, 10, 0, 2)
        connect = named(QPushButton(self.tr("Connect…")), "side_connect")
        connect.clicked.connect(self.connect_to_node)
        opened = named(QPushButton(self.tr("Open file…")), "side_open")
        opened.clicked.connect(self._ask_file)
        self._side = QWidget()
        side = QVBoxLayout(self._side)
        side.setContentsMargins(0, 0, 0, 10)
        side.setSpacing(6)
        side.addWidget(title)
        side.addWidget(self.nodes, 1)
        for button in (connect, opened):
            row = QHBoxLayout()
            row.setContentsMargins(10, 0, 10, 0)
            row.addWidget(button)
            side.addLayout(row)
        self._side.setMinimumWidth(170)

        self.bar = ChangeBar()
        self.bar.discard.clicked.connect(self.discard)
        self.bar.review.clicked.connect(self.review_changes)

        split = QSplitter()
        split.setChildrenCollapsible(False)
        split.addWidget(self._side)
        split.addWidget(self.stack)
        split.setStretchFactor(0, 0)
        split.setStretchFactor(1, 1)
        split.setSizes([210, 1070])
        central = QWidget()
        layout = QVBoxLayout(central)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(0)
        layout.addWidget(split, 1)
        layout.addWidget(self.bar)
        self.setCentralWidget(central)

    # --- open nodes

    @property
    def current(self) -> OpenNode | None:
        """The chosen node, or None while none is open."""
        entry = self._entry
        return None if entry is None else entry.opened

    @property
    def _entry(self) -> _Entry | None:
        row = self.nodes.currentRow()
        return self._entries[row] if 0 <= row < len(self._entries) else None

    def connect_to_node(self) -> ConnectDialog:
        box = ConnectDialog(self._runner, self._opening.connect, self._opening.trust, self._settings, self)
        box.opened.connect(self.add_node)
        box.finished.connect(box.deleteLater)
        box.open()
        return box

    def open_file(self, path: Path) -> Task:
        task = self._runner.start("disk", lambda token, report: self._opening.open_file(path))
        task.succeeded.connect(self.add_node)
        task.failed.connect(self.show_failure)
        return task

    def add_node(self, opened: OpenNode) -> None:
        """Show a node that was opened. Called on the GUI thread."""
        row = self.nodes.add(opened.name)
        self._entries.append(_Entry(opened, lane=f"node {row} {opened.name}"))
        self.nodes.setCurrentRow(row)
        self._refresh_view()
        self.node_opened.emit(opened)

    def close_node(self) -> None:
        entry = self._entry
        if entry is None or entry.busy:
            return
        row = self._entries.index(entry)
        self._runner.start(entry.lane, lambda token, report: entry.opened.close())
        del self._entries[row]
        self.nodes.takeItem(row)
        self._choose(self.nodes.currentRow())

    def refresh(self) -> None:
        entry = self._entry
        if entry is None or entry.busy or not entry.opened.live:
            return
        task = self._run(entry, self.tr("reading…"), entry.opened.refresh)
        task.succeeded.connect(lambda _: self._show_if_current(entry))
        task.failed.connect(self._show_error)

    def _run(self, entry: _Entry, words: str, work: object) -> Task:
        """Start `work` in the node's lane and say so in the list."""
        entry.busy, entry.trouble = words, ""
        task = self._runner.start(entry.lane, work)  # type: ignore[arg-type]
        task.failed.connect(lambda error: setattr(entry, "trouble", self._errors.of(error).happened))
        task.finished.connect(lambda: self._idle(entry))
        self._refresh_view()
        return task

    def _idle(self, entry: _Entry) -> None:
        entry.busy = ""
        self._refresh_view()

    def _choose(self, row: int) -> None:
        if self.push.running:
            self._refresh_view()
            return
        entry = self._entry
        if entry is not None:
            self._show(entry)
        self._show_node()

    def _show_if_current(self, entry: _Entry) -> None:
        if entry is self._entry:
            self._show(entry)
            self._refresh_view()

    def _show(self, entry: _Entry) -> None:
        """Its node, and what the doctor says of it: looked for in the node's lane where it is not known yet."""
        node = entry.opened.node
        self.page.show_node(node, live=entry.opened.live)
        if entry.examined is node:
            self.page.show_findings(entry.findings)
            return
        # The lane's own order tells which node the findings are of: a later reading may have come by then.
        task = self._runner.start(entry.lane, lambda token, report: (entry.opened.node, entry.opened.findings()))
        task.succeeded.connect(lambda found: self._examined(entry, *found))
        task.failed.connect(lambda error: self._not_examined(entry, error))

    def _not_examined(self, entry: _Entry, error: Exception) -> None:
        if entry is self._entry:
            self.page.show_doctor_trouble(self._errors.of(error))

    def _examined(self, entry: _Entry, node: Node, findings: tuple[Finding, ...]) -> None:
        entry.examined, entry.findings = node, findings
        if entry is self._entry and entry.opened.node is node:
            self.page.show_findings(findings)

    def ask_what_if(self) -> Task | None:
        """Another slot, or an ACS override, for the chosen card."""
        entry, card = self._entry, self.page.selection.current
        if entry is None or card is None:
            return None
        node = entry.opened.node
        task = self._runner.start(entry.lane, lambda token, report: what_if.ask(node, card))
        task.succeeded.connect(lambda answers: WhatIfDialog(node, card, answers, self).open())
        task.failed.connect(self._show_error)
        return task

    def _offer_what_if(self) -> None:
        entry, card = self._entry, self.page.selection.current
        chosen = None if entry is None or card is None else entry.opened.node.by_address.get(card)
        on_page = self.stack.currentWidget() is self.page
        self.menus.what_if.setEnabled(on_page and chosen is not None and not chosen.is_bridge)

    def explain_log(self) -> LogDialog | None:
        entry = self._entry
        if entry is None:
            return None
        box = LogDialog(
            entry.opened.node, lambda work: self._runner.start(entry.lane, work), entry.opened.explain, self
        )
        box.device_chosen.connect(self._show_device)
        box.open()
        return box

    def _show_node(self) -> None:
        self.stack.setCurrentWidget(self.page if self._entry is not None else self.empty)
        self._refresh_view()

    # --- staging

    def reserve(self, address: PciAddress) -> None:
        entry = self._entry
        if entry is not None:
            self.stage(reserve_card(entry.opened.node, address))

    def stage_iommu_on(self) -> None:
        self.stage(iommu_on())

    def stage(self, intent: Intent) -> None:
        entry = self._entry
        if entry is None:
            return
        try:
            entry.opened.stage(intent)
        except IntentError as error:
            self._show_error(error)
            return
        if intent in entry.order:
            entry.order.remove(intent)
        entry.order.append(intent)
        self._refresh_view()

    def _unstage_address(self, address: PciAddress) -> None:
        entry = self._entry
        if entry is None:
            return
        for intent in entry.opened.staged:
            reserved = getattr(intent, "address", None)
            if isinstance(reserved, PciAddress) and reserved.card == address.card:
                self._unstage(entry, intent)

    def unstage_last(self) -> None:
        entry = self._entry
        if entry is not None and entry.order:
            self._unstage(entry, entry.order[-1])

    def _unstage(self, entry: _Entry, intent: Intent) -> None:
        entry.opened.unstage(intent)
        entry.order = [other for other in entry.order if other != intent]
        self._refresh_view()

    def discard(self) -> None:
        entry = self._entry
        if entry is not None:
            entry.opened.discard()
            entry.order.clear()
            self._refresh_view()

    # --- review and push

    def review_changes(self) -> None:
        entry = self._entry
        if entry is None or entry.busy or not entry.opened.staged:
            return
        task = self._run(entry, self.tr("reading for the review…"), entry.opened.plan)
        task.succeeded.connect(lambda plan: self._show_review(entry, plan, rollback=False))
        task.failed.connect(self._show_error)

    def review_rollback(self) -> None:
        entry = self._entry
        if entry is None or entry.busy or not entry.opened.live:
            return
        task = self._run(entry, self.tr("reading the last push…"), entry.opened.rollback_plan)
        task.succeeded.connect(lambda plan: self._show_review(entry, plan, rollback=True))
        task.failed.connect(self._show_error)

    def _show_review(self, entry: _Entry, plan: Plan, *, rollback: bool) -> None:
        if entry is not self._entry:
            return
        entry.plan_is_rollback = rollback
        self.review.show_plan(plan, node=entry.opened.node, rollback=rollback)
        self.review.push_button.setEnabled(self.review.push_button.isEnabled() and entry.opened.live)
        self.stack.setCurrentWidget(self.review)
        self._refresh_view()

    def _push(self, plan: Plan) -> None:
        entry = self._entry
        if entry is None or entry.busy:
            return
        opened = entry.opened
        task = self._run(
            entry,
            self.tr("pushing…"),
            lambda token, report: opened.push(plan, reboot=True, token=token, report=report),
        )
        self.push.begin(plan, task, node=opened.node, rollback=entry.plan_is_rollback)
        self.stack.setCurrentWidget(self.push)
        self._refresh_view()

    def _push_ended(self, result: object) -> None:
        entry = self._entry
        if entry is None:
            return
        entry.order = [intent for intent in entry.order if intent in entry.opened.staged]
        self._show(entry)
        self._refresh_view()

    # --- what is shown

    def _refresh_view(self) -> None:
        for row, each in enumerate(self._entries):
            self.nodes.show_state(row, *self._state_of(each), len(each.opened.staged))
        entry = self._entry
        on_page = self.stack.currentWidget() is self.page
        staged = () if entry is None else entry.opened.staged
        if entry is not None:
            self.page.show_iommu(entry.opened.node, staged=any(getattr(i, "kind", "") == "iommu-on" for i in staged))
            self.page.show_staged(
                {
                    address: "vfio-pci"
                    for intent in staged
                    if isinstance(at := getattr(intent, "address", None), PciAddress)
                    for address in (f.address for f in entry.opened.node.card(at))
                },
                staged,
            )
            self.bar.show_changes(
                entry.opened.name,
                len(staged),
                self.tr("must reboot: {0}").format(", ".join(self._words.intent(i, entry.opened.node) for i in staged))
                if entry.opened.live
                else self.tr("opened from a file: can be reviewed, not pushed"),
            )
        self.bar.setVisible(bool(staged) and on_page)
        menus = self.menus
        free = entry is not None and not entry.busy and not self.push.running
        live = free and entry is not None and entry.opened.live
        self.nodes.setEnabled(not self.push.running)
        for action in (menus.save, menus.compare, menus.close):
            action.setEnabled(free)
        for action in (menus.refresh, menus.rollback):
            action.setEnabled(live)
        for action in menus.on_page:
            action.setEnabled(entry is not None and on_page)
        self._offer_what_if()
        menus.iommu.setEnabled(free and entry is not None and entry.opened.node.iommu.active is not True and on_page)
        for action in (menus.unstage, menus.discard, menus.review):
            action.setEnabled(bool(staged) and free and on_page)
        self.bar.set_able(free, reading=entry is not None and bool(entry.busy))
        name = "" if entry is None else entry.opened.name
        self.setWindowTitle(self.tr("{0} - Lanewright").format(name) if name else self.tr("Lanewright"))

    def _state_of(self, entry: _Entry) -> tuple[str, str]:
        """Colour of the dot, and words."""
        opened = entry.opened
        if entry.busy:
            return "warn", entry.busy
        if entry.trouble:
            return "bad", entry.trouble
        if not opened.live:
            return "idle", self.tr("file, {0}").format((opened.node.taken or "")[:10] or self.tr("undated"))
        if opened.staged:
            return "warn", self.tr("reboot needed")
        if opened.node.iommu.active is not True:
            return "idle", self.tr("connected, IOMMU off")
        return "good", self.tr("connected")

    def _show_error(self, error: Exception) -> None:
        self.page.error.show_error(self._errors.of(error))
        self._show_node()

    def show_failure(self, error: Exception) -> None:
        """For what has no page of its own: a file that cannot be opened while no node is."""
        wording = self._errors.of(error)
        box = QMessageBox(QMessageBox.Icon.Warning, self.tr("Lanewright"), wording.happened, parent=self)
        box.setObjectName("error_box")
        box.setInformativeText(wording.body)
        if wording.details:
            box.setDetailedText(wording.details)
        box.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        box.open()

    # --- files and leaving

    def _ask_file(self) -> None:
        ask_open(self, self.tr("Open a snapshot, a copy of /sys, or a listing"), self.open_file)

    def _ask_save(self) -> None:
        entry = self._entry
        if entry is not None:
            name = entry.opened.name
            ask_save(self, self.tr("Save snapshot of {0}").format(name), f"{name}.lwsnap", self.save_file)

    def _ask_compare(self) -> None:
        entry = self._entry
        if entry is not None:
            title = self.tr("Compare {0} with an earlier snapshot, or another machine").format(entry.opened.name)
            ask_open(self, title, self.compare_with)

    def compare_with(self, path: Path) -> Task | None:
        """Show what is different between the file's machine and the chosen one."""
        entry = self._entry
        if entry is None:
            return None
        after = entry.opened.node

        def work(token: CancelToken, report: Report) -> tuple[Node, tuple[Difference, ...]]:
            before = self._opening.open_file(path).node
            return before, compare(before, after)

        task = self._runner.start("disk", work)
        task.succeeded.connect(lambda found: self._show_comparison(entry, found[0], after, found[1]))
        task.failed.connect(self._show_error)
        return task

    def _show_comparison(self, entry: _Entry, before: Node, after: Node, found: tuple[Difference, ...]) -> None:
        if entry is self._entry and not self.push.running:
            self.comparison.show_comparison(before, after, found)
            self.stack.setCurrentWidget(self.comparison)
            self._refresh_view()

    def _show_device(self, address: PciAddress) -> None:
        self._show_node()
        self.page.selection.current = address

    def save_file(self, path: Path) -> Task | None:
        entry = self._entry
        if entry is None:
            return None
        task = self._runner.start("disk", lambda token, report: self._opening.save(entry.opened, path))
        task.failed.connect(self.show_failure)
        return task

    def _ask_export(self, kind: str) -> None:
        entry = self._entry
        if entry is not None:
            name = entry.opened.name
            title = self.tr("Export the board of {0}").format(name)
            ask_save(self, title, f"{name}.{kind}", lambda path: self.export(kind, path))

    def export(self, kind: str, path: Path) -> Task:
        """Paint the board now, write the file in the disk's lane."""
        write = self.page.picture(kind)
        task = self._runner.start("disk", lambda token, report: write(path))
        task.succeeded.connect(lambda _: self.statusBar().showMessage(self.tr("Written: {0}").format(path), SHOWN))
        task.failed.connect(self._show_error)
        return task

    def closeEvent(self, event: QCloseEvent) -> None:
        if self.push.running:
            event.ignore()
            box = QMessageBox(
                QMessageBox.Icon.Warning,
                self.tr("A push is running"),
                self.tr("The node is being changed."),
                parent=self,
            )
            box.setObjectName("quit_box")
            box.setInformativeText(
                self.tr("Wait until it ends, or cancel it on its page: it stops before the next step then.")
            )
            box.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
            box.open()
            return
        self._settings.setValue("window/geometry", self.saveGeometry())
        super().closeEvent(event)

    def close_transports(self) -> None:
        """For the way out: frees every blocked read of every node."""
        for entry in self._entries:
            entry.opened.close()
