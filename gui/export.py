"""The board as a file: a picture (PNG), a drawing (SVG), a page (PDF).

Painting needs the GUI thread and is short; what is returned writes the file, and may run anywhere.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from PySide6.QtCore import QBuffer, QByteArray, QIODevice, QMarginsF, QPointF, QRectF, QSize, QSizeF, Qt
from PySide6.QtGui import QColor, QFont, QFontMetricsF, QGuiApplication, QImage, QPageSize, QPainter, QPdfWriter, QPen
from PySide6.QtSvg import QSvgGenerator

from backend.errors import SnapshotError
from gui.map.items import draw_icon
from gui.theme import LIGHT, scaled

Write = Callable[[Path], None]  # raises SnapshotError("file-unwritable")

MOST_PIXELS = 64_000_000  # of a picture: 256 MB while it is made
MARGIN = 12.0  # mm


class Board(Protocol):
    """What MapView offers."""

    def board_size(self) -> QSizeF: ...
    def paint_board(self, painter: QPainter, rect: QRectF) -> None: ...


@dataclass(frozen=True, slots=True)
class ReportLine:
    """A row of the table below the board. `tone` and `icon` as in doctor_words.Look."""

    tone: str
    icon: str
    word: str
    title: str
    about: str


@dataclass(frozen=True, slots=True)
class Report:
    """All words of the page. `more` says what is left out: "and {count} more"."""

    title: str
    facts: str
    lines: tuple[ReportLine, ...]
    nothing: str
    more: str


def png(board: Board, background: QColor) -> Write:
    """At twice the size of the screen's pixels, less where the board is very large."""
    size = board.board_size()
    scale = min(2.0, (MOST_PIXELS / max(1.0, size.width() * size.height())) ** 0.5)
    whole = QSize(max(1, round(size.width() * scale)), max(1, round(size.height() * scale)))
    image = QImage(whole, QImage.Format.Format_RGB32)
    image.fill(background)
    _paint(image, lambda painter: board.paint_board(painter, QRectF(0, 0, whole.width(), whole.height())))

    def write(path: Path) -> None:
        data = QByteArray()
        buffer = QBuffer(data)
        buffer.open(QIODevice.OpenModeFlag.WriteOnly)
        image.save(buffer, "PNG")  # type: ignore[call-overload]
        _write(path, bytes(data.data()))

    return write


def svg(board: Board, background: QColor, title: str) -> Write:
    size = board.board_size()
    area = QRectF(0, 0, size.width(), size.height())
    data = QByteArray()
    buffer = QBuffer(data)
    generator = QSvgGenerator()
    generator.setOutputDevice(buffer)
    generator.setTitle(title)
    generator.setResolution(_screen_dpi())
    generator.setSize(size.toSize())
    generator.setViewBox(area)

    def paint(painter: QPainter) -> None:
        painter.fillRect(area, background)
        board.paint_board(painter, area)

    _paint(generator, paint)
    return lambda path: _write(path, bytes(data.data()))


def pdf(board: Board, report: Report) -> Write:
    """One page, A4: what machine, when, its board, and what the doctor says as far as there is room."""
    data = QByteArray()
    buffer = QBuffer(data)
    buffer.open(QIODevice.OpenModeFlag.WriteOnly)
    page = QPdfWriter(buffer)
    page.setTitle(report.title)
    page.setCreator("Lanewright")
    page.setPageSize(QPageSize(QPageSize.PageSizeId.A4))
    page.setPageMargins(QMarginsF(MARGIN, MARGIN, MARGIN, MARGIN))
    # The board's texts are as large as on the screen: the page counts as the screen does, and is scaled as a whole.
    page.setResolution(_screen_dpi())
    area = QRectF(0, 0, page.width(), page.height())
    _paint(page, lambda painter: _Page(painter, area, report).paint(board))
    buffer.close()
    return lambda path: _write(path, bytes(data.data()))


