"""What the doctor says: findings, and the rules that make them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from types import MappingProxyType

from backend.node.address import PciAddress
from backend.node.evidence import Evidence
from backend.node.node import Node
from backend.plan.plan import Intent


class Severity(StrEnum):
    """ERROR: passthrough does not work, or the host would be harmed. WARNING: it will bite some day, or in part.
    NOTE: good to know."""

    ERROR = "error"
    WARNING = "warning"
    NOTE = "note"


class Subject(StrEnum):
    """What a rule looks at: the chapters of PVE's guide, in its order."""

    HARDWARE = "hardware"  # firmware, IOMMU, interrupt remapping
    KERNEL = "kernel"  # boot loader, command line, kernel version
    MODULES = "modules"  # modprobe.d, modules-load.d, initramfs
    GROUPS = "groups"
    DEVICES = "devices"
    GUESTS = "guests"  # VMs and mappings


@dataclass(frozen=True, slots=True)
class Told:
    """What a rule found once: its evidence, whom it concerns, the values its sentences name, the intent that mends it.

    ``address`` is the function concerned, ``vmid`` the guest; both may be None. ``values`` fill the placeholders of the
    rule's sentences in resources/doctor/.
    """

    evidence: tuple[Evidence, ...]
    address: PciAddress | None = None
    vmid: int | None = None
    values: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))
    remedy: Intent | None = None


Check = Callable[[Node], Iterator[Told]]


@dataclass(frozen=True, slots=True)
class Rule:
    """One small pure function under a stable code. Its sentences (title, means, do) are in resources/doctor/
    under the same code."""

    code: str
    severity: Severity
    subject: Subject
    check: Check


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing the doctor says about a node."""

    rule: Rule
    told: Told

    @property
    def code(self) -> str:
        return self.rule.code

    @property
    def severity(self) -> Severity:
        return self.rule.severity


def rule(code: str, severity: Severity, subject: Subject) -> Callable[[Check], Rule]:
    """Decorator: the function becomes the rule."""

    def make(check: Check) -> Rule:
        return Rule(code, severity, subject, check)

    return make
