"""The main job, driven through the real windows: used by the demo command and by the lab's tests.

``python -m gui.journey [--screenshots DIR]`` does it on the built-in demo and prints where the pictures are.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Protocol, TypeVar

from PySide6.QtCore import QDeadlineTimer, Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QComboBox, QLabel, QLineEdit, QPushButton, QSpinBox, QWidget

from backend.node.address import PciAddress
from backend.node.blast_radius import blast_radius
from backend.plan.plan import Plan, Verdict
from gui.app import make_application, make_demo, make_window
from gui.dialogs.banner import Banner
from gui.dialogs.connect_dialog import METHODS, ConnectDialog
from gui.dialogs.host_key_dialog import HostKeyDialog
from gui.main_window import MainWindow
from gui.tasks import TaskRunner

W = TypeVar("W", bound=QWidget)

SHORT, LONG = 30.0, 1200.0  # seconds: for what this computer and one SSH exec do; for a reboot


class Address(Protocol):
    """Where a node answers: backend.remote's Target has these."""

    @property
    def host(self) -> str: ...
    @property
    def port(self) -> int: ...
    @property
    def user(self) -> str: ...


class JourneyError(AssertionError):
    """The window did not come to where it should; the message holds what it said instead."""


class Journey:
    """Each step waits until the window shows its end and takes a picture; else it raises JourneyError."""

    def __init__(self, window: MainWindow, shots: Path | None) -> None:
        self.window = window
        self.shots = shots
        self._taken = 0
        if shots is not None:
            shots.mkdir(parents=True, exist_ok=True)

    def connect(self, target: Address, identity: Path, fingerprint: str | None) -> None:
        """Connect with the private key `identity`; confirm the host key only if it is `fingerprint`.

        `fingerprint` None: the key is known already, and no question may come.
        """
        self._click(self.window, "empty_connect" if self.window.current is None else "side_connect")
        box = self._await(lambda: self._dialog(ConnectDialog), "the connect dialog")
        self._type(box, "connect_host", target.host)
        self._find(box, QSpinBox, "connect_port").setValue(target.port)
        self._type(box, "connect_user", target.user)
        self._find(box, QComboBox, "connect_method").setCurrentIndex(METHODS.index("key"))
        self._type(box, "connect_key_file", str(identity))
        self._picture("connect", box)
        opened: list[object] = []
        box.opened.connect(opened.append)
        self._click(box, "connect_go")
        if fingerprint is not None:
            question = self._await(lambda: self._dialog(HostKeyDialog), "the question for the host key", box)
            shown = self._find(question, QLabel, "key_fingerprint").text()
            self._picture("host-key", question)
            if shown != fingerprint:
                self._click(question, "host_key_cancel")
                raise JourneyError(f"host key: expected {fingerprint}, shown {shown}")
            self._click(question, "host_key_trust")
        self._await(lambda: bool(opened), "the node", box, seconds=120)
        self._await(lambda: self.window.stack.currentWidget() is self.window.page, "the map")
        self._picture("map")

    def reserve(self, address: PciAddress) -> None:
        """Choose a function on the map and reserve its card."""
        before = self._staged()
        self.window.page.selection.current = address
        self._picture("chosen")
        self._click(self.window.page.inspector, "reserve")
        self._await(lambda: self._staged() > before, f"{address} staged")
        self._picture("reserved")

    def free_gpu(self) -> PciAddress:
        """A display adapter of the open node that the host does not use, for the demo."""
        current = self.window.current
        if current is None:
            raise JourneyError("no node is open")
        for function in current.node.functions:
            is_display = function.base_class == 0x03 and not function.boot_vga
            if is_display and blast_radius(current.node, function.address).verdict == "free":
                return function.address
        raise JourneyError("no free display adapter in the node")

    def iommu_on(self) -> None:
        before = self._staged()
        self._click(self.window, "iommu_on")
        self._await(lambda: self._staged() > before, "IOMMU on staged")
        self._picture("iommu-on")

    def review(self) -> Plan:
        """From the change bar to the review page; the plan that it shows."""
        self._click(self.window, "review")
        return self._reviewed("review")

    def push(self) -> tuple[Verdict, ...]:
        """Push what the review page shows, through the reboot, to the verdicts. Raises where it fails."""
        self._click(self.window, "review_push")
        page = self.window.push
        self._await(lambda: self.window.stack.currentWidget() is page, "the push page")
        self._picture("pushing")
        self._await(lambda: not page.running, "the end of the push", seconds=LONG)
        self._picture("verdicts")
        if any(page.state(row) != "done" for row in range(page.steps.topLevelItemCount())):
            raise JourneyError(f"push: {page.banner.text}\n{page.output.toPlainText()}")
        return page.verdicts

    def rollback(self) -> Plan:
        """Undo the push that the push page shows, through the reboot. The plan that was carried out."""
        self._click(self.window, "push_undo")
        plan = self._reviewed("rollback-review")
        self.push()
        return plan

    def done(self) -> None:
        """Back to the map."""
        self._click(self.window, "push_done")
        self._await(lambda: self.window.stack.currentWidget() is self.window.page, "the map")
        self._picture("after")

    # --- hands and eyes

    def _reviewed(self, picture: str) -> Plan:
        page = self.window.review
        self._await(lambda: self.window.stack.currentWidget() is page, "the review page", seconds=120)
        self._picture(picture)
        plan = page.plan
        if plan is None:
            raise JourneyError("the review page has no plan")
        return plan

    def _staged(self) -> int:
        current = self.window.current
        return 0 if current is None else len(current.staged)

    def _dialog(self, kind: type[W]) -> W | None:
        return next((w for w in self.window.findChildren(kind) if w.isVisible()), None)

    def _find(self, inside: QWidget, kind: type[W], name: str) -> W:
        found = inside.findChild(kind, name)
        if found is None:
            raise JourneyError(f"no {kind.__name__} {name!r} in {inside.objectName()!r}")
        return found

    def _click(self, inside: QWidget, name: str) -> None:
        button = self._find(inside, QPushButton, name)
        self._await(lambda: button.isVisible() and button.isEnabled(), f"the button {name!r}")
        QTest.mouseClick(button, Qt.MouseButton.LeftButton)

    def _type(self, inside: QWidget, name: str, text: str) -> None:
        field = self._find(inside, QLineEdit, name)
        field.clear()
        QTest.keyClicks(field, text)

    def _await(
        self,
        condition: Callable[[], W | bool | None],
        what: str,
        inside: QWidget | None = None,
        seconds: float = SHORT,
    ) -> W:
        deadline = QDeadlineTimer(round(seconds * 1000))
        while True:
            found = condition()
            if found:
                return found  # type: ignore[return-value]
            said = [b.text for b in (inside or self.window).findChildren(Banner) if b.isVisible() and b.is_error]
            if said and inside is not None:
                raise JourneyError(f"waiting for {what}: {said[0]}")
            if deadline.hasExpired():
                raise JourneyError(f"{what} did not come in {seconds:.0f} s. " + " ".join(said))
            QTest.qWait(20)

    def _picture(self, name: str, of: QWidget | None = None) -> None:
        if self.shots is None:
            return
        QApplication.processEvents()
        self._taken += 1
        (of or self.window).grab().save(str(self.shots / f"{self._taken:02d}-{name}.png"))


