"""The guide's steps in its order, and how far this node is with each: what the checklist page shows."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum

from backend.doctor.finding import Finding, Severity, Subject
from backend.node.evidence import Evidence
from backend.node.function import Function
from backend.node.node import Node
from backend.plan.edits.cmdline import split


class State(StrEnum):
    """BLOCKED: not done, and cannot be before an earlier step is. UNKNOWN: the snapshot does not tell."""

    DONE = "done"
    TODO = "todo"
    BLOCKED = "blocked"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Step:
    """``code`` is that of its sentences in resources/doctor/steps.toml. ``findings`` are those that belong to it, all
    severities, in the order they were given."""

    code: str
    state: State
    evidence: tuple[Evidence, ...]
    findings: tuple[Finding, ...]

    @property
    def subject(self) -> Subject:
        """The chapter of the guide under which it stands."""
        return next(step.subject for step in _STEPS if step.code == self.code)


Look = Callable[[Node], tuple[State, tuple[Evidence, ...]]]


@dataclass(frozen=True, slots=True)
class _Asked:
    """A step as the guide asks it. ``needs``: codes of the steps without which it cannot be done. ``takes``: codes of
    rules whose findings belong here; what no step takes is under the first one of its subject."""

    code: str
    subject: Subject
    look: Look
    needs: tuple[str, ...] = ()
    takes: tuple[str, ...] = ()


def checklist(node: Node, findings: Sequence[Finding]) -> tuple[Step, ...]:
    """All steps in the guide's order. A step with a finding of severity error is never done; every finding is under
    exactly one step."""
    under: dict[str, list[Finding]] = {step.code: [] for step in _STEPS}
    for finding in findings:
        under[_place(finding)].append(finding)
    done: dict[str, Step] = {}
    for asked in _STEPS:
        state, evidence = asked.look(node)
        own = tuple(under[asked.code])
        if any(finding.severity is Severity.ERROR for finding in own):
            state = State.TODO
        if state is State.TODO and any(done[code].state in (State.TODO, State.BLOCKED) for code in asked.needs):
            state = State.BLOCKED
        done[asked.code] = Step(asked.code, state, evidence, own)
    return tuple(done.values())


def _place(finding: Finding) -> str:
    for step in _STEPS:
        if finding.code in step.takes:
            return step.code
    return next(step.code for step in _STEPS if step.subject is finding.rule.subject)


# What each step looks at.


def _state(is_so: bool | None) -> State:
    """None: the snapshot does not tell."""
    return State.UNKNOWN if is_so is None else State.DONE if is_so else State.TODO


def _firmware(node: Node) -> tuple[State, tuple[Evidence, ...]]:
    """An IOMMU at work proves its table, also where nobody copied /sys/firmware."""
    is_so = True if node.iommu.active else node.iommu.firmware_table
    if is_so is None:
        return State.UNKNOWN, ()
    table = "DMAR" if node.iommu.vendor == "intel" else "IVRS" if node.iommu.vendor == "amd" else "DMAR or IVRS"
    return _state(is_so), (Evidence("/sys/firmware/acpi/tables", table if is_so else None),)


def _hardware(node: Node) -> tuple[State, tuple[Evidence, ...]]:
    """Firmware shows no table of an IOMMU that it keeps switched off: without one nothing is known of the hardware."""
    state, evidence = _firmware(node)
    return State.UNKNOWN if state is State.TODO else state, evidence


def _parameter(node: Node) -> tuple[State, tuple[Evidence, ...]]:
    evidence = (Evidence("/proc/cmdline", node.cmdline),)
    if node.iommu.active:
        return State.DONE, evidence
    if node.cmdline is None:
        return State.UNKNOWN, ()
    given = split(node.cmdline)
    if any(token in given for token in ("iommu=off", "intel_iommu=off", "amd_iommu=off")):
        return State.TODO, evidence
    if node.iommu.vendor == "amd":
        return State.DONE, evidence
    if any(token.startswith("intel_iommu=on") for token in given) or node.iommu.default_on:
        return State.DONE, evidence
    return _state(None if node.iommu.vendor is None or node.iommu.default_on is None else False), evidence


def _active(node: Node) -> tuple[State, tuple[Evidence, ...]]:
    groups = Evidence("/sys/kernel/iommu_groups", str(len(node.groups)) if node.groups else None)
    return _state(node.iommu.active), (groups,)


def _remapping(node: Node) -> tuple[State, tuple[Evidence, ...]]:
    said = tuple(line for line in node.log if "emapping" in (line.text or ""))
    return _state(node.iommu.interrupt_remapping), said


def _modules(node: Node) -> tuple[State, tuple[Evidence, ...]]:
    """PVE loads vfio-pci when a VM starts (PVE::SysFSTools), so a kernel of PVE's own is as good as the module."""
    loaded = tuple(name for name in node.modules if name in ("vfio_pci", "vfio", "vfio_iommu_type1"))
    if "vfio_pci" in loaded or any(function.driver == "vfio-pci" for function in node.functions):
        return State.DONE, (Evidence("/proc/modules", " ".join(loaded) or None),)
    if node.kernel is not None and node.kernel.endswith("-pve"):
        return State.DONE, (Evidence("/proc/sys/kernel/osrelease", node.kernel),)
    return State.UNKNOWN, (Evidence("/proc/modules", None),)


