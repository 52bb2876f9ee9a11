"""Where everything on the board lies: a pure function from a Node to rectangles."""

from __future__ import annotations

from backend.node.node import Node
from gui.map.pieces import Arrangement, MapLayout
from gui.map.rooms import rooms
from gui.map.slots import slots
from gui.map.structure import is_system, parents_of

__all__ = ["MapLayout", "is_system", "layout", "parents_of"]


def layout(node: Node, width: float, line: float = 16.0, arrangement: Arrangement = "slots") -> MapLayout:
    """Arrange `node` on a board about `width` wide; `line`: line height of the font.

    Both arrangements have the same tiles, those for bridges left out.
    """
    return (rooms if arrangement == "groups" else slots)(node, width, line)
