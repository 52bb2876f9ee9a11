"""Lines that people really wrote into modprobe.d and GRUB's file: the mistakes among them are told, nothing else is."""

from __future__ import annotations

from pathlib import Path
from types import MappingProxyType

import pytest

from backend.doctor.examine import RULES
from backend.node.node import BootChain, Node

pytestmark = pytest.mark.corpus


def told(path: str, line: str, *codes: str) -> set[str]:
    node = Node(boot=BootChain("grub"), files=MappingProxyType({path: f"{line}\n".encode()}))
    return {rule.code for rule in RULES if rule.code in codes and any(rule.check(node))}


def test_lines_of_modprobe(corpus: Path) -> None:
    codes = ("ids-wrong-form", "blacklist-without-effect", "softdep-wrong-way", "softdep-unheard", "ids-overridden")
    lines = (corpus / "config" / "modprobe-lines.txt").read_text().splitlines()
    found = {line: told("/etc/modprobe.d/vfio.conf", line, *codes) for line in lines}
    assert {line: codes for line, codes in found.items() if codes} == {
        "blacklist nvidia*": {"blacklist-without-effect"},
        "options vfio-pci ids=1002:687f, 1002:aaf8": {"ids-wrong-form"},
    }


def test_lines_of_grub(corpus: Path) -> None:
    lines = (corpus / "cmdline" / "grub-lines_collected.txt").read_text().splitlines()
    found = [line for line in lines if told("/etc/default/grub", line, "typo-in-grub-variable", "drop-in-overrides")]
    assert [line.partition("=")[0] for line in found] == ["RUB_CMDLINE_LINUX_DEFAULT"]