def _groups(node: Node) -> tuple[State, tuple[Evidence, ...]]:
    """Isolated enough: no member of a group that goes to a VM is of use to the host."""
    if not node.groups:
        return _state(None if node.iommu.active is None else False), (Evidence("/sys/kernel/iommu_groups", None),)
    crowded = tuple(
        Evidence(f"/sys/kernel/iommu_groups/{function.group}/devices", f"{function.address} {mate.address}")
        for function in _chosen(node)
        for mate in node.mates(function.address)
        if any(use.kind != "guest" for use in node.uses_of.get(mate.address, ()))
    )
    return _state(not crowded), crowded or (Evidence("/sys/kernel/iommu_groups", str(len(node.groups))),)


def _devices(node: Node) -> tuple[State, tuple[Evidence, ...]]:
    """Bound to vfio-pci by now, or named by a VM: then PVE binds it when that VM starts."""
    chosen = tuple(
        Evidence(f"/sys/bus/pci/devices/{function.address}/driver", function.driver) for function in _chosen(node)
    )
    return _state(bool(chosen) if node.functions else None), chosen


def _guests(node: Node) -> tuple[State, tuple[Evidence, ...]]:
    lines = tuple(_hostpci(node))
    return _state(bool(lines) if node.guests or node.files else None), lines


def _machine(node: Node) -> tuple[State, tuple[Evidence, ...]]:
    """Which machine types fit is for the rules to say; without a device in a VM there is nothing to fit."""
    return _guests(node)


def _mappings(node: Node) -> tuple[State, tuple[Evidence, ...]]:
    """Mappings are a choice: where no VM names one, nothing is left to do."""
    if not node.files and not node.guests:
        return State.UNKNOWN, ()
    return State.DONE, tuple(line for line in _hostpci(node) if "mapping=" in (line.text or ""))


def _chosen(node: Node) -> tuple[Function, ...]:
    """Functions meant for VMs."""
    return tuple(
        function
        for function in node.functions
        if function.driver == "vfio-pci" or any(u.kind == "guest" for u in node.uses_of.get(function.address, ()))
    )


def _hostpci(node: Node) -> Iterator[Evidence]:
    for guest in node.guests:
        yield from map(guest.evidence, guest.hostpci)


_STEPS = (
    _Asked("step-hardware", Subject.HARDWARE, _hardware),
    _Asked("step-firmware", Subject.HARDWARE, _firmware, takes=("iommu-firmware-off",)),
    _Asked("step-parameter", Subject.KERNEL, _parameter, needs=("step-firmware",)),
    _Asked(
        "step-active",
        Subject.KERNEL,
        _active,
        needs=("step-firmware", "step-parameter"),
        takes=("iommu-not-active", "iommu-only-echoed"),
    ),
    _Asked(
        "step-remapping",
        Subject.KERNEL,
        _remapping,
        needs=("step-firmware",),
        takes=("interrupt-remapping-off", "unsafe-interrupts-allowed", "unsafe-interrupts-without-need"),
    ),
    _Asked("step-modules", Subject.MODULES, _modules, takes=("vfio-ids-on-cmdline",)),
    _Asked(
        "step-groups",
        Subject.GROUPS,
        _groups,
        needs=("step-active",),
        takes=("acs-override-on", "kernel-skylake-graphics"),
    ),
    _Asked(
        "step-devices",
        Subject.DEVICES,
        _devices,
        needs=("step-active",),
        takes=("kernel-regression", "kernel-without-power-management", "kernel-without-irqfd"),
    ),
    _Asked("step-guests", Subject.GUESTS, _guests, needs=("step-devices",), takes=("kernel-newer-than-vgpu",)),
    _Asked(
        "step-machine",
        Subject.GUESTS,
        _machine,
        needs=("step-guests",),
        takes=(
            "guest-pcie-needs-q35",
            "guest-legacy-igd",
            "guest-xvga-vga-set",
            "guest-ovmf-needs-efi-rom",
            "guest-seabios-needs-bios-rom",
            "guest-cpu-type",
        ),
    ),
    _Asked(
        "step-mappings",
        Subject.GUESTS,
        _mappings,
        takes=(
            "mapping-unknown",
            "mapping-no-local-entry",
            "mapping-two-ids",
            "mapping-group-moved",
            "mapping-invalid",
            "mapping-stale",
            "mapping-unreadable",
        ),
    ),
)
