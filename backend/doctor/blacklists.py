"""Who gets a device first: blacklists and softdeps of modprobe.d."""

from __future__ import annotations

import re
from collections.abc import Iterator
from fnmatch import fnmatchcase

from backend.doctor.finding import Severity, Subject, Told, rule
from backend.doctor.kernel_settings import Command, booted, commands, on_command_line
from backend.doctor.passed import attribute, name_of, passed
from backend.doctor.vfio_ids import in_effect, matches
from backend.node.evidence import Evidence
from backend.node.function import Function
from backend.node.node import Node
from backend.plan.edits import modprobe
from backend.plan.intents import ReserveCard

_VFIO = "vfio-pci"
_DISPLAY, _HDA = 0x03, 0x0403
_EARLY = "/etc/initramfs-tools/modules"
_NVIDIA = ("nvidia", "nvidia_vgpu_vfio")
_VGPU = re.compile(r"\bmdev=nvidia-\d+")


@rule("blacklist-without-effect", Severity.WARNING, Subject.MODULES)
def _without_effect(node: Node) -> Iterator[Told]:
    """Its driver has a device all the same, or is built in, or it names none: kmod compares the whole name
    (module_is_blacklisted), while options and softdeps may have wildcards."""
    for module, where in _blacklisted(node):
        held = [f for f in node.functions if f.driver and modprobe.same(f.driver, module)]
        name = module.replace("-", "_")
        # Debian's own lists name many drivers, some of which this kernel has built in: nobody meant anything by that.
        built_in = name in (node.built_in or ()) and not where.source.startswith(("/lib/", "/usr/lib/"))
        if held or built_in or "*" in module:
            listed = (Evidence(f"/lib/modules/{node.kernel}/modules.builtin", name),) if built_in else ()
            evidence = (where, *listed, *(attribute(f, "driver", f.driver) for f in held))
            yield Told(evidence, held[0].address if held else None, values={"module": module})


@rule("blacklist-all-audio", Severity.NOTE, Subject.MODULES)
def _all_audio(node: Node) -> Iterator[Told]:
    """Where there is more sound than what goes to VMs."""
    given = {function.address for function in passed(node)}
    kept = [f for f in node.functions if f.class_code and f.class_code >> 8 == _HDA and f.address not in given]
    for module, where in _blacklisted(node):
        if modprobe.same(module, "snd_hda_intel") and kept:
            values = {"devices": ", ".join(map(name_of, kept))}
            yield Told((where, *(attribute(f, "driver", f.driver) for f in kept)), kept[0].address, values=values)


@rule("blacklist-only-console", Severity.WARNING, Subject.MODULES)
def _only_console(node: Node) -> Iterator[Told]:
    """No display that stays with the host may have its driver."""
    given = {function.address for function in passed(node)}
    kept = [f for f in node.functions if f.base_class == _DISPLAY and f.address not in given]
    lines = []
    for function in kept:
        found = [[where for m, where in _blacklisted(node) if modprobe.same(m, name)] for name in _drivers(function)]
        if not found or not all(found):
            return
        lines += [where for wheres in found for where in wheres]
    if kept:
        yield Told(tuple(dict.fromkeys(lines)), kept[0].address, values={"devices": ", ".join(map(name_of, kept))})


@rule("softdep-missing", Severity.WARNING, Subject.MODULES)
def _softdep_missing(node: Node) -> Iterator[Told]:
    """vfio-pci has the ids, another driver the device, and nothing says who comes first."""
    ids, where = in_effect(node)
    early = node.files.get(_EARLY, b"").decode("utf-8", "replace").replace("-", "_").split()
    if where is None or "vfio_pci" in early:
        return
    told: set[str] = set()
    for function in node.functions:
        drivers = _drivers(function)
        if function.driver in (None, _VFIO, *told) or not any(matches(i, function) for i in ids):
            continue
        if not any(modprobe.same(m, name) for m, _ in _blacklisted(node) for name in drivers) and not any(
            _puts_first(command, name) for command in commands(node, "softdep") for name in (*drivers, "drm")
        ):
            told.add(function.driver or "")
            values = {"device": name_of(function), "driver": function.driver or ""}
            evidence = (where, attribute(function, "driver", function.driver))
            remedy = ReserveCard.of(node, function.address)
            yield Told(evidence, function.address, values=values, remedy=remedy)


