"""The simulated cluster: its machines open like real ones, over real SSH on loopback."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, Signal

from backend.errors import HostKeyUnknown, LanewrightError
from backend.progress import CancelToken, Report, silent
from gui.dialogs.connect_dialog import ConnectRequest
from gui.errors import ErrorWording
from gui.opening import OpenNode, WorkspaceOpening
from gui.tasks import TaskRunner

if TYPE_CHECKING:
    from backend.demo.cluster import DemoCluster, DemoNode


class Demo(QObject):
    """At most one cluster. Its host keys are kept beside its credentials and are gone with them."""

    opened = Signal(object)  # OpenNode
    failed = Signal(object)  # Exception

    def __init__(self, runner: TaskRunner, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._runner = runner
        self._lock = threading.Lock()
        self._cluster: DemoCluster | None = None
        self.trouble = ""  # where it did not start: in words, and the error itself

    def start(self) -> None:
        """Start it where it does not run yet, and open every machine. `opened` comes for each."""
        if self._cluster is not None:
            return
        task = self._runner.start("demo", self._open_all)
        task.succeeded.connect(self._tell)
        task.failed.connect(self._fail)

    def machines(self) -> tuple[DemoNode, ...]:
        """How to reach its machines; starts it at once. For those who drive the connect dialog themselves."""
        return self._started().nodes

    def close(self) -> None:
        """End it and its credentials."""
        with self._lock:
            cluster, self._cluster = self._cluster, None
        if cluster is not None:
            cluster.stop()

    def _started(self) -> DemoCluster:
        # Imported late: it is an optional extra, and brings its own SSH server.
        try:
            from backend.demo.cluster import DemoCluster
        except ImportError as error:
            raise LanewrightError("demo-not-installed", module=error.name or "") from error
        with self._lock:
            if self._cluster is None:
                self._cluster = DemoCluster().start()
            return self._cluster

    def _open_all(self, token: CancelToken, report: Report) -> list[OpenNode]:
        machines = self._started().nodes
        opening = WorkspaceOpening(machines[0].identity.parent / "known_hosts")
        opened: list[OpenNode] = []
        for machine in machines:
            token.check()
            request = ConnectRequest(machine.host, machine.port, machine.user, "key", key_file=str(machine.identity))
            try:
                opened.append(opening.connect(request, token, silent))
            except HostKeyUnknown as error:
                if error.details.get("fingerprint") != machine.fingerprint:
                    raise
                opening.trust(error)
                opened.append(opening.connect(request, token, silent))
        return opened

    def _tell(self, opened: list[OpenNode]) -> None:
        for node in opened:
            self.opened.emit(node)

    def _fail(self, error: Exception) -> None:
        self.trouble = f"{ErrorWording(self).of(error).happened} ({error!r})"
        self.failed.emit(error)
