"""A symptom: what a log says when passthrough goes wrong, and what may be behind it."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Symptom:
    """``causes``: codes, the likeliest first: a rule's where one can see it in a snapshot, else one of
    backend/doctor/own_causes.py. Named groups of a pattern become values; ``address``, ``vmid`` and ``group`` say
    whom it concerns.

    ``hints`` are lines that healthy machines print too: they count only where the snapshot shows one of the causes.
    """

    code: str
    patterns: tuple[re.Pattern[str], ...]
    causes: tuple[str, ...]
    hints: tuple[re.Pattern[str], ...] = ()


def symptom(code: str, patterns: Sequence[str], causes: Sequence[str], hints: Sequence[str] = ()) -> Symptom:
    """Patterns are searched for anywhere in a line, whatever time and process stand in front."""
    return Symptom(code, tuple(map(re.compile, patterns)), tuple(causes), tuple(map(re.compile, hints)))
