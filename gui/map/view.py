"""The board in the window: zoom, keyboard, and what is said where there is nothing to show."""

from __future__ import annotations

from collections.abc import Mapping

from PySide6.QtCore import QEvent, QPointF, QRectF, QSize, QSizeF, Qt, Signal
from PySide6.QtGui import QColor, QFocusEvent, QKeyEvent, QMouseEvent, QPainter, QResizeEvent, QWheelEvent
from PySide6.QtWidgets import QFrame, QGraphicsView, QWidget

from backend.node.address import PciAddress
from backend.node.node import Node
from gui.map import movement
from gui.map.marks import Mark
from gui.map.minimap import MiniMap
from gui.map.pieces import Arrangement, Row
from gui.map.scene import MapScene
from gui.models.selection import Selection
from gui.theme import colours_of, scaled

SMALLEST, LARGEST = 0.15, 3.0
STEP = 1.2
STRETCHES = (1.0, 1.25, 1.5, 1.8, 2.2, 2.7, 3.3, 4.0)  # of the width of the view


class MapView(QGraphicsView):
    """The map of one node. Arrows move between functions, Enter inspects, +, -, 0 and F zoom and fit, M shows and
    hides the overview of a board that is larger than the view."""

    inspect_requested = Signal(object)  # PciAddress

    def __init__(self, selection: Selection, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setAccessibleName(self.tr("Map"))
        self.setAccessibleDescription(self.tr("The devices of the map are also on the page Devices, as a table."))
        self._node: Node | None = None
        self._seen_width = 0
        self._stretch = 1.0  # how much wider the board is than the view, since it was fitted
        self._selection = selection
        self._scene = MapScene(selection, self.font(), colours_of(self.palette()), self)
        self._scene.inspect_requested.connect(self.inspect_requested)
        self.setScene(self._scene)
        self.setFrameShape(QFrame.Shape.NoFrame)
        self.setRenderHints(QPainter.RenderHint.Antialiasing | QPainter.RenderHint.TextAntialiasing)
        self.setAlignment(Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignTop)
        self.setTransformationAnchor(QGraphicsView.ViewportAnchor.AnchorUnderMouse)
        self.setOptimizationFlag(QGraphicsView.OptimizationFlag.DontSavePainterState)
        self.setMouseTracking(True)
        self.minimap = MiniMap(self)
        self.minimap.moved.connect(self.centerOn)
        self._scene.arranged.connect(self._show_overview)
        self.horizontalScrollBar().valueChanged.connect(self._show_seen)
        self.verticalScrollBar().valueChanged.connect(self._show_seen)
        selection.changed.connect(self._reveal)

    def sizeHint(self) -> QSize:
        return QSize(960, 640)

    def set_node(self, node: Node | None) -> None:
        self._node = node
        self._arrange()

    def set_staged(self, staged: Mapping[PciAddress, str]) -> None:
        self._scene.set_staged(staged)

    def set_marks(self, marks: Mapping[PciAddress, tuple[Mark, ...]]) -> None:
        """State badges, by function."""
        self._scene.set_marks(marks)

    def set_matches(self, addresses: frozenset[PciAddress] | None) -> None:
        """What a search found: other rows are faded. None: no search."""
        self._scene.set_matches(addresses)

    @property
    def arrangement(self) -> Arrangement:
        return self._scene.arrangement

    def set_arrangement(self, name: Arrangement, animated: bool = True) -> None:
        """ "slots" or "groups". The change is shown as movement where it is seen and the desktop does not ask for less
        motion."""
        if name != self.arrangement:
            seen = animated and self.isVisible() and movement.wanted()
            self._scene.set_arrangement(name, self._width() * self._stretch, animated=seen)
            self._reveal(self._selection.current)

    def board_size(self) -> QSizeF:
        return self.sceneRect().size()

    def paint_board(self, painter: QPainter, rect: QRectF) -> None:
        """The whole board into `rect`, for a file: as vectors, in light colours."""
        self._scene.print(painter, rect)

    # --- zoom -------------------------------------------------------------------------------------

    @property
    def zoom(self) -> float:
        return self.transform().m11()

    def set_zoom(self, factor: float) -> None:
        """1.0 is the size of the other texts of the application."""
        factor = min(max(factor, SMALLEST), LARGEST)
        self.resetTransform()
        self.scale(factor, factor)
        self._show_seen()

    def fit(self) -> None:
        """Show the whole board, never larger than 100 %, arranged as wide as lets it be largest."""
        room = self.maximumViewportSize()
        boards = [self._scene.measured(self._width() * stretch) for stretch in STRETCHES]
        zooms = [min(room.width() / max(w, 1), room.height() / max(h, 1), 1.0) for w, h in boards]
        best = max(range(len(STRETCHES)), key=lambda n: (round(zooms[n], 2), -n))
        self._stretch = STRETCHES[best]
        self._arrange()
        self.set_zoom(zooms[best])

    # --- events -----------------------------------------------------------------------------------

    def _width(self) -> float:
        # Room for a scroll bar is always kept, so that its coming does not change the arrangement.
        return self.width() - self.verticalScrollBar().sizeHint().width()

    def _arrange(self) -> None:
        self._scene.set_node(self._node or Node(), self._width() * self._stretch)
        self.viewport().update()

    def _show_overview(self) -> None:
        self.minimap.show_board(self._scene.layout, self._scene.style_of_items.colours)
        self._show_seen()

    def _show_seen(self) -> None:
        if hasattr(self, "minimap"):  # Qt sends events before __init__ has ended
            seen = self.mapToScene(self.viewport().rect()).boundingRect()
            self.minimap.show_seen(seen, self.viewport().geometry())

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        if self.width() != self._seen_width:  # not where only a scroll bar came or went
            self._seen_width = self.width()
            self._stretch = 1.0
            self._arrange()
        self._show_seen()

    def changeEvent(self, event: QEvent) -> None:
        super().changeEvent(event)
        if event.type() in (QEvent.Type.PaletteChange, QEvent.Type.FontChange) and hasattr(self, "_scene"):
            self._scene.restyle(self.font(), colours_of(self.palette()), self._width() * self._stretch)

    def wheelEvent(self, event: QWheelEvent) -> None:
        if event.modifiers() & Qt.KeyboardModifier.ControlModifier:
            self.set_zoom(self.zoom * STEP ** (event.angleDelta().y() / 120))
            event.accept()
        else:
            super().wheelEvent(event)

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        super().mouseMoveEvent(event)
        self._scene.hover(self.mapToScene(event.position().toPoint()))

    def leaveEvent(self, event: QEvent) -> None:
        super().leaveEvent(event)
        self._scene.hover(None)

    def focusInEvent(self, event: QFocusEvent) -> None:
        super().focusInEvent(event)
        self._scene.set_focused(True)

    def focusOutEvent(self, event: QFocusEvent) -> None:
        super().focusOutEvent(event)
        self._scene.set_focused(False)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        key = event.key()
        moves = {
            Qt.Key.Key_Up: (0, -1),
            Qt.Key.Key_Down: (0, 1),
            Qt.Key.Key_Left: (-1, 0),
            Qt.Key.Key_Right: (1, 0),
        }
        current = self._selection.current
        if key in moves:
            self._move(*moves[Qt.Key(key)])
        elif key in (Qt.Key.Key_Return, Qt.Key.Key_Enter) and current is not None:
            self.inspect_requested.emit(current)
        elif key in (Qt.Key.Key_Plus, Qt.Key.Key_Equal):
            self.set_zoom(self.zoom * STEP)
        elif key == Qt.Key.Key_Minus:
            self.set_zoom(self.zoom / STEP)
        elif key == Qt.Key.Key_0:
            self._stretch = 1.0
            self._arrange()
            self.set_zoom(1.0)
        elif key == Qt.Key.Key_F:
            self.fit()
        elif key == Qt.Key.Key_M:
            self.minimap.wanted = not self.minimap.wanted
            self._show_seen()
        elif key == Qt.Key.Key_Escape and current is not None:
            self._selection.current = None
        else:
            super().keyPressEvent(event)

    def _move(self, dx: int, dy: int) -> None:
        """Select the next row that way: the nearest in the same column first."""
        rows = self._scene.rows()
        if not rows:
            return
        found = self._scene.row_of(self._selection.current)
        if found is None:
            self._selection.current = rows[0][1].addresses[0]
            return
        here = found[1].rect

        def far(row: Row) -> tuple[float, float]:
            across, down = row.rect.x - here.x, row.rect.y - here.y
            along, aside = (down * dy, abs(across)) if dy else (across * dx, abs(down))
            # Below a card in the other column is not "below": the way aside weighs more.
            column_apart = dy and (row.rect.x >= here.right or row.rect.right <= here.x)
            return (1 if column_apart else 0, along + 0.3 * aside if dy else along + 2 * aside)

        onward = [
            row for _, row in rows if (row.rect.y - here.y) * dy > 0 or (dx and (row.rect.x - here.x) * dx > here.w / 2)
        ]
        if onward:
            self._selection.current = min(onward, key=far).addresses[0]

    def _reveal(self, address: object) -> None:
        rect = self._scene.rect_of(address) if isinstance(address, PciAddress) else None
        if rect is not None:
            width = min(rect.width(), (self.width() - 60) / self.zoom)
            self.ensureVisible(QRectF(rect.x(), rect.y(), width, rect.height()), 24, 32)

    # --- nothing to show --------------------------------------------------------------------------

    def drawForeground(self, painter: QPainter, rect: QRectF | QPointF) -> None:  # type: ignore[override]
        if self._node is not None and self._node.functions:
            return
        title = self.tr("No node is open") if self._node is None else self.tr("No PCI devices")
        text = (
            self.tr("Connect to a node, or open a snapshot file.")
            if self._node is None
            else self.tr("The snapshot of this node has no PCI devices in it.")
        )
        colours = colours_of(self.palette())
        painter.save()
        painter.resetTransform()
        area = QRectF(self.viewport().rect())
        line = painter.fontMetrics().height()
        painter.setFont(scaled(self.font(), 1.25, bold=True))
        painter.setPen(QColor(colours.text))
        painter.drawText(area.adjusted(0, 0, 0, -1.6 * line), Qt.AlignmentFlag.AlignCenter, title)
        painter.setFont(self.font())
        painter.setPen(QColor(colours.muted))
        painter.drawText(area.adjusted(0, 1.4 * line, 0, 0), Qt.AlignmentFlag.AlignCenter, text)
        painter.restore()
