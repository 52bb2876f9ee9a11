"""What a card is called, and what a row says where there is not room for all of it."""

from __future__ import annotations

import pytest
from machines import make, node_of
from PySide6.QtGui import QFont
from PySide6.QtWidgets import QApplication

from backend.node.address import PciAddress
from gui.map.layout import layout
from gui.map.painting import Pill, Stroke, Style, Word
from gui.map.pieces import Rect, Row
from gui.map.row import Badge, RowText, row_strokes
from gui.map.texts import Texts
from gui.theme import LIGHT

USE = Badge("Virtual Keyboard and Mouse · remote management", "neutral", None, 40)
LOCKED = Badge("vmbr0 · carries this connection", "bad", "lock", 40)
STATE = Badge("changed outside Lanewright", "warn", "outside", 60)


@pytest.fixture
def style(qapp: QApplication) -> Style:
    return Style(QFont(), LIGHT)


def _strokes(style: Style, width: float, *badges: Badge, driver: str = "xhci_hcd", lines: float = 3) -> list[Stroke]:
    row = Row("function", (PciAddress.parse("0000:09:00.3"),), Rect(0, 0, width * style.line, lines * style.line))
    text = RowText("usb", "USB 3.0 Host Controller", "09:00.3", "1-2", driver=driver, badges=badges)
    return row_strokes(style, row, text, bold=False)


def _words(strokes: list[Stroke]) -> list[str]:
    return [stroke.text for stroke in strokes if isinstance(stroke, Word)]


def test_with_room_everything_is_said(style: Style) -> None:
    said = _words(_strokes(style, 80, USE, STATE))
    assert {USE.text, STATE.text, "xhci_hcd", "09:00.3", "1-2"} <= set(said)


def test_a_long_use_is_cut_short_before_the_driver_goes(style: Style) -> None:
    said = _words(_strokes(style, 24, USE))
    assert "xhci_hcd" in said
    assert any(text.startswith("Virt") and text != USE.text for text in said)


@pytest.mark.parametrize("width", range(10, 60, 2))
@pytest.mark.parametrize("lines", [2, 3])
def test_what_has_room_is_there(style: Style, width: int, lines: int) -> None:
    """The driver is left out only where it would not fit, whole."""
    shown = [s for s in _strokes(style, width, USE, lines=lines) if isinstance(s, Pill)]
    said = _words(_strokes(style, width, USE, lines=lines))
    if not shown:
        beside = style.small_bold.width("xhci_hcd") + style.mono.width("09:00.3") + 6 * style.line
        named = 0 if lines == 3 else min(style.text.width("USB 3.0 Host Controller"), 9 * style.line)
        assert width * style.line < beside + named + style.text.width("1-2") + 4 * style.line
    assert not any(text.startswith("xhci") and text != "xhci_hcd" for text in said)


@pytest.mark.parametrize("width", range(8, 60, 2))
@pytest.mark.parametrize("lines", [2, 3])
def test_pills_never_lie_on_one_another_or_outside(style: Style, width: int, lines: int) -> None:
    pills = [s.rect for s in _strokes(style, width, LOCKED, STATE, USE, lines=lines) if isinstance(s, Pill)]
    for number, pill in enumerate(pills):
        assert pill.left() >= 0
        assert pill.right() <= width * style.line
        assert not any(pill.intersects(other) for other in pills[:number])


def test_a_grave_badge_keeps_its_picture_in_the_narrowest_room(style: Style) -> None:
    strokes = _strokes(style, 13, LOCKED, driver="ixgbe")
    assert any(getattr(stroke, "name", "") == "lock" for stroke in strokes)


@pytest.mark.parametrize("width", range(12, 60))
@pytest.mark.parametrize("lines", [2, 3])
def test_a_driver_is_told_only_where_the_words_of_what_weighs_more_are(style: Style, width: int, lines: int) -> None:
    said = _words(_strokes(style, width, STATE, lines=lines))
    if lines == 2 and "xhci_hcd" in said:
        assert any(text.startswith("chan") for text in said)
    if width > 50:
        assert {"xhci_hcd", STATE.text} <= set(said)


@pytest.mark.parametrize(
    ("classes", "title"),
    [
        ((0x130000, 0x0C0330), "function 1"),  # a dummy function before a USB controller
        ((0x130000, 0x088000, 0x0C0330), "function 2"),
        ((0x130000, 0x088000), "function 0"),  # nothing better
        ((0x060100, 0x040300), "function 0"),  # an ISA bridge is what its card is known by
    ],
)
def test_a_card_is_called_by_what_people_use(classes: tuple[int, ...], title: str) -> None:
    node = node_of([make(f"09:00.{n}", code, f"function {n}", None, 27) for n, code in enumerate(classes)])
    (tile,) = layout(node, 900).tiles
    assert Texts(node).tile(tile)[0] == title
