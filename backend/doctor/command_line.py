"""The kernel's command line: from the file an admin edits, by way of the boot loader, to the running kernel."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from difflib import get_close_matches

from backend.doctor.finding import Severity, Subject, Told, rule
from backend.doctor.kernel_settings import booted, for_passthrough, line_with, next_boot, whole_command_line
from backend.errors import IntentError
from backend.node.evidence import Evidence
from backend.node.node import Node
from backend.plan.draft import FileDraft
from backend.plan.edits import cmdline, grub
from backend.plan.edits.boot_parameters import KERNEL_CMDLINE
from backend.plan.intents import IommuOn

_GRUB_CFG = "/boot/grub/grub.cfg"
_PIN = "/etc/kernel/proxmox-boot-pin"
_ENTRY = re.compile(r"[ \t]*linux(?:16|efi)?[ \t]+(\S+)[ \t]+(.*)")
_SPACED = re.compile(r"[ \t]*(GRUB_CMDLINE_LINUX(?:_DEFAULT)?)[ \t]+=")
_QUOTES = str.maketrans("", "", "\"'\\")
_VARIABLES = (grub.LINUX, grub.LINUX_DEFAULT)
# What else grub-mkconfig and its scripts know by such a name (grub-common: grub-mkconfig, grub.d/*).
_OTHERS = (
    "GRUB_CMDLINE_LINUX_RECOVERY",
    "GRUB_CMDLINE_LINUX_XEN_REPLACE",
    "GRUB_CMDLINE_LINUX_XEN_REPLACE_DEFAULT",
    "GRUB_CMDLINE_XEN",
    "GRUB_CMDLINE_XEN_DEFAULT",
    "GRUB_CMDLINE_GNUMACH",
)


@rule("parameter-not-booted", Severity.WARNING, Subject.KERNEL)
def _not_booted(node: Node) -> Iterator[Told]:
    """The file of the right loader has it, the running kernel does not. Where grub.cfg lacks it too, that comes first.
    A recovery entry gets only a part."""
    given = booted(node)
    lost = _missing(next_boot(node) or (), given)
    if node.cmdline is None or "single" in given or not lost or _stale(node):
        return
    yield Told(
        (*_written(node, lost), whole_command_line(node)),
        values={"parameters": " ".join(lost)},
        remedy=_remedy(node, lost),
    )


@rule("grub-cfg-stale", Severity.WARNING, Subject.KERNEL)
def _cfg_stale(node: Node) -> Iterator[Told]:
    if stale := _stale(node):
        entry, changed = stale
        written = _written(node, changed)
        yield Told((*written, entry), values={"parameters": " ".join(changed)}, remedy=_remedy(node, changed))


@rule("wrong-loader-file", Severity.WARNING, Subject.KERNEL)
def _wrong_file(node: Node) -> Iterator[Told]:
    """Parameters for passthrough in the file of the loader that did not boot, and not in that of the one that did."""
    right = next_boot(node)
    if right is None or node.boot.loader is None:
        return
    if node.boot.loader == "grub":
        wrong, read = _kernel_cmdline(node), grub.DEFAULT
    else:
        wrong, read = _grub(node), KERNEL_CMDLINE
    lost = tuple(token for token in wrong if for_passthrough(token) and token not in (*right, *booted(node)))
    if lost:
        evidence = (*_written(node, lost), *_loader_signs(node))
        values = {"parameters": " ".join(lost), "loader": node.boot.loader, "file": read}
        yield Told(evidence, values=values, remedy=_remedy(node, lost))


@rule("cmdline-second-line", Severity.WARNING, Subject.KERNEL)
def _second_line(node: Node) -> Iterator[Told]:
    """Only where the file is read at all."""
    if node.boot.loader == "grub" or not node.boot.managed_esps:
        return
    lines = node.files.get(KERNEL_CMDLINE, b"").decode("utf-8", "replace").splitlines()
    for number, line in enumerate(lines[1:], 2):
        if line.strip() and not line.lstrip().startswith("#"):
            yield Told((Evidence(KERNEL_CMDLINE, line, number),), values={"parameters": line.strip()})


@rule("cmdline-no-root", Severity.ERROR, Subject.KERNEL)
def _no_root(node: Node) -> Iterator[Told]:
    """proxmox-boot-tool looks before it asks which loader an ESP has (zz-proxmox-boot, update_esps)."""
    if KERNEL_CMDLINE not in node.files or not node.boot.managed_esps:
        return
    if not any(token.startswith("root=") for token in _kernel_cmdline(node)):
        first = node.files[KERNEL_CMDLINE].decode("utf-8", "replace").partition("\n")[0]
        yield Told((Evidence(KERNEL_CMDLINE, first, 1),))


@rule("drop-in-overrides", Severity.WARNING, Subject.KERNEL)
def _overrides(node: Node) -> Iterator[Told]:
    """A later assignment that starts anew, in a drop-in or further down; what it takes away and nothing brings back."""
    files = grub.within(FileDraft(node))
    if node.boot.loader != "grub":
        return
    known: dict[str, str] = {}
    where: dict[str, Evidence] = {}
    try:
        effective = grub.tokens(files)
        for path in grub.order(files):
            text = files[path].decode("utf-8", "surrogateescape")
            for found in grub.assignments(text, path, _VARIABLES):
                here = Evidence(path, text.splitlines()[found.line - 1], found.line)
                value = found.value(known)
                lost = [t for t in cmdline.split(known.get(found.name, "")) if t not in cmdline.split(value)]
                lost = [token for token in lost if token not in (*effective, "quiet", "splash")]
                if lost and found.name in _VARIABLES:
                    values = {"parameters": " ".join(lost), "variable": found.name, "file": path}
                    yield Told((where[found.name], here), values=values)
                known[found.name], where[found.name] = value, here
    except IntentError:
        return


@rule("typo-in-grub-variable", Severity.WARNING, Subject.KERNEL)
def _typo(node: Node) -> Iterator[Told]:
    """A name that is nearly one of the two, or one with a gap before its sign of equality: the shell heeds neither."""
    for path, content in grub.within(FileDraft(node)).items():
        text = content.decode("utf-8", "replace")
        for number, line in enumerate(text.splitlines(), 1):
            if match := _SPACED.match(line):
                yield Told(
                    (Evidence(path, line, number),), values={"written": f"{match[1]} =", "meant": f"{match[1]}="}
                )
        for found in grub.assignments(text, path, ()):
            near = get_close_matches(found.name, (*_VARIABLES, *_OTHERS), 1, 0.9)
            if near and near[0] != found.name and near[0] in _VARIABLES:
                evidence = Evidence(path, text.splitlines()[found.line - 1], found.line)
                yield Told((evidence,), values={"written": found.name, "meant": near[0]})


@rule("boot-loader-unclear", Severity.WARNING, Subject.KERNEL)
def _unclear(node: Node) -> Iterator[Told]:
    if node.boot.reason in ("disagree", "unknown-loader"):
        yield Told(_loader_signs(node))


@rule("kernel-pinned", Severity.NOTE, Subject.KERNEL)
def _pinned(node: Node) -> Iterator[Told]:
    """proxmox-boot-tool kernel pin."""
    pinned = node.files.get(_PIN, b"").decode("utf-8", "replace").partition("\n")[0].strip()
    if pinned:
        evidence = (Evidence(_PIN, pinned, 1), Evidence("/proc/sys/kernel/osrelease", node.kernel))
        yield Told(evidence, values={"kernel": pinned})


def _missing(wanted: Sequence[str], given: Sequence[str]) -> tuple[str, ...]:
    """In whatever quotes: GRUB's shell takes some of them away, and adds others."""
    have = {token.translate(_QUOTES) for token in given}
    return tuple(token for token in dict.fromkeys(wanted) if token.translate(_QUOTES) not in have)


