"""A plan: ordered steps that make intents true on one node."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import ClassVar, Protocol

from backend.node.address import PciAddress
from backend.node.evidence import Evidence
from backend.node.node import Node


@dataclass(frozen=True, slots=True)
class WriteFile:
    """Replace, create (`before` None) or remove (`after` None) one file. Mode and owner of an existing file stay."""

    path: str
    before: bytes | None
    after: bytes | None
    mode: int = 0o644  # for a file that is created

    @property
    def before_digest(self) -> str | None:
        """SHA-256 hex of what must be there when it is written; None: the file must be absent."""
        return None if self.before is None else hashlib.sha256(self.before).hexdigest()


@dataclass(frozen=True, slots=True)
class RunCommand:
    """One argument list run on the node. `timeout` in seconds."""

    argv: tuple[str, ...]
    timeout: float


@dataclass(frozen=True, slots=True)
class Reboot:
    """Restart the node; done when it answers with another boot_id. `reasons` are intent codes."""

    reasons: tuple[str, ...]
    timeout: float = 900


Step = WriteFile | RunCommand | Reboot


@dataclass(frozen=True, slots=True)
class Verdict:
    """Whether an intent holds on a node. `holds` None: the snapshot cannot tell. `code` names the reason."""

    intent: Intent
    holds: bool | None
    code: str
    evidence: tuple[Evidence, ...] = ()


@dataclass(frozen=True, slots=True)
class Hazard:
    """What a plan would take from the host. `code`: "this-connection", "management", "root", "boot", "swap", "mount",
    "console", "network", "same-ids" (identical device that is hit too), "group-mate", ... `chain` as in Use.
    `blocks`: the push is refused unless overridden."""

    code: str
    address: PciAddress | None
    chain: tuple[str, ...] = ()
    blocks: bool = True


class Intent(Protocol):
    """What the admin wants of one node. Implementations are frozen dataclasses in backend/plan/intents/."""

    kind: ClassVar[str]  # stable: "iommu-on", "reserve-card"; the key in TOML

    def edit(self, draft: Draft) -> None:
        """Write the wish into the draft's files and name what must run and whether a reboot is needed.
        Raises IntentError where it cannot be done on this node."""

    def hazards(self, node: Node) -> tuple[Hazard, ...]: ...

    def holds(self, node: Node) -> Verdict: ...


class Draft(Protocol):
    """The editable files of a node while intents are folded into them (backend/plan/draft.py)."""

    node: Node

    def read(self, path: str) -> bytes | None:
        """What the file holds with the edits so far; None where it is absent."""

    def write(self, path: str, content: bytes | None) -> None:
        """None removes the file."""

    def needs(self, what: str) -> None:
        """`what`: "boot-config" (update-grub), "initramfs" (update-initramfs -u -k all), "reboot"."""


@dataclass(frozen=True, slots=True)
class Plan:
    """Derived anew from a fresh snapshot at review: the bytes reviewed are the bytes written."""

    hostname: str
    boot_id: str | None
    intents: tuple[Intent, ...]
    steps: tuple[Step, ...]
    hazards: tuple[Hazard, ...]

    @property
    def writes(self) -> tuple[WriteFile, ...]:
        return tuple(step for step in self.steps if isinstance(step, WriteFile))

    @property
    def reboots(self) -> bool:
        return any(isinstance(step, Reboot) for step in self.steps)

    @property
    def refused(self) -> bool:
        return any(hazard.blocks for hazard in self.hazards)
