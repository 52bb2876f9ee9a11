"""How quick the map is: on a server of 300 functions, on one of 4,096 virtual functions, in both arrangements.

    python -m tests.benchmarks.map_speed

What is measured is what a person waits for: the first picture from the moment the model is there, then a frame while
the board is dragged, while it is zoomed (every frame at another scale), and while the mouse goes over it. The view is
painted into a picture in memory (the platform "offscreen", where no other is set), without help of a graphics card.

Exit status 1 where a limit is passed: first picture 100 ms and frames 16 ms at 300 functions; frames 33 ms at 4,096.
"""

from __future__ import annotations

import os
import platform
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from statistics import median

from PySide6.QtCore import QPointF, qVersion
from PySide6.QtGui import QGuiApplication

from backend.demo.machines.server import huge, server
from backend.demo.world import World
from backend.node.address import PciAddress
from backend.node.function import Function
from backend.node.node import Group, Node
from backend.snapshot.readers import read_node
from gui.app import make_application
from gui.map.pieces import Arrangement
from gui.map.scene import MapScene
from gui.map.view import MapView
from gui.models.selection import Selection

SIZE = 1600, 1000  # pixels
FRAMES = 40
ROUNDS = 5


@dataclass(frozen=True, slots=True)
class Limits:
    """Milliseconds; None: said, not judged."""

    first: float | None
    frame: float


def main() -> int:
    os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")
    application = make_application()
    print(f"{_cpu()}, {os.cpu_count()} processors; {platform.platform()}; Python {platform.python_version()}")
    print(f"Qt {qVersion()}, platform {QGuiApplication.platformName()}, view of {SIZE[0]} x {SIZE[1]} pixels")
    if hasattr(os, "getloadavg"):  # what else runs here makes every figure larger
        print(f"load before: {os.getloadavg()[0]:.1f}")
    failed = 0
    for node, limits in ((many(300), Limits(100, 16)), (read_node(World(huge()).snapshot()), Limits(None, 33))):
        for arrangement in ("slots", "groups"):
            failed += _measure(node, arrangement, limits)
    application.processEvents()
    return int(failed > 0)


def many(count: int) -> Node:
    """A node of `count` functions or more, no virtual ones: the demo's server, once in each of several domains."""
    node = read_node(World(server()).snapshot())
    real = [f for f in node.functions if f.physical_function is None]
    functions: list[Function] = []
    domain = 0
    while len(functions) < count:
        functions += (_in_domain(f, domain) for f in real)
        domain += 1
    members: dict[int, list[PciAddress]] = {}
    for function in functions:
        if function.group is not None:
            members.setdefault(function.group, []).append(function.address)
    groups = tuple(Group(number, tuple(there)) for number, there in sorted(members.items()))
    return replace(node, functions=tuple(functions), groups=groups)


def _in_domain(function: Function, domain: int) -> Function:
    parent = function.parent
    return replace(
        function,
        address=replace(function.address, domain=domain),
        parent=None if parent is None else replace(parent, domain=domain),
        group=None if function.group is None else function.group + 1000 * domain,
        sriov_vfs=0 if function.sriov_vfs else function.sriov_vfs,
    )


def _measure(node: Node, arrangement: Arrangement, limits: Limits) -> int:
    first = median(_first_picture(node, arrangement) for _ in range(ROUNDS))
    view = _view()
    view.set_arrangement(arrangement, animated=False)
    view.set_node(node)
    _paint(view)
    frames = {
        "drag": median(_drag(view)),
        "drag the whole board": median(_drag_whole(view)),
        "zoom": median(_zoom(view)),
        "hover": median(_hover(view)),
        "move to the other arrangement": median(_move(view)),
    }
    said = ", ".join(f"{what} {taken:.1f} ms" for what, taken in frames.items())
    print(f"{len(node.functions)} functions, {arrangement}: first picture {first:.0f} ms; a frame: {said}")
    over = [what for what, taken in frames.items() if taken > limits.frame]
    if limits.first is not None and first > limits.first:
        over.append("first picture")
    if over:
        print(f"  over the limit: {', '.join(over)}")
    return len(over)


def _view() -> MapView:
    view = MapView(Selection())
    view.resize(*SIZE)
    view.show()
    QGuiApplication.processEvents()
    return view


def _paint(view: MapView) -> None:
    """The whole view with what lies over it: more than a window paints, which moves what it has."""
    view.grab()


def _timed(work: Callable[[], object]) -> float:
    began = time.perf_counter()
    work()
    return (time.perf_counter() - began) * 1000


def _first_picture(node: Node, arrangement: Arrangement) -> float:
    view = _view()
    view.set_arrangement(arrangement, animated=False)
    cold = replace(node)  # what a node remembers of itself is worked out anew

    def show() -> None:
        view.set_node(cold)
        _paint(view)

    taken = _timed(show)
    view.deleteLater()
    return taken


def _drag(view: MapView) -> Iterator[float]:
    """At 100 %: up and down in steps of some pixels."""
    view.set_zoom(1.0)
    bar = view.verticalScrollBar()
    for step in range(FRAMES):
        yield _timed(lambda step=step: (bar.setValue(step * 37 % max(1, bar.maximum())), _paint(view)))  # type: ignore[misc]


def _drag_whole(view: MapView) -> Iterator[float]:
    """Small enough that texts are just legible: the most that can be seen."""
    view.set_zoom(0.41)
    bar = view.verticalScrollBar()
    for step in range(FRAMES):
        yield _timed(lambda step=step: (bar.setValue(step * 7 % max(1, bar.maximum())), _paint(view)))  # type: ignore[misc]


def _zoom(view: MapView) -> Iterator[float]:
    for step in range(FRAMES):
        yield _timed(lambda step=step: (view.set_zoom(0.3 + 0.03 * step), _paint(view)))  # type: ignore[misc]


def _hover(view: MapView) -> Iterator[float]:
    view.set_zoom(1.0)
    scene = view.scene()
    assert isinstance(scene, MapScene)
    for step in range(FRAMES):
        point = QPointF(400, 60 + 23 * step)
        yield _timed(lambda point=point: (scene.hover(point), _paint(view)))  # type: ignore[misc]


def _move(view: MapView) -> Iterator[float]:
    """The frames of the animated change, the first left out: it also arranges, once."""
    view.set_zoom(0.6)
    scene = view.scene()
    assert isinstance(scene, MapScene)
    for _ in range(2):
        other: Arrangement = "slots" if view.arrangement == "groups" else "groups"
        scene.set_arrangement(other, SIZE[0], animated=True)
        for step in range(1, FRAMES // 2):
            yield _timed(lambda step=step: (scene.movement.show(2 * step / FRAMES), _paint(view)))  # type: ignore[misc]
        scene.movement.stop()


def _cpu() -> str:
    """Linux tells the name of the processor in /proc/cpuinfo (proc_cpuinfo(5)); elsewhere Python may."""
    info = Path("/proc/cpuinfo")
    if info.is_file():
        for line in info.read_text().splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()


if __name__ == "__main__":
    sys.exit(main())
