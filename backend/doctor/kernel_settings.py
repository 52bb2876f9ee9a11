"""What the kernel was given at boot, and what this node's files give it: for the rules of kernel and modules."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from backend.errors import IntentError
from backend.node.evidence import Evidence
from backend.node.node import Node
from backend.plan.draft import FileDraft
from backend.plan.edits import boot_parameters, cmdline, grub, modprobe

_FOLDERS = ("/etc/modprobe.d", "/run/modprobe.d", "/usr/local/lib/modprobe.d", "/usr/lib/modprobe.d", "/lib/modprobe.d")
_KEYS = re.compile(
    r"(?:(?:intel_|amd_)?iommu|pcie?_acs_override|initcall_blacklist|video|nomodeset|(?:modprobe|module)[._]blacklist|pci"
    r"|(?:iommu|vfio|vfio[-_]pci|vfio_iommu_type1|i915|xe|kvm)\.\w+)(?:=|$)"
)
_RELEASE = re.compile(r"(\d+)\.(\d+)(?:\.(\d+)(?:-(\d+))?)?")
_YES = ("1", "y", "Y", "t", "T", "on", "ON", "On")  # kstrtobool


def booted(node: Node) -> tuple[str, ...]:
    """The parameters of the running kernel."""
    return cmdline.split(node.cmdline or "")


def for_passthrough(token: str) -> bool:
    """A parameter that one sets for a passthrough's sake."""
    return _KEYS.match(token) is not None


def on_command_line(*tokens: str) -> Evidence:
    return Evidence("/proc/cmdline", " ".join(tokens))


def whole_command_line(node: Node) -> Evidence:
    """For what is not on it."""
    return Evidence("/proc/cmdline", node.cmdline)


def next_boot(node: Node) -> tuple[str, ...] | None:
    """What the files of the loader that booted give; None where that is not known."""
    if grub.DEFAULT not in node.files and boot_parameters.KERNEL_CMDLINE not in node.files:
        return None
    try:
        return boot_parameters.given(FileDraft(node))
    except IntentError:
        return None


def release(node: Node) -> tuple[int, ...]:
    """The running kernel as numbers to compare: (6, 14, 8, 2) of "6.14.8-2-pve"; empty where it is not known."""
    match = _RELEASE.match(node.kernel or "")
    return tuple(int(number) for number in match.groups() if number is not None) if match else ()


def built_with(node: Node, option: str) -> Evidence | None:
    """The line of the running kernel's configuration that has ``CONFIG_option=y`` or ``=m``. Without text where it has
    none, None where that file is not known."""
    path = f"/boot/config-{node.kernel}"
    if path not in node.files:
        return None
    for number, line in enumerate(node.files[path].decode("utf-8", "replace").splitlines(), 1):
        if line in (f"CONFIG_{option}=y", f"CONFIG_{option}=m"):
            return Evidence(path, line, number)
    return Evidence(path, None)


def line_with(node: Node, path: str, text: str) -> Evidence:
    """The first line of a file that `text` is in, comments left out; the whole file without a line where none is."""
    for number, line in enumerate(node.files[path].decode("utf-8", "replace").splitlines(), 1):
        if text in line and not line.lstrip().startswith("#"):
            return Evidence(path, line, number)
    return Evidence(path, None)


@dataclass(frozen=True, slots=True)
class Command:
    """One line of modprobe's configuration: "options", "softdep", "blacklist", ..., its words, where it stands."""

    words: tuple[str, ...]
    path: str
    evidence: Evidence

    def concerns(self, module: str) -> bool:
        return len(self.words) > 1 and modprobe.same(self.words[1], module)


def commands(node: Node, kind: str = "") -> Iterator[Command]:
    """Those of a kind, or all, in the order in which kmod reads them: by name of the file, of which the first folder's
    is the only one (modprobe.d(5))."""
    files: dict[str, str] = {}
    for folder in _FOLDERS:
        for path in node.files:
            name = path.rpartition("/")[2]
            if path == f"{folder}/{name}" and name.endswith(".conf"):
                files.setdefault(name, path)
    for _, path in sorted(files.items()):
        text = node.files[path].decode("utf-8", "replace")
        for line in modprobe.lines(text):
            if kind in ("", line.words[0]):
                number = text.count("\n", 0, line.start) + 1
                yield Command(line.words, path, Evidence(path, text[line.start : line.end].strip(), number))


def options(node: Node, module: str, name: str) -> tuple[tuple[str, Evidence], ...]:
    """Every value given to a module's parameter, in the order the kernel hears them: the last one holds. kmod puts
    those of the command line behind those of its files."""
    found = [
        (value, command.evidence)
        for command in commands(node, "options")
        if command.concerns(module)
        for key, sign, value in (word.partition("=") for word in command.words[2:])
        if key == name and sign
    ]
    for token in booted(node):
        key, sign, value = token.partition("=")
        owner, _, parameter = key.partition(".")
        if sign and parameter == name and modprobe.same(owner, module):
            found.append((value, on_command_line(token)))
    return tuple(found)


def switched_on(node: Node, module: str, name: str) -> Evidence | None:
    """What sets a yes-or-no parameter, where it comes to yes."""
    given = options(node, module, name)
    return given[-1][1] if given and given[-1][0] in _YES else None
