from __future__ import annotations

from dataclasses import fields

import pytest
from PySide6.QtGui import QColor, QPalette

from gui.theme import DARK, LIGHT, Colours, Tone, contrast, scheme_of

SCHEMES = pytest.mark.parametrize("colours", [LIGHT, DARK], ids=lambda c: c.name)


def tones(colours: Colours) -> list[Tone]:
    single = [getattr(colours, f.name) for f in fields(colours)]
    return [tone for tone in single if isinstance(tone, Tone)] + list(colours.groups)


def test_contrast_is_that_of_wcag() -> None:
    assert contrast("#000000", "#ffffff") == pytest.approx(21)
    assert contrast("#777777", "#ffffff") == pytest.approx(4.48, abs=0.01)


@SCHEMES
def test_texts_are_legible(colours: Colours) -> None:
    low = {(t.text, t.fill) for t in tones(colours) if contrast(t.text, t.fill) < 4.5}
    grounds = (colours.canvas, colours.zone, colours.tile, colours.hover, colours.selected)
    for text in (colours.text, colours.muted):
        low |= {(text, ground) for ground in grounds if contrast(text, ground) < 4.5}
    if contrast(colours.lane_warn_text, colours.zone) < 4.5:
        low.add((colours.lane_warn_text, colours.zone))
    if contrast(colours.bar_text, colours.bar) < 4.5:
        low.add((colours.bar_text, colours.bar))
    assert low == set()


@SCHEMES
def test_lanes_stand_out(colours: Colours) -> None:
    """WCAG 1.4.11 asks 3:1 of graphics that carry meaning; the words beside them carry the rest."""
    assert contrast(colours.accent, colours.zone) >= 3
    assert contrast(colours.bar, colours.zone) >= 2


def test_scheme_follows_the_palette() -> None:
    assert scheme_of(QPalette(QColor("#f0f0f0"))) == "light"
    assert scheme_of(QPalette(QColor("#202428"))) == "dark"
