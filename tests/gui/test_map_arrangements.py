"""The two arrangements in the view: the change between them, keyboard, mouse, marks, search, the overview, printing."""

from __future__ import annotations

import pytest
from machines import at, server, workstation
from PySide6.QtCore import QAbstractAnimation, QPointF, QRectF, QSize, Qt, QVariantAnimation
from PySide6.QtGui import QColor, QImage, QPainter, QPalette
from PySide6.QtWidgets import QApplication, QProxyStyle, QStyle
from pytestqt.qtbot import QtBot

from gui.map import marks
from gui.map.items import TileItem
from gui.map.movement import DURATION
from gui.map.painting import Piece
from gui.map.scene import MapScene
from gui.map.view import MapView
from gui.models.selection import Selection


@pytest.fixture
def selection() -> Selection:
    return Selection()


@pytest.fixture
def view(qtbot: QtBot, selection: Selection) -> MapView:
    view = MapView(selection)
    qtbot.addWidget(view)
    view.resize(940, 900)
    view.show()
    view.set_node(workstation())
    QApplication.processEvents()
    return view


class Desktop(QProxyStyle):
    """One that asks for animations of a certain duration, in milliseconds."""

    def __init__(self, duration: int) -> None:
        super().__init__()
        self.duration = duration

    def styleHint(self, hint, *more):  # type: ignore[no-untyped-def]  # noqa: N802
        if hint == QStyle.StyleHint.SH_Widget_Animation_Duration:
            return self.duration
        return super().styleHint(hint, *more)


@pytest.fixture
def moving_desktop(monkeypatch: pytest.MonkeyPatch) -> None:
    style = Desktop(200)
    monkeypatch.setattr(QApplication, "style", lambda: style)


def scene(view: MapView) -> MapScene:
    found = view.scene()
    assert isinstance(found, MapScene)
    return found


def tiles(view: MapView) -> dict[str, TileItem]:
    return {i.tile.key: i for i in view.scene().items() if isinstance(i, TileItem) and i.tile is not None}


def at_home(view: MapView) -> bool:
    return all(item.pos() == QPointF() and item.opacity() == 1 for item in view.scene().items())


def running(view: MapView) -> list[QVariantAnimation]:
    return [a for a in view.findChildren(QVariantAnimation) if a.state() != QAbstractAnimation.State.Stopped]


def middle_of(view: MapView, address: str) -> QPointF:
    place = scene(view).row_of(at(address))
    assert place is not None
    return QPointF(place[1].rect.x + 20, place[1].rect.y + place[1].rect.h / 2)


# --- the change -----------------------------------------------------------------------------------


def test_the_same_tiles_are_in_both(view: MapView) -> None:
    before = tiles(view)
    view.set_arrangement("groups", animated=False)
    assert view.arrangement == "groups"
    after = tiles(view)
    kept = {key for key, item in before.items() if after.get(key) is item}
    assert kept == {key for key, item in before.items() if item.tile and not item.tile.is_faint}
    assert at_home(view)
    assert running(view) == []


@pytest.mark.usefixtures("moving_desktop")
def test_tiles_move_from_where_they_were_to_where_they_belong(view: MapView, qtbot: QtBot) -> None:
    item = tiles(view)["0000:03:00"]
    was = item.mapToScene(QPointF(item.tile.rect.x, item.tile.rect.y))
    view.set_arrangement("groups")
    assert item.mapToScene(QPointF(item.tile.rect.x, item.tile.rect.y)) == was
    (animation,) = running(view)
    assert animation.duration() == DURATION
    with qtbot.waitSignal(animation.finished):
        animation.setCurrentTime(DURATION)
    assert at_home(view)
    assert running(view) == []


