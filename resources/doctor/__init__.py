"""The doctor's sentences, one TOML file a subject: windows and command line read the same ones."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from string import Formatter


@dataclass(frozen=True, slots=True)
class Sentences:
    """English. ``title``: what is so, one line. ``means``: what that leads to. ``do``: what to do about it; empty for a
    symptom, whose causes say that. Placeholders in braces are the values that a finding tells."""

    title: str
    means: str
    do: str = ""

    @property
    def placeholders(self) -> frozenset[str]:
        texts = (self.title, self.means, self.do)
        return frozenset(name for text in texts for _, name, _, _ in Formatter().parse(text) if name)

    def filled(self, values: Mapping[str, str]) -> Sentences:
        """Raises KeyError where a value is missing."""
        return Sentences(*(text.format_map(values) for text in (self.title, self.means, self.do)))


@cache
def sentences() -> Mapping[str, Sentences]:
    """By code, of every file of this folder."""
    found: dict[str, Sentences] = {}
    for file in sorted(files(__name__).iterdir(), key=lambda file: file.name):
        if file.name.endswith(".toml"):
            for code, texts in tomllib.loads(file.read_text(encoding="utf-8")).items():
                if code in found:
                    raise ValueError(f"{file.name}: {code} is there twice")
                found[code] = Sentences(**texts)
    return found
