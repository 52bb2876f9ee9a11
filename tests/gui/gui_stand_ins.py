"""An open node and the ways to one, without a backend: what the window is tested against."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import ClassVar

from backend.doctor.finding import Finding
from backend.doctor.symptoms import Recognised
from backend.errors import HostKeyUnknown
from backend.node.address import PciAddress
from backend.node.evidence import Evidence
from backend.node.function import Function
from backend.node.node import Iommu, Node
from backend.plan.plan import Hazard, Intent, Plan, Reboot, RunCommand, Verdict, WriteFile
from backend.progress import CancelToken, Progress, Report
from gui.dialogs.connect_dialog import ConnectRequest

GPU = PciAddress.parse("0000:01:00.0")
NIC = PciAddress.parse("0000:02:00.0")
STEPS = (
    WriteFile("/etc/default/grub", b'A="quiet"\n', b'A="quiet intel_iommu=on"\n'),
    WriteFile("/etc/modprobe.d/lanewright.conf", None, b"options vfio-pci ids=10de:2204,10de:1aef\n"),
    RunCommand(("update-grub",), 60),
    RunCommand(("update-initramfs", "-u", "-k", "all"), 600),
    Reboot(("iommu-on",)),
)


@dataclass(frozen=True)
class Wish:
    """An Intent that only the window looks at."""

    kind: ClassVar[str] = "reserve-card"
    address: PciAddress = GPU

    def edit(self, draft: object) -> None:
        raise NotImplementedError

    def hazards(self, node: Node) -> tuple[Hazard, ...]:
        return ()

    def holds(self, node: Node) -> Verdict:
        return Verdict(self, True, "ok")


def machine() -> Node:
    return Node(
        hostname="pve1",
        iommu=Iommu(active=False, firmware_table=True),
        functions=(
            Function(GPU, 0x030000, 0x10DE, 0x2204, class_name="VGA", device_name="GA102", driver="nouveau"),
            Function(PciAddress.parse("0000:01:00.1"), 0x040300, 0x10DE, 0x1AEF, driver="snd_hda_intel"),
            Function(NIC, 0x020000, 0x8086, 0x1572, driver="i40e"),
        ),
    )


@dataclass
class Result:
    verdicts: tuple[Verdict, ...] = ()
    differing: tuple[str, ...] = ()


@dataclass
class StandInNode:
    """Records what is asked of it. `gate` holds a push until it is set; `fails` is raised by push."""

    name: str = "pve1"
    live: bool = True
    node: Node = field(default_factory=machine)
    staged: tuple[Intent, ...] = ()
    hazards: tuple[Hazard, ...] = ()
    holds: bool | None = True
    differing: tuple[str, ...] = ()
    fails: Exception | None = None
    gate: threading.Event = field(default_factory=threading.Event)
    pushed: list[Plan] = field(default_factory=list)
    heard: tuple[Evidence, ...] = ()
    closed: bool = False
    found: tuple[Finding, ...] = ()
    recognised: tuple[Recognised, ...] = ()

    def findings(self) -> tuple[Finding, ...]:
        return self.found

    def explain(self, lines: Sequence[Evidence]) -> tuple[Recognised, ...]:
        self.heard = tuple(lines)
        return self.recognised

    def stage(self, intent: Intent) -> None:
        self.staged = (*(other for other in self.staged if other != intent), intent)

    def unstage(self, intent: Intent) -> None:
        self.staged = tuple(other for other in self.staged if other != intent)

    def discard(self) -> None:
        self.staged = ()

    def refresh(self, token: CancelToken, report: Report) -> None:
        pass

    def plan(self, token: CancelToken, report: Report) -> Plan:
        return Plan(self.name, "boot-1", self.staged, STEPS, self.hazards)

    def rollback_plan(self, token: CancelToken, report: Report) -> Plan:
        back = (WriteFile("/etc/default/grub", STEPS[0].after, STEPS[0].before), *STEPS[2:])
        return Plan(self.name, "boot-2", (), back, ())

    def push(self, plan: Plan, *, reboot: bool, token: CancelToken, report: Report) -> Result:
        self.pushed.append(plan)
        report(Progress("write", 0, len(plan.steps), "/etc/default/grub"))
        freed = token.on_cancel(self.gate.set)
        self.gate.wait(30)
        freed()
        token.check()
        if self.fails is not None:
            raise self.fails
        self.staged = ()
        evidence = (Evidence("/sys/bus/pci/devices/0000:01:00.0/driver", "../vfio-pci"),)
        code = "holds" if self.holds else "other-driver"
        return Result(tuple(Verdict(intent, self.holds, code, evidence) for intent in plan.intents), self.differing)

    def save(self, path: Path) -> None:
        path.write_bytes(b"saved")

    def close(self) -> None:
        self.closed = True
        self.gate.set()


@dataclass
class StandInOpening:
    """Answers connect() with what stands first in `answers`: exceptions are raised, the rest returned."""

    answers: list[object] = field(default_factory=list)
    asked: list[ConnectRequest] = field(default_factory=list)
    trusted: list[HostKeyUnknown] = field(default_factory=list)

    def connect(self, request: ConnectRequest, token: CancelToken, report: Report) -> object:
        self.asked.append(request)
        report(Progress("connect"))
        answer = self.answers.pop(0)
        if answer == "wait":
            token.wait(30)
        if isinstance(answer, Exception):
            raise answer
        return answer

    def trust(self, error: HostKeyUnknown) -> None:
        self.trusted.append(error)

    def open_file(self, path: Path) -> object:
        answer = self.answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer

    def save(self, opened: object, path: Path) -> None:
        path.write_bytes(b"saved")
