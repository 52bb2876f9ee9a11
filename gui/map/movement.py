"""The way from one arrangement to the other: tiles move, all else comes up round them."""

from __future__ import annotations

from collections.abc import Collection, Mapping

from PySide6.QtCore import QAbstractAnimation, QEasingCurve, QObject, QPointF, QVariantAnimation
from PySide6.QtWidgets import QApplication, QGraphicsItem, QStyle

DURATION = 250  # milliseconds


def wanted() -> bool:
    """Not where the person asked the desktop for less motion: styles then tell a duration of 0."""
    style = QApplication.style()
    return style is None or style.styleHint(QStyle.StyleHint.SH_Widget_Animation_Duration) > 0


class Movement(QObject):
    """One at a time. Items are at home when it has ended, whether by itself or by `stop`."""

    def __init__(self, parent: QObject) -> None:
        super().__init__(parent)
        self._moving: dict[QGraphicsItem, QPointF] = {}  # from where, seen from home
        self._rising: list[QGraphicsItem] = []
        self._animation = QVariantAnimation(self)
        self._animation.setDuration(DURATION)
        self._animation.setStartValue(0.0)
        self._animation.setEndValue(1.0)
        self._animation.setEasingCurve(QEasingCurve.Type.InOutCubic)
        self._animation.valueChanged.connect(self.show)
        self._animation.finished.connect(self.stop)

    @property
    def running(self) -> bool:
        return self._animation.state() == QAbstractAnimation.State.Running

    def start(self, moving: Mapping[QGraphicsItem, QPointF], rising: Collection[QGraphicsItem]) -> None:
        """`moving`: where each item comes from, relative to where it belongs."""
        self.stop()
        self._moving, self._rising = dict(moving), list(rising)
        self.show(0.0)
        self._animation.start()

    def stop(self) -> None:
        """Put everything where it belongs."""
        self._animation.stop()
        self.show(1.0)
        self._moving, self._rising = {}, []

    def show(self, part: float) -> None:
        """The moment at which `part` of the way is done, from 0 to 1."""
        for item, start in self._moving.items():
            item.setPos(start * (1 - part))
        for item in self._rising:
            item.setOpacity(part)