@rule("softdep-wrong-way", Severity.WARNING, Subject.MODULES)
def _wrong_way(node: Node) -> Iterator[Told]:
    """vfio-pci that waits for a driver, or a driver that has vfio-pci come after it."""
    for command in commands(node, "softdep"):
        if command.concerns(_VFIO):
            others = [name for name in _named(command, "pre:") if not name.startswith("vfio")]
        else:
            after = any(modprobe.same(name, _VFIO) for name in _named(command, "post:"))
            others = [command.words[1]] if after else []
        if others:
            yield Told((command.evidence,), values={"driver": others[0]})


@rule("softdep-unheard", Severity.WARNING, Subject.MODULES)
def _unheard(node: Node) -> Iterator[Told]:
    """kmod heeds only a module's first softdep (kmod_module_get_softdeps), and none with two blanks behind the name."""
    first: dict[str, Command] = {}
    for command in commands(node, "softdep"):
        if len(command.words) < 2:
            continue
        name = command.words[1].replace("-", "_")
        earlier = first.setdefault(name, command)
        if not modprobe.before(command.words[2:]):
            continue
        if earlier is not command and not modprobe.before(earlier.words[2:]):
            yield Told((command.evidence, earlier.evidence), values={"driver": name})
        elif earlier is command and not modprobe.HEARD.match(command.evidence.text or ""):
            yield Told((command.evidence,), values={"driver": name})


@rule("nvidia-blacklisted-with-vgpu", Severity.WARNING, Subject.MODULES)
def _vgpu(node: Node) -> Iterator[Told]:
    """The host's driver makes the virtual GPUs."""
    lines = [guest.evidence(slot) for guest in node.guests for slot, v in guest.hostpci.items() if _VGPU.search(v)]
    for module, where in _blacklisted(node):
        if lines and any(modprobe.same(module, name) for name in _NVIDIA):
            yield Told((where, *lines), values={"module": module})


def _blacklisted(node: Node) -> tuple[tuple[str, Evidence], ...]:
    """Modules and the lines that name them; on the command line too, where kmod reads the one (modprobe.blacklist=) and
    the kernel the other."""
    found = [(c.words[1], c.evidence) for c in commands(node, "blacklist") if len(c.words) > 1]
    for token in booted(node):
        key, _, names = token.partition("=")
        if key in ("modprobe.blacklist", "module_blacklist"):
            found += [(name, on_command_line(token)) for name in names.split(",") if name]
    return tuple(found)


def _drivers(function: Function) -> tuple[str, ...]:
    """What may drive it on the host, by module where that is known."""
    names = dict.fromkeys((*((function.driver,) if function.driver else ()), *function.modules))
    return tuple(name for name in names if not modprobe.same(name, _VFIO))


def _puts_first(command: Command, driver: str) -> bool:
    """Names of softdeps may have wildcards (fnmatch)."""
    pattern = command.words[1].replace("-", "_") if len(command.words) > 1 else ""
    return fnmatchcase(driver.replace("-", "_"), pattern) and modprobe.before(command.words[2:])


def _named(command: Command, kind: str) -> Iterator[str]:
    """The modules behind ``pre:`` or ``post:``."""
    now = ""
    for word in command.words[2:]:
        if word in ("pre:", "post:"):
            now = word
        elif now == kind:
            yield word


RULES = (
    _without_effect,
    _all_audio,
    _only_console,
    _softdep_missing,
    _wrong_way,
    _unheard,
    _vgpu,
)