def demo_journey(shots: Path) -> tuple[Verdict, ...]:
    """The whole main job on the demo. Raises JourneyError where it does not come to its end."""
    make_application()
    runner = TaskRunner()
    with tempfile.TemporaryDirectory(prefix="lanewright-") as folder:
        window = make_window(runner, Path(folder))
        demo = make_demo(runner, window)
        window.resize(1440, 900)
        window.show()
        try:
            machine = demo.machines()[0]
            journey = Journey(window, shots)
            journey.connect(machine, machine.identity, machine.fingerprint)
            journey.reserve(journey.free_gpu())
            if window.current is not None and window.current.node.iommu.active is not True:
                journey.iommu_on()
            journey.review()
            verdicts = journey.push()
            journey.rollback()
            journey.done()
        finally:
            runner.shutdown(window.close_transports, demo.close)
            window.close()
    wrong = [verdict for verdict in verdicts if verdict.holds is not True]
    if wrong:
        raise JourneyError(f"does not hold: {wrong}")
    return verdicts


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m gui.journey", description=__doc__)
    parser.add_argument("--screenshots", type=Path, metavar="DIR", help="where to put the pictures")
    options = parser.parse_args(argv)
    shots = options.screenshots or Path(tempfile.mkdtemp(prefix="lanewright-"))

    verdicts = demo_journey(shots)
    print(f"{len(verdicts)} verdicts, all hold; pictures: {shots}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
