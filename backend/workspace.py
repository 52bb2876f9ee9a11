"""Open nodes, staged intents, pushes: what the window and the command line drive. Synchronous, no Qt."""

from __future__ import annotations

import getpass
import platform
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from backend.doctor.examine import examine
from backend.doctor.finding import Finding
from backend.doctor.symptoms import Recognised, recognise
from backend.errors import ConnectError, IntentError, Refused, SnapshotError
from backend.node.evidence import Evidence
from backend.node.node import Node
from backend.plan.build import build
from backend.plan.plan import Intent, Plan, Reboot, Verdict
from backend.plan.rollback import rollback, rolls_back
from backend.plan.toml import dumps
from backend.progress import CancelToken, Progress, Report, silent
from backend.push.apply import apply, push_id_of, restart
from backend.push.collect import collect
from backend.push.connection import Connection
from backend.push.reboot import wait_for_new_boot
from backend.remote.address import Target
from backend.remote.host_keys import HostKeys
from backend.remote.ssh import Credentials, connect
from backend.snapshot import file
from backend.snapshot.foreign import open_any
from backend.snapshot.readers import read_node
from backend.snapshot.snapshot import Snapshot


@dataclass(frozen=True, slots=True)
class PushResult:
    """`rebooted`: the node was seen in a new boot. `verdicts` are those of the plan's intents, looked at afterwards;
    `differing` the files that were written and are not so when read back."""

    push_id: str
    rebooted: bool
    verdicts: tuple[Verdict, ...]
    differing: tuple[str, ...] = ()


class OpenNode:
    """A node that is looked at: live over SSH, or from a file. Not for two threads at once."""

    def __init__(
        self,
        name: str,
        node: Node,
        snapshot: Snapshot | None = None,
        login: Login | None = None,
        connection: Connection | None = None,
    ) -> None:
        self.name = name
        self.node = node
        self.snapshot = snapshot
        self._login = login
        self._connection = connection
        self._staged: list[Intent] = []

    # What is wanted

    @property
    def staged(self) -> tuple[Intent, ...]:
        return tuple(self._staged)

    def stage(self, intent: Intent) -> None:
        """Staging what is staged already changes nothing."""
        if intent not in self._staged:
            self._staged.append(intent)

    def unstage(self, intent: Intent) -> None:
        if intent in self._staged:
            self._staged.remove(intent)

    def discard(self) -> None:
        self._staged.clear()

    # What is

    @property
    def live(self) -> bool:
        return self._login is not None

    def refresh(self, token: CancelToken, report: Report = silent) -> Node:
        """Read the node anew."""
        self.snapshot = collect(self._connected(token), token, report)
        self.node = read_node(self.snapshot)
        return self.node

    def save(self, path: Path) -> None:
        """Keep the snapshot as a file. Raises SnapshotError("file-unwritable"), and IntentError("no-snapshot") where
        the node came from a foreign copy of /sys."""
        if self.snapshot is None:
            raise IntentError("no-snapshot")
        file.save(path, self.snapshot)

    def verify(self, intents: Iterable[Intent]) -> tuple[Verdict, ...]:
        """What each intent says of the node as last read."""
        return tuple(intent.holds(self.node) for intent in intents)

    def findings(self) -> tuple[Finding, ...]:
        """What the doctor says of the node as last read. Takes a while on a large one."""
        return examine(self.node)

    def explain(self, lines: Sequence[Evidence]) -> tuple[Recognised, ...]:
        """The symptoms that a log shows, with what may be behind each on this node."""
        return recognise(lines, self.node)

    # What will be

    def plan(self, token: CancelToken, report: Report = silent, intents: tuple[Intent, ...] | None = None) -> Plan:
        """Derive the steps anew, from a fresh snapshot where the node is live."""
        if self.live:
            self.refresh(token, report)
        return build(self.node, self.staged if intents is None else intents)

    def rollback_plan(self, token: CancelToken, report: Report = silent) -> Plan:
        """How to put back what the last push found. Raises IntentError("nothing-to-roll-back")."""
        if self.live:
            self.refresh(token, report)
        return rollback(self.node)

    def push(self, plan: Plan, *, reboot: bool, token: CancelToken, report: Report = silent) -> PushResult:
        """Write, run, restart, wait, look. A cancel is heard before the first write, before the restart, and while
        waiting; in between the node is brought to a whole state first.

        Raises Refused (hazards), StalePlan, StepFailed, OutcomeUnknown, ConnectError("not-back"), Cancelled.
        """
        if plan.refused:
            raise Refused("hazards", node=self.name, hazards=", ".join(h.code for h in plan.hazards if h.blocks))
        token.check()
        connection = self._connected(token)
        meta = {"who": f"{getpass.getuser()}@{platform.node()}", "app": "lanewright"}
        undone = rolls_back(self.node) if not plan.intents else None
        if undone:
            meta["rolls_back"] = undone
        if plan.intents:
            meta["intents"] = dumps(plan.intents)  # so that drift is seen later, from any desk
        push_id = push_id_of(plan, self.node.taken)
        apply(connection, plan, push_id, meta, report)
        rebooted = False
        if reboot and plan.reboots:
            token.check()
            restart(connection, plan, push_id, meta, report)
            connection.close()
            self._connection = None
            self._connection = wait_for_new_boot(
                lambda: self._log_in(token),
                plan.boot_id,
                timeout=max(step.timeout for step in plan.steps if isinstance(step, Reboot)),
                token=token,
                report=report,
            )
            rebooted = True
        report(Progress("verify"))
        self.refresh(token)
        verdicts = self.verify(plan.intents)
        for verdict in verdicts:
            if verdict.holds:
                self.unstage(verdict.intent)
        differing = tuple(step.path for step in plan.writes if self.node.files.get(step.path) != step.after)
        return PushResult(push_id, rebooted, verdicts, differing)

    def close(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def _connected(self, token: CancelToken) -> Connection:
        if self._login is None:
            raise ConnectError("not-live", node=self.name)
        if self._connection is None or not self._connection.alive:
            self._connection = self._log_in(token)
        return self._connection

    def _log_in(self, token: CancelToken) -> Connection:
        assert self._login is not None
        return self._login.connect(token)


@dataclass(frozen=True, slots=True)
class Login:
    """All that is needed to log in again after a reboot; kept in memory alone."""

    target: Target
    credentials: Credentials
    host_keys: HostKeys

    def connect(self, token: CancelToken) -> Connection:
        return connect(self.target, self.credentials, self.host_keys, token=token)


def open_live(
    target: Target,
    credentials: Credentials,
    host_keys: HostKeys,
    token: CancelToken,
    report: Report = silent,
) -> OpenNode:
    """Connect and read. Raises ConnectError, HostKeyUnknown, HostKeyChanged, LoginError, NodeError, Cancelled."""
    login = Login(target, credentials, host_keys)
    report(Progress("connect", detail=str(target)))
    connection = login.connect(token)
    try:
        snapshot = collect(connection, token, report)
        node = read_node(snapshot)
    except BaseException:
        connection.close()
        raise
    return OpenNode(node.hostname or target.host, node, snapshot, login, connection)


def open_file(path: Path) -> OpenNode:
    """A snapshot file, a foreign copy of /sys, or a listing. Raises SnapshotError."""
    node = open_any(path)
    try:
        snapshot: Snapshot | None = file.open_file(path)
    except SnapshotError:  # a foreign copy: that it opened is what counts
        snapshot = None
    return OpenNode(node.hostname or path.name, node, snapshot)
