"""The words and badges of one row, and where they go: on one line, or on two where the row is high."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from PySide6.QtCore import QRectF

from gui.map.painting import Face, Picture, Pill, Stroke, Style, Word, qrect
from gui.map.pieces import Row

WHOLE = 1  # weight up to which half a word says nothing: drivers


@dataclass(frozen=True, slots=True)
class Badge:
    """A pill at the right end of a row. ``tone``: a field of Colours; ``icon``: said again without colour, and all that
    is left where room is short. ``weight``: the lightest goes first."""

    text: str
    tone: str
    icon: str | None = None
    weight: int = 0


@dataclass(frozen=True, slots=True)
class RowText:
    """What one row says. ``badges`` from right to left."""

    icon: str
    name: str
    address: str = ""
    note: str = ""  # interface names, disks
    driver: str = ""
    staged: str = ""
    badges: tuple[Badge, ...] = ()
    tip: str = ""


def row_strokes(style: Style, row: Row, text: RowText, *, bold: bool) -> list[Stroke]:
    line = style.line
    area = qrect(row.rect).adjusted(0.6 * line, 0, -0.6 * line, 0)
    two = row.rect.h > 2.4 * line
    first = area.y() + 0.9 * line if two else area.center().y()
    second = area.bottom() - 0.9 * line if two else first
    edge = 1.1 * line
    strokes: list[Stroke] = [Picture(text.icon, "muted", QRectF(area.x(), first - edge / 2, edge, edge))]
    left = area.x() + edge + 0.5 * line
    face = style.bold if bold else style.text
    colour = "text" if row.kind == "function" else "muted"
    change = (Badge(text.staged, "warn", "clock", 90),) if text.staged else ()
    driver = (Badge(text.driver, "neutral", None, WHOLE),) if text.driver else ()
    if not two:
        beside = sum(f.width(t) + 0.6 * line for f, t in ((style.mono, text.address), (style.text, text.note)) if t)
        least = left + min(face.width(text.name), 9 * line) + beside + 0.6 * line
        right = _pills(strokes, style, (*text.badges, *change, *driver), area.right(), least, first)
        name = Word(face, text.name, colour, left, first, max(right - left - beside - 0.6 * line, 0))
        strokes.append(name)
        _aside(strokes, style, text, left + name.width + 0.6 * line, first, right)
        return strokes
    states = tuple(badge for badge in text.badges if badge.weight >= 50)
    right = _pills(strokes, style, (*states, *change), area.right(), left + 9 * line, first)
    strokes.append(Word(face, text.name, colour, left, first, right - left - 0.3 * line))
    owners = tuple(badge for badge in text.badges if badge.weight < 50)
    beside = style.mono.width(text.address) + 0.6 * line
    beside += min(style.text.width(text.note), 4 * line) + 0.6 * line if text.note else 0
    right = _pills(strokes, style, (*owners, *driver), area.right(), left + beside, second)
    _aside(strokes, style, text, left, second, right)
    return strokes


def _aside(strokes: list[Stroke], style: Style, text: RowText, x: float, middle: float, right: float) -> None:
    """Address and note, the note as far as there is room."""
    if text.address:
        address = Word(style.mono, text.address, "muted", x, middle, right - x)
        strokes.append(address)
        x += address.width + 0.6 * style.line
    if text.note and right - x > 2 * style.line:
        strokes.append(Word(style.text, text.note, "text", x, middle, right - x - 0.3 * style.line))


def _pills(
    strokes: list[Stroke], style: Style, badges: Sequence[Badge], right: float, least: float, middle: float
) -> float:
    """Place `badges` from `right` leftwards, none beyond `least`; returns where the leftmost begins."""
    line, face = style.line, style.small_bold
    gap = 0.35 * line
    bare = 1.5 * line  # a picture alone
    full = [face.width(b.text) + 0.8 * line + (1.1 * line if b.icon else 0) for b in badges]
    widths = list(full)
    order = sorted(range(len(badges)), key=lambda n: badges[n].weight)

    def over() -> float:
        return sum(w + gap for w in widths if w) - (right - least)

    for n in order:
        if badges[n].weight > WHOLE and over() > 0:
            widths[n] = max(widths[n] - over(), min(full[n], 6 * line))
    for n in order:
        if over() > 0:
            widths[n] = min(widths[n], bare) if badges[n].icon else 0
    for n in order:
        if over() > 0:
            widths[n] = 0
    for n in reversed(order):  # what gave way more than it had to comes back
        wider = min(full[n], widths[n] - over() - (0 if widths[n] else gap))
        if wider >= full[n] or (badges[n].weight > WHOLE and wider >= 6 * line):
            widths[n] = max(widths[n], wider)
    for badge, width, whole in zip(badges, widths, full, strict=True):
        if width:
            rect = QRectF(right - width, round(middle - 0.62 * line), width, round(1.25 * line))
            strokes += _pill(style, face, badge, rect, bare if width <= bare < whole else 0)
            right = rect.left() - gap
    return right


def _pill(style: Style, face: Face, badge: Badge, rect: QRectF, bare: float) -> list[Stroke]:
    line = style.line
    strokes: list[Stroke] = [Pill(badge.tone, rect)]
    x, edge = rect.x() + (0.3 if bare else 0.4) * line, 0.9 * line
    if badge.icon:
        at = QRectF(x, rect.center().y() - edge / 2, edge, edge)
        strokes.append(Picture(badge.icon, f"{badge.tone}.text", at))
        x += 1.1 * line
    if not bare:
        room = rect.right() - x - 0.4 * line + 1
        strokes.append(Word(face, badge.text, f"{badge.tone}.text", x, rect.center().y(), room))
    return strokes