def _stale(node: Node) -> tuple[Evidence, tuple[str, ...]] | None:
    """The entry of the running kernel (the first one, where it has none) and the parameters in which it differs from
    what would be generated now. Other scripts add to an entry, so of what it has more only passthrough's count. With
    ESPs that proxmox-boot-tool keeps, another grub.cfg boots."""
    wanted = next_boot(node)
    if wanted is None or node.boot.loader != "grub" or node.boot.managed_esps or _GRUB_CFG not in node.files:
        return None
    entries = []
    for number, line in enumerate(node.files[_GRUB_CFG].decode("utf-8", "replace").splitlines(), 1):
        match = _ENTRY.match(line)
        if match and "single" not in (tokens := cmdline.split(match[2])):
            entries.append((match[1], tokens, Evidence(_GRUB_CFG, line.strip(), number)))
    own = [entry for entry in entries if node.kernel and entry[0].endswith(f"-{node.kernel}")]
    for _, tokens, evidence in (own or entries)[:1]:
        more = tuple(t for t in _missing(tokens, wanted) if for_passthrough(t))
        changed = (*_missing(wanted, tokens), *more)
        return (evidence, changed) if changed else None
    return None


def _kernel_cmdline(node: Node) -> tuple[str, ...]:
    text = node.files.get(KERNEL_CMDLINE, b"").decode("utf-8", "surrogateescape")
    return cmdline.split(text.partition("\n")[0])


def _grub(node: Node) -> tuple[str, ...]:
    try:
        return grub.tokens(grub.within(FileDraft(node)))
    except IntentError:
        return ()


def _written(node: Node, parameters: Sequence[str]) -> tuple[Evidence, ...]:
    """Where an admin wrote them, by line."""
    paths = (*grub.order(node.files), *((KERNEL_CMDLINE,) if KERNEL_CMDLINE in node.files else ()))
    found = (line_with(node, path, token) for token in parameters for path in paths)
    return tuple(dict.fromkeys(evidence for evidence in found if evidence.line is not None))


def _loader_signs(node: Node) -> tuple[Evidence, ...]:
    return tuple(Evidence(source, loader) for source, _, loader in (s.rpartition(": ") for s in node.boot.evidence))


def _remedy(node: Node, parameters: Sequence[str]) -> IommuOn | None:
    """It writes the right file and has the entries made anew."""
    wants = any(token.partition("=")[0] in ("intel_iommu", "iommu") for token in parameters)
    return IommuOn() if wants and node.iommu.active is False else None


RULES = (
    _not_booted,
    _cfg_stale,
    _wrong_file,
    _second_line,
    _no_root,
    _overrides,
    _typo,
    _unclear,
    _pinned,
)
