"""What the window needs of the backend, and nothing more: open nodes, and the ways to one."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Protocol

from backend.doctor.finding import Finding
from backend.doctor.symptoms import Recognised
from backend.errors import HostKeyUnknown
from backend.node.address import PciAddress
from backend.node.evidence import Evidence
from backend.node.node import Node
from backend.plan.intents.iommu_on import IommuOn
from backend.plan.intents.reserve_card import ReserveCard
from backend.plan.plan import Intent, Plan, Verdict
from backend.progress import CancelToken, Report
from backend.remote.address import Target
from backend.remote.host_keys import HostKeys
from backend.remote.ssh import Credentials
from backend.workspace import open_file, open_live
from gui.dialogs.connect_dialog import ConnectRequest


class Pushed(Protocol):
    """What a push came to."""

    @property
    def verdicts(self) -> tuple[Verdict, ...]: ...


class OpenNode(Protocol):
    """backend.workspace.OpenNode as the window uses it. What takes a token runs in the node's lane, as do `findings`
    and `explain`."""

    @property
    def name(self) -> str: ...
    @property
    def live(self) -> bool: ...
    @property
    def node(self) -> Node: ...
    @property
    def staged(self) -> tuple[Intent, ...]: ...

    def stage(self, intent: Intent) -> None: ...
    def unstage(self, intent: Intent) -> None: ...
    def discard(self) -> None: ...
    def refresh(self, token: CancelToken, report: Report) -> object: ...
    def plan(self, token: CancelToken, report: Report) -> Plan: ...
    def rollback_plan(self, token: CancelToken, report: Report) -> Plan: ...
    def push(self, plan: Plan, *, reboot: bool, token: CancelToken, report: Report) -> Pushed: ...
    def save(self, path: Path) -> None: ...
    def close(self) -> None: ...
    def findings(self) -> tuple[Finding, ...]: ...
    def explain(self, lines: Sequence[Evidence]) -> tuple[Recognised, ...]: ...


class Opening(Protocol):
    """The ways to an open node."""

    def connect(self, request: ConnectRequest, token: CancelToken, report: Report) -> OpenNode:
        """Raises HostKeyUnknown where the key must be confirmed first."""

    def trust(self, error: HostKeyUnknown) -> None:
        """Keep the key that `error` shows."""

    def open_file(self, path: Path) -> OpenNode: ...
    def save(self, opened: OpenNode, path: Path) -> None: ...


class WorkspaceOpening:
    """backend.workspace, spoken to with what the person typed. `known_hosts`: file of trusted host keys."""

    def __init__(self, known_hosts: Path) -> None:
        self._host_keys = HostKeys(known_hosts)

    def connect(self, request: ConnectRequest, token: CancelToken, report: Report) -> OpenNode:
        target = Target(host=request.host, port=request.port, user=request.user)
        credentials = Credentials(
            identity=Path(request.key_file).expanduser() if request.key_file else None,
            passphrase=request.passphrase or None,
            password=request.password or None,
        )
        return open_live(target, credentials, self._host_keys, token, report)

    def trust(self, error: HostKeyUnknown) -> None:
        self._host_keys.trust(error)

    def open_file(self, path: Path) -> OpenNode:
        return open_file(path)

    def save(self, opened: OpenNode, path: Path) -> None:
        opened.save(path)


def iommu_on() -> Intent:
    return IommuOn()


def reserve_card(node: Node, address: PciAddress) -> Intent:
    """The whole card, by what it is: should another sit there at the push, it is refused."""
    return ReserveCard.of(node, address)
