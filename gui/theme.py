"""Colours of the map and of status boxes, a table for each scheme. All else takes the palette's roles."""

from __future__ import annotations

from dataclasses import dataclass

from PySide6.QtGui import QColor, QFont, QFontDatabase, QPalette


@dataclass(frozen=True, slots=True)
class Tone:
    """A filled shape, its outline, and text that is legible on it (contrast 4.5:1 or more, WCAG 1.4.3)."""

    text: str
    fill: str
    border: str


@dataclass(frozen=True, slots=True)
class Colours:
    """One scheme. Values are ``#rrggbb``."""

    name: str
    canvas: str
    zone: str
    zone_border: str
    tile: str
    tile_border: str
    hover: str
    selected: str
    text: str
    muted: str
    bar: str
    bar_text: str
    lane: str
    lane_warn: str
    lane_warn_text: str
    lane_empty: str
    accent: str
    neutral: Tone
    good: Tone
    warn: Tone
    bad: Tone
    groups: tuple[Tone, ...]  # frames of shared groups, in turn


LIGHT = Colours(
    name="light",
    canvas="#fbfcfd",
    zone="#f2f4f8",
    zone_border="#d9dee6",
    tile="#ffffff",
    tile_border="#cfd5de",
    hover="#f0f5fd",
    selected="#e3edfc",
    text="#1b212b",
    muted="#586375",
    bar="#3d4654",
    bar_text="#ffffff",
    lane="#8b96a8",
    lane_warn="#d98a1f",
    lane_warn_text="#93560a",
    lane_empty="#b6bfcc",
    accent="#2459b8",
    neutral=Tone("#475264", "#e6eaf1", "#c2cad6"),
    good=Tone("#1a6537", "#e6f5ea", "#93cda5"),
    warn=Tone("#854d06", "#fdeacc", "#e0a84e"),
    bad=Tone("#9a231d", "#fbe0de", "#e29a95"),
    groups=(
        Tone("#854d06", "#fcf4e6", "#d9942c"),
        Tone("#6b2f91", "#f6effb", "#a873c9"),
        Tone("#0b5f6b", "#e7f5f7", "#3f9fae"),
        Tone("#94275b", "#fcedf3", "#cf6f9c"),
        Tone("#4c5b0c", "#f3f6e2", "#93a638"),
        Tone("#2f4aa0", "#edf1fc", "#7189d6"),
    ),
)

DARK = Colours(
    name="dark",
    canvas="#15181d",
    zone="#1c2027",
    zone_border="#313844",
    tile="#262c35",
    tile_border="#3d4653",
    hover="#2d3542",
    selected="#2a3d5f",
    text="#e7ebf1",
    muted="#a3aebd",
    bar="#4a5566",
    bar_text="#ffffff",
    lane="#76839a",
    lane_warn="#d9952f",
    lane_warn_text="#f0b964",
    lane_empty="#4b5564",
    accent="#7fb0ff",
    neutral=Tone("#c8d0dc", "#363e4a", "#4d5867"),
    good=Tone("#9fe0b4", "#1d3a28", "#3f7a55"),
    warn=Tone("#f6ca84", "#46320f", "#96691f"),
    bad=Tone("#ffb3ad", "#4d211f", "#99504b"),
    groups=(
        Tone("#f2c47c", "#2e2718", "#a87a2e"),
        Tone("#d7b0f2", "#2a2133", "#80569e"),
        Tone("#8fdbe6", "#18292d", "#3c828d"),
        Tone("#f5accb", "#301f28", "#9c5476"),
        Tone("#cddc86", "#262a19", "#74842f"),
        Tone("#b0c2ff", "#1f2435", "#5a6fb4"),
    ),
)

SCHEMES = {"light": LIGHT, "dark": DARK}


def scheme_of(palette: QPalette) -> str:
    """``"dark"`` where the palette's windows are darker than its text, else ``"light"``.

    Asked of the palette and not of QStyleHints.colorScheme, which is Unknown on some platforms.
    """
    window = palette.color(QPalette.ColorRole.Window).lightness()
    text = palette.color(QPalette.ColorRole.WindowText).lightness()
    return "dark" if window < text else "light"


def colours_of(palette: QPalette) -> Colours:
    return SCHEMES[scheme_of(palette)]


def contrast(one: str, other: str) -> float:
    """Contrast ratio of two colours, 1 to 21 (WCAG 2.2, "contrast ratio")."""
    lighter, darker = sorted((_luminance(one), _luminance(other)), reverse=True)
    return (lighter + 0.05) / (darker + 0.05)


def _luminance(colour: str) -> float:
    def linear(part: float) -> float:
        return part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4

    c = QColor(colour)
    return 0.2126 * linear(c.redF()) + 0.7152 * linear(c.greenF()) + 0.0722 * linear(c.blueF())


def scaled(font: QFont, factor: float, *, bold: bool = False) -> QFont:
    """`font` at `factor` of its size, whether that is set in points or in pixels."""
    result = QFont(font)
    if font.pointSizeF() > 0:
        result.setPointSizeF(font.pointSizeF() * factor)
    else:
        result.setPixelSize(max(1, round(font.pixelSize() * factor)))
    if bold:
        result.setWeight(QFont.Weight.DemiBold)
    return result


def fixed(font: QFont, factor: float = 1.0) -> QFont:
    """The system's fixed-width font at `factor` of the size of `font`: for addresses and ids."""
    result = QFontDatabase.systemFont(QFontDatabase.SystemFont.FixedFont)
    if font.pointSizeF() > 0:
        result.setPointSizeF(font.pointSizeF() * factor)
    else:
        result.setPixelSize(max(1, round(font.pixelSize() * factor)))
    return result
