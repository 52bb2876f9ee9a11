"""Names for widgets: what tests, style sheets and the journey find them by."""

from __future__ import annotations

from typing import TypeVar

from PySide6.QtCore import QObject

Q = TypeVar("Q", bound=QObject)


def named(thing: Q, name: str) -> Q:
    """`thing`, with `name` as its objectName."""
    thing.setObjectName(name)
    return thing
