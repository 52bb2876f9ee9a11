"""Asks for a node's address and log-in, connects, and reads it, all inside one box."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from PySide6.QtCore import QEvent, QSettings, Signal
from PySide6.QtWidgets import (
    QComboBox,
    QDialog,
    QFileDialog,
    QFormLayout,
    QHBoxLayout,
    QLabel,
    QLineEdit,
    QProgressBar,
    QPushButton,
    QSpinBox,
    QVBoxLayout,
    QWidget,
)

from backend.errors import HostKeyChanged, HostKeyUnknown
from backend.progress import CancelToken, Progress, Report
from gui.dialogs.banner import Banner
from gui.dialogs.host_key_dialog import HostKeyDialog
from gui.errors import ErrorWording
from gui.named import named
from gui.tasks import Task, TaskRunner
from gui.theme import scaled

METHODS = ("key", "password", "agent")


@dataclass(frozen=True, slots=True)
class ConnectRequest:
    """What the person typed. `method`: one of METHODS; secrets stay out of repr."""

    host: str
    port: int
    user: str
    method: str
    key_file: str = ""
    passphrase: str = field(default="", repr=False)
    password: str = field(default="", repr=False)


Connect = Callable[[ConnectRequest, CancelToken, Report], object]
Trust = Callable[[HostKeyUnknown], None]


class ConnectDialog(QDialog):
    """Emits `opened` with what `connect` returned, and closes. `trust` keeps a host key that was confirmed.

    Both run in a lane. Values but no secrets are remembered in `settings`.
    """

    opened = Signal(object)

    def __init__(
        self,
        runner: TaskRunner,
        connect: Connect,
        trust: Trust,
        settings: QSettings,
        parent: QWidget | None = None,
    ) -> None:
        super().__init__(parent)
        self.setObjectName("connect_dialog")
        self.setWindowTitle(self.tr("Connect to a node"))
        self._runner, self._connect, self._trust, self._settings = runner, connect, trust, settings
        self._wording = ErrorWording(self)
        self._task: Task | None = None

        self.host = named(QLineEdit(), "connect_host")
        self.host.setPlaceholderText(self.tr("pve1.example.org or 192.0.2.10"))
        self.port = named(QSpinBox(), "connect_port")
        self.port.setRange(1, 65535)
        self.user = named(QLineEdit(), "connect_user")
        self.method = named(QComboBox(), "connect_method")
        self.method.addItems([self.tr("Key file"), self.tr("Password"), self.tr("SSH agent")])
        self.key_file = named(QLineEdit(), "connect_key_file")
        self.passphrase = named(QLineEdit(), "connect_passphrase")
        self.passphrase.setPlaceholderText(self.tr("only if the key has one"))
        self.password = named(QLineEdit(), "connect_password")
        for secret in (self.passphrase, self.password):
            secret.setEchoMode(QLineEdit.EchoMode.Password)
        browse = named(QPushButton(self.tr("Browse…")), "connect_browse")
        browse.clicked.connect(self._browse)
        key_row = QWidget()
        key_layout = QHBoxLayout(key_row)
        key_layout.setContentsMargins(0, 0, 0, 0)
        key_layout.addWidget(self.key_file, 1)
        key_layout.addWidget(browse)

        self._fields = QWidget()
        form = self._form = QFormLayout(self._fields)
        form.setContentsMargins(0, 0, 0, 0)
        form.setHorizontalSpacing(16)
        form.setVerticalSpacing(10)
        form.setFieldGrowthPolicy(QFormLayout.FieldGrowthPolicy.AllNonFixedFieldsGrow)
        form.addRow(self.tr("&Host"), self.host)
        form.addRow(self.tr("&Port"), self.port)
        form.addRow(self.tr("&User"), self.user)
        form.addRow(self.tr("&Log in with"), self.method)
        key_label = QLabel(self.tr("&Key file"))
        key_label.setBuddy(self.key_file)
        form.addRow(key_label, key_row)
        form.addRow(self.tr("Pa&ssphrase"), self.passphrase)
        form.addRow(self.tr("Pass&word"), self.password)
        self._method_rows = {"key": (key_row, self.passphrase), "password": (self.password,), "agent": ()}

        note = QLabel(self.tr("Reads the node over one SSH connection. Nothing is changed before you review and push."))
        note.setWordWrap(True)
        note.setFont(scaled(self.font(), 0.92))

        self.banner = Banner("error")
        self._phase = named(QLabel(), "connect_phase")
        self._bar = named(QProgressBar(), "connect_progress")
        self._bar.setTextVisible(False)
        self._bar.setAccessibleName(self.tr("Progress of connecting"))
        self._doing = QWidget()
        doing = QVBoxLayout(self._doing)
        doing.setContentsMargins(0, 0, 0, 0)
        doing.addWidget(self._phase)
        doing.addWidget(self._bar)
        self._doing.hide()

        self._go = named(QPushButton(self.tr("Connect")), "connect_go")
        self._cancel = named(QPushButton(self.tr("Cancel")), "connect_cancel")
        self._go.setDefault(True)
        for button in (browse, self._cancel):
            button.setAutoDefault(False)
        self._go.clicked.connect(self._start)
        self._cancel.clicked.connect(self.reject)
        buttons = QHBoxLayout()
        buttons.addStretch(1)
        buttons.addWidget(self._cancel)
        buttons.addWidget(self._go)

        layout = QVBoxLayout(self)
        layout.setContentsMargins(20, 20, 20, 16)
        layout.setSpacing(14)
        layout.addWidget(self.banner)
        layout.addWidget(self._fields)
        layout.addWidget(note)
        layout.addWidget(self._doing)
        layout.addStretch(1)
        layout.addLayout(buttons)
        self.setMinimumWidth(520)

        self.method.currentIndexChanged.connect(self._show_method)
        self._recall()
        self._show_method()

    def request(self) -> ConnectRequest:
        method = METHODS[self.method.currentIndex()]
        return ConnectRequest(
            host=self.host.text().strip(),
            port=self.port.value(),
            user=self.user.text().strip(),
            method=method,
            key_file=self.key_file.text().strip() if method == "key" else "",
            passphrase=self.passphrase.text() if method == "key" else "",
            password=self.password.text() if method == "password" else "",
        )

    def reject(self) -> None:
        """Cancel: stops a running attempt first; closes where nothing runs."""
        if self._task is not None:
            self._phase.setText(self.tr("Stopping…"))
            self._task.cancel()
        else:
            super().reject()

    def _recall(self) -> None:
        last = self._settings
        self.host.setText(str(last.value("connect/host", "")))
        self.port.setValue(int(str(last.value("connect/port", 22))))
        self.user.setText(str(last.value("connect/user", "root")))
        method = str(last.value("connect/method", "key"))
        self.method.setCurrentIndex(METHODS.index(method) if method in METHODS else 0)
        usual = Path.home() / ".ssh" / "id_ed25519"
        self.key_file.setText(str(last.value("connect/key_file", str(usual) if usual.is_file() else "")))

    def _remember(self, request: ConnectRequest) -> None:
        for name in ("host", "port", "user", "method"):
            self._settings.setValue(f"connect/{name}", getattr(request, name))
        if request.key_file:
            self._settings.setValue("connect/key_file", request.key_file)

    def _show_method(self) -> None:
        chosen = METHODS[self.method.currentIndex()]
        for method, widgets in self._method_rows.items():
            for widget in widgets:
                self._form.setRowVisible(widget, method == chosen)

    def event(self, event: QEvent) -> bool:
        handled = super().event(event)
        if event.type() is QEvent.Type.LayoutRequest:
            # A wrapped text that appears would squeeze the fields; the box grows instead.
            layout = self.layout()
            needed = 0 if layout is None else layout.totalHeightForWidth(self.width())
            if needed > self.height():
                self.resize(self.width(), needed)
        return handled

    def _browse(self) -> None:
        box = QFileDialog(self, self.tr("Choose the private key"), str(Path(self.key_file.text()).parent))
        box.setFileMode(QFileDialog.FileMode.ExistingFile)
        box.fileSelected.connect(self.key_file.setText)
        box.open()

    def _start(self) -> None:
        request = self.request()
        for widget, missing, words in (
            (self.host, not request.host, self.tr("Enter the name or address of the node.")),
            (self.user, not request.user, self.tr("Enter the user to log in as.")),
            (
                self.key_file,
                request.method == "key" and not request.key_file,
                self.tr("Choose the private key to log in with."),
            ),
        ):
            if missing:
                self.banner.say(words, kind="error")
                widget.setFocus()
                return
        self.banner.hide()
        self._set_busy(True)
        self._phase.setText(self.tr("Connecting to {0}…").format(request.host))

        def work(token: CancelToken, report: Report) -> object:
            return self._connect(request, token, report)

        task = self._task = self._runner.start(f"{request.host}:{request.port}", work)
        task.progressed.connect(self._progressed)
        task.succeeded.connect(self._succeeded)
        task.failed.connect(self._failed)
        task.cancelled.connect(self._cancelled)

    def _set_busy(self, busy: bool) -> None:
        self._fields.setEnabled(not busy)
        self._go.setEnabled(not busy)
        self._doing.setVisible(busy)
        self._bar.setRange(0, 0)

    def _progressed(self, progress: Progress) -> None:
        if progress.phase == "connect":
            self._phase.setText(self.tr("Connecting to {0}…").format(self.host.text().strip()))
        elif progress.phase == "collect":
            self._phase.setText(self.tr("Reading the machine…"))
        if progress.total:
            self._bar.setRange(0, progress.total)
            self._bar.setValue(progress.done)
        else:
            self._bar.setRange(0, 0)

    def _ended(self) -> None:
        self._task = None
        self._set_busy(False)

    def _succeeded(self, opened: object) -> None:
        self._ended()
        self._remember(self.request())
        self.passphrase.clear()
        self.password.clear()
        self.accept()
        self.opened.emit(opened)

    def _cancelled(self) -> None:
        self._ended()
        self.banner.say(self.tr("Stopped."), self.tr("Nothing was changed on the node."), kind="info")

    def _failed(self, error: Exception) -> None:
        self._ended()
        if isinstance(error, HostKeyUnknown):
            box = HostKeyDialog(error, self)
            box.accepted.connect(lambda: self._trust_and_retry(error))
            box.rejected.connect(
                lambda: self.banner.say(
                    self.tr("Not connected: the host key was not confirmed."),
                    self.tr("Nothing was sent to the node."),
                    kind="info",
                )
            )
            box.finished.connect(box.deleteLater)
            box.open()
            return
        if isinstance(error, HostKeyChanged):
            box = HostKeyDialog(error, self)
            box.finished.connect(box.deleteLater)
            box.open()
        wording = self._wording.of(error)
        self.banner.show_error(wording)
        fields = {
            "host": self.host,
            "port": self.port,
            "user": self.user,
            "key": self.key_file,
            "passphrase": self.passphrase,
        }
        field = fields.get(wording.field)
        if field is not None and field.isVisible():
            field.setFocus()
            if isinstance(field, QLineEdit):
                field.selectAll()

    def _trust_and_retry(self, error: HostKeyUnknown) -> None:
        self._trust(error)
        self._start()
