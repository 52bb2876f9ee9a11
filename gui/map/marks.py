"""State badges of the map's rows: a picture and a word each, never a colour alone."""

from __future__ import annotations

from dataclasses import dataclass

from PySide6.QtCore import QCoreApplication

from backend.doctor.finding import Severity
from gui import doctor_words


@dataclass(frozen=True, slots=True)
class Mark:
    """``icon``: of resources/icons; ``tone``: a field of theme.Colours that holds a Tone."""

    icon: str
    word: str
    tone: str


def active() -> Mark:
    """What was asked for is so."""
    return Mark("check", QCoreApplication.translate("marks", "active"), "good")


def at_reboot(driver: str) -> Mark:
    """Its driver after the reboot, in either direction: "vfio at reboot", "nvme at reboot"."""
    text = QCoreApplication.translate("marks", "{driver} at reboot").format(driver=driver.removesuffix("-pci"))
    return Mark("clock", text, "warn")


def changed_outside() -> Mark:
    return Mark("outside", QCoreApplication.translate("marks", "changed outside Lanewright"), "warn")


def conflict() -> Mark:
    return Mark("conflict", QCoreApplication.translate("marks", "conflict"), "bad")


def finding(severity: Severity, count: int = 1) -> Mark:
    """The gravest thing the doctor says of it; `count`: how many of that severity."""
    look = doctor_words.severity_look(severity)
    word = look.word if count == 1 else f"{look.word} ×{count}"
    return Mark(look.icon, word, look.tone)
