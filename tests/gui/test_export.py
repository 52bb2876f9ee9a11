"""Export: what is written is what was painted, and a place that cannot be written is told."""

from __future__ import annotations

from pathlib import Path

import pytest
from PySide6.QtCore import QRectF, QSize, QSizeF
from PySide6.QtGui import QColor, QImage, QPainter
from PySide6.QtSvg import QSvgRenderer

from backend.errors import SnapshotError
from gui import export

pytestmark = pytest.mark.usefixtures("qapp")


class RedBoard:
    """A red field with a word on it; remembers where it was painted."""

    def __init__(self, width: float = 300, height: float = 200) -> None:
        self.size = QSizeF(width, height)
        self.painted: list[QRectF] = []

    def board_size(self) -> QSizeF:
        return self.size

    def paint_board(self, painter: QPainter, rect: QRectF) -> None:
        self.painted.append(rect)
        painter.fillRect(rect, QColor("#ff0000"))
        painter.drawText(rect.center(), "board")


def line(number: int) -> export.ReportLine:
    return export.ReportLine(
        "warn", "warning", "Warning", f"finding {number} " + "long " * 60, "GeForce RTX 3090 · 01:00.0"
    )


def report(lines: int) -> export.Report:
    facts = "Proxmox VE 9.1 · Linux 6.17 · 2026-01-01"
    rows = tuple(line(number) for number in range(lines))
    return export.Report("pve1", facts, rows, "Nothing stands in the way", "and {count} more")


def test_a_picture_is_twice_as_large_as_the_board(tmp_path: Path) -> None:
    path = tmp_path / "board.png"
    export.png(RedBoard(), QColor("#ffffff"))(path)
    image = QImage(str(path))
    assert image.size() == QSize(600, 400)
    assert image.pixelColor(5, 5) == QColor("#ff0000")


def test_a_picture_of_a_huge_board_stays_in_bounds(tmp_path: Path) -> None:
    board = RedBoard(20_000, 40_000)
    export.png(board, QColor("#ffffff"))
    area = board.painted[0]
    assert area.width() * area.height() <= export.MOST_PIXELS * 1.01
    assert area.height() == pytest.approx(2 * area.width(), rel=0.01)


def test_a_drawing_has_the_boards_size(tmp_path: Path) -> None:
    path = tmp_path / "board.svg"
    export.svg(RedBoard(), QColor("#ffffff"), "pve1 & co")(path)
    drawing = QSvgRenderer(str(path))
    assert drawing.isValid()
    assert drawing.viewBoxF().size() == QSizeF(300, 200)
    assert b"pve1 &amp; co" in path.read_bytes()


@pytest.mark.parametrize("lines", [0, 3, 400])
@pytest.mark.parametrize("size", [(300.0, 200.0), (3000.0, 900.0), (900.0, 9000.0)])
def test_a_report_is_one_page_with_the_board_on_it(tmp_path: Path, lines: int, size: tuple[float, float]) -> None:
    path = tmp_path / "report.pdf"
    board = RedBoard(*size)
    export.pdf(board, report(lines))(path)
    data = path.read_bytes()
    assert data.startswith(b"%PDF-")
    assert data.count(b"/Type /Page\n") == 1
    area = board.painted[0]
    assert area.width() / area.height() == pytest.approx(size[0] / size[1], rel=0.01)
    assert area.width() <= size[0] * 1.01


@pytest.mark.parametrize("kind", ["png", "svg", "pdf"])
def test_a_place_that_cannot_be_written_is_told(tmp_path: Path, kind: str) -> None:
    board, white = RedBoard(), QColor("#ffffff")
    write = {
        "png": lambda: export.png(board, white),
        "svg": lambda: export.svg(board, white, "pve1"),
        "pdf": lambda: export.pdf(board, report(1)),
    }[kind]()
    with pytest.raises(SnapshotError) as raised:
        write(tmp_path / "no such folder" / "file")
    assert raised.value.code == "file-unwritable"