@pytest.mark.usefixtures("moving_desktop")
def test_a_change_in_the_middle_of_a_change_goes_on_from_there(view: MapView) -> None:
    view.set_arrangement("groups")
    (animation,) = running(view)
    animation.setCurrentTime(DURATION // 2)
    item = tiles(view)["0000:03:00"]
    seen = item.sceneBoundingRect().topLeft()
    view.set_arrangement("slots")
    assert item.sceneBoundingRect().topLeft() == seen
    (animation,) = running(view)
    animation.setCurrentTime(DURATION)
    assert at_home(view)


@pytest.mark.usefixtures("moving_desktop")
@pytest.mark.parametrize("what", ["node", "width", "no node"])
def test_other_content_ends_the_movement(view: MapView, what: str) -> None:
    view.set_arrangement("groups")
    assert running(view)
    if what == "node":
        view.set_node(server())
    elif what == "no node":
        view.set_node(None)
    else:
        view.resize(700, 900)
    assert running(view) == []
    assert at_home(view)


@pytest.mark.usefixtures("moving_desktop")
def test_nothing_moves_where_it_is_not_seen(view: MapView) -> None:
    view.hide()
    view.set_arrangement("groups")
    assert running(view) == []


def test_nothing_moves_where_the_desktop_asks_for_less_motion(view: MapView, monkeypatch: pytest.MonkeyPatch) -> None:
    style = Desktop(0)
    monkeypatch.setattr(QApplication, "style", lambda: style)
    view.set_arrangement("groups")
    assert running(view) == []


def test_the_selection_stays_and_is_in_sight(view: MapView, selection: Selection) -> None:
    view.resize(940, 300)
    selection.current = at("06:00.0")
    view.set_arrangement("groups", animated=False)
    assert selection.current == at("06:00.0")
    assert view.viewport().rect().contains(view.mapFromScene(middle_of(view, "06:00.0")))


def test_a_port_that_is_selected_elsewhere_comes_into_sight(view: MapView, selection: Selection) -> None:
    view.resize(940, 200)
    lane = next(lane for lane in scene(view).layout.lanes if lane.port == at("00:1d.0"))
    middle = QPointF(lane.x + 10, lane.y)
    assert not view.viewport().rect().contains(view.mapFromScene(middle))
    selection.current = at("00:1d.0")
    assert view.viewport().rect().contains(view.mapFromScene(middle))


# --- keyboard and mouse ---------------------------------------------------------------------------


@pytest.mark.parametrize("arrangement", ["slots", "groups"])
def test_arrows_reach_every_row(view: MapView, selection: Selection, qtbot: QtBot, arrangement: str) -> None:
    view.set_arrangement(arrangement, animated=False)  # type: ignore[arg-type]
    rows = [row.addresses[0] for _, row in scene(view).rows()]
    reached = set()
    todo = [rows[0]]
    while todo:
        here = todo.pop()
        reached.add(here)
        for key in (Qt.Key.Key_Down, Qt.Key.Key_Up, Qt.Key.Key_Right, Qt.Key.Key_Left):
            selection.current = here
            qtbot.keyClick(view, key)
            if selection.current not in reached:
                todo.append(selection.current)
    assert reached == set(rows)


def test_hover_lights_the_whole_group_and_the_way_to_the_root(view: MapView, selection: Selection) -> None:
    scene(view).hover(middle_of(view, "05:00.0"))
    lit = [item for item in view.scene().items() if isinstance(item, Piece) and item.emphasis]
    keys = {piece.key for item in lit if (piece := getattr(item, "frame", None) or getattr(item, "lane", None))}
    assert keys == {"frame 0000:05:00", "lane 0000:00:1c.0"}
    assert {key for key, item in tiles(view).items() if item.mates} == {"0000:05:00", "0000:06:00"}
    assert selection.current is None
    scene(view).hover(None)
    assert not any(isinstance(item, Piece) and item.emphasis for item in view.scene().items())
    assert not any(item.mates for item in tiles(view).values())


def test_hover_in_a_room_lights_its_bridges(view: MapView) -> None:
    view.set_arrangement("groups", animated=False)
    scene(view).hover(middle_of(view, "05:00.0"))
    assert {key for key, item in tiles(view).items() if item.mates} == {"0000:05:00", "0000:06:00", "bridges 20"}
    assert tiles(view)["0000:05:00"].toolTip().startswith("0000:05:00.0")


def test_a_click_on_a_lane_selects_its_port(view: MapView, selection: Selection, qtbot: QtBot) -> None:
    lane = next(lane for lane in scene(view).layout.lanes if lane.port == at("00:01.0"))
    point = view.mapFromScene(QPointF((lane.x + lane.end) / 2, lane.y))
    qtbot.mouseClick(view.viewport(), Qt.MouseButton.LeftButton, pos=point)
    assert selection.current == at("00:01.0")


# --- marks and search -----------------------------------------------------------------------------


def test_marks_are_badges_with_a_picture_and_a_word(view: MapView) -> None:
    untouched = tiles(view)["0000:02:00"].texts
    view.set_marks({at("01:00.0"): (marks.active(), marks.conflict())})
    badges = tiles(view)["0000:01:00"].texts[0].badges
    assert [(b.icon, b.text) for b in badges if b.icon != "vm"] == [("check", "active"), ("conflict", "conflict")]
    assert tiles(view)["0000:02:00"].texts is untouched
    view.set_arrangement("groups", animated=False)
    assert "active" in [b.text for b in tiles(view)["0000:01:00"].texts[0].badges]
    view.set_marks({})
    assert "active" not in [b.text for b in tiles(view)["0000:01:00"].texts[0].badges]


def test_what_a_search_did_not_find_is_faded(view: MapView) -> None:
    view.set_matches(frozenset({at("01:00.1"), at("02:02.3")}))
    assert tiles(view)["0000:01:00"].faded == (True, False)
    assert tiles(view)["0000:02:00"].faded == (True, False)  # one of its virtual functions was found
    assert tiles(view)["0000:03:00"].faded == (True,)
    view.set_arrangement("groups", animated=False)
    assert tiles(view)["0000:01:00"].faded == (True, False)
    assert tiles(view)["bridges 20"].faded == (True,)
    view.set_matches(None)
    assert not any(any(item.faded) for item in tiles(view).values())


def test_faded_rows_are_painted_paler(view: MapView) -> None:
    place = scene(view).row_of(at("03:00.0"))
    assert place is not None
    area = view.mapFromScene(QRectF(place[1].rect.x, place[1].rect.y, 300, place[1].rect.h)).boundingRect()

    def darkest() -> int:
        image = view.viewport().grab(area).toImage()
        return min(image.pixelColor(x, y).lightness() for x in range(image.width()) for y in range(image.height()))

    before = darkest()
    view.set_matches(frozenset({at("01:00.0")}))
    assert darkest() > before + 60


# --- the overview ---------------------------------------------------------------------------------


def test_the_overview_is_there_where_the_board_is_not_seen_whole(view: MapView, qtbot: QtBot) -> None:
    view.resize(940, 1400)
    assert not view.minimap.isVisible()
    view.resize(940, 400)
    view.set_zoom(2.0)
    assert view.minimap.isVisible()
    assert view.rect().contains(view.minimap.geometry())
    qtbot.keyClick(view, Qt.Key.Key_M)
    assert not view.minimap.isVisible()
    qtbot.keyClick(view, Qt.Key.Key_M)
    assert view.minimap.isVisible()
    view.set_node(None)
    assert not view.minimap.isVisible()


def test_pressing_and_dragging_in_the_overview_moves_the_view(view: MapView, qtbot: QtBot) -> None:
    view.resize(940, 400)
    view.set_zoom(2.0)
    overview, bar = view.minimap, view.verticalScrollBar()
    middle = overview.width() // 2
    bottom = overview.rect().bottomLeft() + overview.rect().topLeft()
    bottom.setX(middle)
    qtbot.mousePress(overview, Qt.MouseButton.LeftButton, pos=bottom)
    assert bar.value() == bar.maximum()
    top = overview.rect().topLeft()
    top.setX(middle)
    qtbot.mouseMove(overview, top)
    qtbot.mouseRelease(overview, Qt.MouseButton.LeftButton, pos=top)
    qtbot.mousePress(overview, Qt.MouseButton.LeftButton, pos=top)
    assert bar.value() == bar.minimum()


# --- on paper -------------------------------------------------------------------------------------


def test_the_board_is_painted_whole_and_light_whatever_the_screen_is(view: MapView, selection: Selection) -> None:
    selection.current = at("01:00.0")
    light = printed(view)
    view.setPalette(QPalette(QColor("#202428")))
    QApplication.processEvents()
    shown = view.grab().toImage()
    assert printed(view) == light
    assert light.pixelColor(2, 2).lightness() > 240
    assert view.grab().toImage() == shown  # nothing of the screen has changed
    assert selection.current == at("01:00.0")


def printed(view: MapView) -> QImage:
    size = view.board_size()
    image = QImage(QSize(round(size.width() / 4), round(size.height() / 4)), QImage.Format.Format_RGB32)
    image.fill(QColor("white"))
    painter = QPainter(image)
    view.paint_board(painter, QRectF(image.rect()))
    painter.end()
    return image


# --- the whole board in the view ------------------------------------------------------------------


def test_fitting_arranges_the_board_as_wide_as_lets_it_be_largest(view: MapView, qtbot: QtBot) -> None:
    view.set_node(server())
    view.resize(1300, 500)
    narrow = view.board_size()
    simply = view.maximumViewportSize().height() / narrow.height()
    view.fit()
    assert view.board_size().width() > narrow.width()
    assert view.zoom > 1.2 * simply
    assert view.zoom * view.board_size().height() <= view.maximumViewportSize().height() + 1
    assert not view.minimap.isVisible()
    view.set_arrangement("groups", animated=False)
    view.fit()
    assert view.zoom * view.board_size().height() <= view.maximumViewportSize().height() + 1
    view.set_arrangement("slots", animated=False)
    qtbot.keyClick(view, Qt.Key.Key_0)
    assert view.zoom == 1
    assert view.board_size() == narrow