class _Page:
    """Paints from the top down."""

    def __init__(self, painter: QPainter, area: QRectF, report: Report) -> None:
        self._painter, self._area, self._report = painter, area, report
        base = QFont(QGuiApplication.font())
        base.setPointSizeF(8.5)
        self._text, self._bold, self._head = base, scaled(base, 1.0, bold=True), scaled(base, 1.9, bold=True)
        self._line = QFontMetricsF(base, painter.device()).height()

    def paint(self, board: Board) -> None:
        top = self._heading()
        size = board.board_size()
        rows = max(1, len(self._report.lines))
        table = min(0.45 * self._area.height(), (rows + 1) * 1.7 * self._line)
        room = QSizeF(self._area.width(), self._area.bottom() - top - table - self._line)
        fitted = size.scaled(room, Qt.AspectRatioMode.KeepAspectRatio)
        if fitted.width() > size.width():
            fitted = size
        left = self._area.left() + (self._area.width() - fitted.width()) / 2
        board.paint_board(self._painter, QRectF(left, top, fitted.width(), fitted.height()))
        self._table(top + fitted.height() + self._line)

    def _heading(self) -> float:
        painter, area = self._painter, self._area
        painter.setFont(self._head)
        painter.setPen(QColor(LIGHT.text))
        height = QFontMetricsF(self._head, painter.device()).height()
        title = QRectF(area.left(), area.top(), area.width(), height)
        painter.drawText(title, Qt.AlignmentFlag.AlignVCenter, self._report.title)
        painter.setFont(self._text)
        painter.setPen(QColor(LIGHT.muted))
        room = QRectF(area.left(), area.top() + 1.1 * height, area.width(), 4 * self._line)
        used = painter.boundingRect(room, Qt.TextFlag.TextWordWrap, self._report.facts)
        painter.drawText(room, Qt.TextFlag.TextWordWrap, self._report.facts)
        return used.bottom() + self._line

    def _table(self, top: float) -> None:
        lines, step = self._report.lines, 1.7 * self._line
        if not lines:
            self._row(top, ReportLine("good", "check", "", self._report.nothing, ""))
            return
        room = int((self._area.bottom() - top) / step)
        shown = lines if len(lines) <= room else lines[: max(0, room - 1)]
        for number, line in enumerate(shown):
            self._row(top + number * step, line)
        if len(shown) < len(lines):
            self._painter.setFont(self._text)
            self._painter.setPen(QColor(LIGHT.muted))
            rest = self._report.more.format(count=len(lines) - len(shown))
            area = QRectF(self._area.left(), top + len(shown) * step, self._area.width(), step)
            self._painter.drawText(area, Qt.AlignmentFlag.AlignVCenter, rest)

    def _row(self, top: float, line: ReportLine) -> None:
        painter, area, height = self._painter, self._area, 1.7 * self._line
        tone = getattr(LIGHT, line.tone)
        painter.setPen(QPen(QColor(LIGHT.zone_border), 0.6))
        painter.drawLine(QPointF(area.left(), top), QPointF(area.right(), top))
        draw_icon(painter, line.icon, tone.text, QRectF(area.left(), top + 0.35 * self._line, self._line, self._line))
        middle = Qt.AlignmentFlag.AlignVCenter
        painter.setFont(self._bold)
        painter.setPen(QColor(tone.text))
        words = 6.0 * self._line if line.word else 1.5 * self._line
        painter.drawText(QRectF(area.left() + 1.5 * self._line, top, words, height), middle, line.word)
        right = 0.34 * area.width() if line.about else 0.0
        painter.setFont(self._text)
        painter.setPen(QColor(LIGHT.text))
        self._elided(QRectF(area.left() + words, top, area.width() - words - right - self._line, height), line.title)
        painter.setPen(QColor(LIGHT.muted))
        self._elided(QRectF(area.right() - right, top, right, height), line.about)

    def _elided(self, area: QRectF, text: str) -> None:
        metrics = QFontMetricsF(self._painter.font(), self._painter.device())
        shown = metrics.elidedText(text, Qt.TextElideMode.ElideMiddle, area.width())
        self._painter.drawText(area, Qt.AlignmentFlag.AlignVCenter, shown)


def _paint(device: object, paint: Callable[[QPainter], None]) -> None:
    painter = QPainter(device)  # type: ignore[call-overload]
    painter.setRenderHints(QPainter.RenderHint.Antialiasing | QPainter.RenderHint.TextAntialiasing)
    try:
        paint(painter)
    finally:
        painter.end()


def _screen_dpi() -> int:
    screen = QGuiApplication.primaryScreen()
    return round(screen.logicalDotsPerInch()) if screen is not None else 96


def _write(path: Path, data: bytes) -> None:
    try:
        path.write_bytes(data)
    except OSError as error:
        raise SnapshotError("file-unwritable", path=str(path), found=error.strerror or str(error)) from error
