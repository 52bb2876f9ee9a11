"""Kernel modules: which are loaded at boot, and their options."""

from __future__ import annotations

import re
from collections.abc import Iterator

from backend.doctor.finding import Severity, Subject, Told, rule
from backend.doctor.kernel_settings import commands, options, release, switched_on
from backend.doctor.passed import attribute, name_of
from backend.doctor.vfio_ids import ID, ids_of, in_effect, matches
from backend.node.blast_radius import REFUSING
from backend.node.evidence import Evidence
from backend.node.node import Node
from backend.plan.edits import modprobe

_ETC, _LINK, _EARLY = "/etc/modules", "/etc/modules-load.d/modules.conf", "/etc/initramfs-tools/modules"
_VIRQFD_GONE = (6, 2)  # since then part of vfio.ko (drivers/vfio/Kconfig)
_NOT_FOUND = re.compile(r"Failed to find module 'vfio_virqfd'")  # systemd-modules-load
_INVALID = re.compile(r"vfio_pci: invalid id string")  # vfio_pci_fill_ids() in drivers/vfio/pci/vfio_pci.c
_LOST = REFUSING | {"network"}  # who gives the only display away, or its keyboard, wants that
_SHIPPED = "/etc/modprobe.d/pve-blacklist.conf"
_SHIPPED_LINES = (("blacklist", "nvidiafb"),)


@rule("vfio-virqfd-gone", Severity.NOTE, Subject.MODULES)
def _virqfd(node: Node) -> Iterator[Told]:
    """By the running kernel's own modules, where the snapshot has them."""
    said = tuple(line for line in node.log if _NOT_FOUND.search(line.text or ""))
    named = tuple(line for line in _loaded_at_boot(node, early=True) if modprobe.same(line.text or "", "vfio-virqfd"))
    missing = release(node) >= _VIRQFD_GONE if node.module_files is None else "vfio_virqfd" not in node.module_files
    if said or (named and missing):
        yield Told((*named, *said[:1]))


@rule("modules-file-unread", Severity.NOTE, Subject.MODULES)
def _unread(node: Node) -> Iterator[Told]:
    """systemd-modules-load only looks into modules-load.d; Debian's link there leads to /etc/modules."""
    if node.links is None or node.links.get(_LINK) == _ETC:
        return
    named = tuple(line for line in _lines(node, _ETC) if (line.text or "").startswith("vfio"))
    if named:
        yield Told((*named, Evidence(_LINK, node.links.get(_LINK))))


@rule("ids-hit-more", Severity.ERROR, Subject.MODULES)
def _hit_more(node: Node) -> Iterator[Told]:
    """Devices that the host works with."""
    ids, where = in_effect(node)
    for function in node.functions:
        uses = [use for use in node.uses_of.get(function.address, ()) if use.kind in _LOST]
        hit = next((i for i in ids if matches(i, function)), None)
        if hit and uses and where:
            chain = " -> ".join((str(function.address), *uses[0].chain))
            values = {"device": name_of(function), "id": hit, "use": uses[0].kind, "chain": chain}
            yield Told((where, attribute(function, "driver", function.driver)), function.address, values=values)


@rule("ids-overridden", Severity.WARNING, Subject.MODULES)
def _overridden(node: Node) -> Iterator[Told]:
    """Of a parameter given twice the kernel keeps the last; only a list that names something else is a loss."""
    given = options(node, "vfio-pci", "ids")
    kept = {i.lower() for i in ids_of(given[-1][0])} if given else set()
    for value, where in given[:-1]:
        lost = [i for i in ids_of(value) if i.lower() not in kept]
        if lost:
            yield Told((where, given[-1][1]), values={"ids": ", ".join(lost), "by": given[-1][1].source})


@rule("ids-wrong-form", Severity.WARNING, Subject.MODULES)
def _wrong_form(node: Node) -> Iterator[Told]:
    """What vfio-pci cannot read, and what a blank in the list cuts off."""
    found = False
    for value, where in options(node, "vfio-pci", "ids"):
        wrong = [i for i in ids_of(value) if not ID.fullmatch(i)]
        words = (where.text or "").split() if where.source != "/proc/cmdline" else []
        stray = [word.strip('",') for word in words if ID.match(word) and not word.startswith("ids=")]
        if wrong or stray:
            found = True
            yield Told((where,), values={"wrong": ", ".join((*wrong, *stray))})
    said = tuple(line for line in node.log if _INVALID.search(line.text or ""))
    if said and not found:
        wrong = [(line.text or "").partition('"')[2].partition('"')[0] for line in said]
        yield Told(said, values={"wrong": ", ".join(dict.fromkeys(wrong))})


@rule("ids-match-nothing", Severity.WARNING, Subject.MODULES)
def _match_nothing(node: Node) -> Iterator[Told]:
    ids, where = in_effect(node)
    known = [function for function in node.functions if function.ids]
    lost = [i for i in ids if ID.fullmatch(i) and not any(matches(i, function) for function in known)]
    if lost and known and where:
        yield Told((where,), values={"ids": ", ".join(dict.fromkeys(lost))})


@rule("kvm-ignore-msrs", Severity.NOTE, Subject.MODULES)
def _ignore_msrs(node: Node) -> Iterator[Told]:
    where = switched_on(node, "kvm", "ignore_msrs")
    if where:
        yield Told((where,))


@rule("package-file-edited", Severity.NOTE, Subject.MODULES)
def _package_file(node: Node) -> Iterator[Told]:
    added = [c.evidence for c in commands(node) if c.path == _SHIPPED and c.words[:2] not in _SHIPPED_LINES]
    if added:
        yield Told(tuple(added), values={"file": _SHIPPED})


def _lines(node: Node, path: str) -> Iterator[Evidence]:
    """Modules that a file names, one a line (modules-load.d(5), initramfs-tools: options may follow)."""
    for number, line in enumerate(node.files.get(path, b"").decode("utf-8", "replace").splitlines(), 1):
        words = line.split("#")[0].split()
        if words and not line.startswith(";"):
            yield Evidence(path, words[0], number)


def _loaded_at_boot(node: Node, early: bool = False) -> Iterator[Evidence]:
    for path in (_ETC, *sorted(p for p in node.files if p.startswith("/etc/modules-load.d/"))):
        yield from _lines(node, path)
    if early:
        yield from _lines(node, _EARLY)


RULES = (
    _virqfd,
    _unread,
    _hit_more,
    _overridden,
    _wrong_form,
    _match_nothing,
    _ignore_msrs,
    _package_file,
)
