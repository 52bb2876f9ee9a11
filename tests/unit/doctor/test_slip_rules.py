"""Rules of slips of the pen: each once where it belongs, and silent beside it."""

from __future__ import annotations

import pytest
from rule_cases import Case, check, node, told

from backend.node.node import BootChain, Node

GRUB, DROP_IN, CMDLINE = "/etc/default/grub", "/etc/default/grub.d/99.cfg", "/etc/kernel/cmdline"
FOLDER = "/etc/modprobe.d"
PLAIN = 'GRUB_CMDLINE_LINUX_DEFAULT="quiet intel_iommu=on"\n'
OPEN = PLAIN.replace('on"', "on")
CURLED = "GRUB_CMDLINE_LINUX_DEFAULT=\u201cquiet\u201d\n"
BLANK = 'GRUB_CMDLINE_LINUX_DEFAULT="quiet\u00a0intel_iommu=on"\n'


def by_grub(text: str, drop_in: str = "", loader: str = "grub") -> Node:
    return node(boot=BootChain(loader), files={GRUB: text, **({DROP_IN: drop_in} if drop_in else {})})


def file(path: str, text: str) -> Node:
    return node(files={path: text})


CASES = (
    Case("typographic-sign", by_grub(CURLED), by_grub(PLAIN)),
    Case("typographic-sign", by_grub(BLANK), by_grub(f"# {BLANK}{PLAIN.strip()} # \u2013 for the GPU\n"), "comments"),
    Case("typographic-sign", by_grub(PLAIN, CURLED), by_grub(PLAIN + "GRUB_DISTRIBUTOR=\u201cx\u201d\n"), "others"),
    Case(
        "typographic-sign",
        file(f"{FOLDER}/vfio.conf", "options vfio\u2013pci ids=10de:2204\n"),
        file(f"{FOLDER}/vfio.conf", "options vfio-pci ids=10de:2204 # 3090 \u2013 the lower one\n"),
        "modprobe",
    ),
    Case(
        "typographic-sign",
        file(CMDLINE, "root=ZFS=rpool/ROOT/pve-1 intel\u2011iommu=on\n"),
        file(CMDLINE, "root=ZFS=rpool/ROOT/pve-1\n\u201cold\u201d\n"),
        "first line",
    ),
    Case("grub-file-not-understood", by_grub(OPEN), by_grub(PLAIN)),
    Case("grub-file-not-understood", by_grub(PLAIN.replace('"', "")), by_grub("GRUB_CMDLINE_LINUX=quiet\n"), "bare"),
    Case(
        "grub-file-not-understood",
        by_grub(f"if true; then\n{PLAIN}fi\n"),
        by_grub(f"if true; then\n{PLAIN}fi\n", loader="systemd-boot"),
        "shell; not read",
    ),
    Case(
        "modprobe-file-unread",
        file(f"{FOLDER}/blacklist", "# NVIDIA\nblacklist nouveau\nblacklist nvidia\n"),
        file(f"{FOLDER}/blacklist.conf", "blacklist nouveau\n"),
    ),
    Case(
        "modprobe-file-unread",
        file(f"{FOLDER}/vfio.txt", "options vfio-pci ids=10de:2204\n"),
        file(f"{FOLDER}/README", "Put options for modules here.\n"),
        "words",
    ),
    *(
        Case(
            "modprobe-file-unread",
            file(f"{FOLDER}/vfio", "blacklist nouveau\n"),
            file(f"{FOLDER}/{name}", "blacklist nouveau\n"),
            name,
        )
        for name in ("vfio.conf.bak", "vfio.conf.dpkg-old", "vfio.conf~", "vfio.conf.disabled", ".vfio.conf.swp")
    ),
)


@pytest.mark.parametrize("case", CASES, ids=str)
def test_once_and_never(case: Case) -> None:
    check(case)


def test_the_line_and_the_sign_are_named() -> None:
    (found,) = told("typographic-sign", by_grub(f"GRUB_DEFAULT=0\n{CURLED}"))
    assert (found.evidence[0].line, found.values["sign"]) == (2, "\u201c (U+201C)")
    (found,) = told("typographic-sign", by_grub(BLANK))
    assert found.values["sign"] == "(U+00A0)"
    (found,) = told("grub-file-not-understood", by_grub(f"GRUB_DEFAULT=0\n{OPEN}"))
    assert (found.evidence[0].line, found.values["line"]) == (2, "2")
