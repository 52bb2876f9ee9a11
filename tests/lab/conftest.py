"""The machine every test here may ask for."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from .image import Image, base_image
from .machine import Machine
from .tools import missing_packages
from .topologies import Topology

HERE = Path(__file__).parent


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark as lab whatever here asks for a machine, and keep together what shares one: each group of tests stays in
    one process. Machines take longest, so they go first."""
    ours = [i for i in items if HERE in i.path.parents and "lab_image" in getattr(i, "fixturenames", ())]
    for item in ours:
        item.add_marker("lab")
        callspec = getattr(item, "callspec", None)
        shared = callspec.id if callspec is not None and "machine" in callspec.params else item.nodeid
        item.add_marker(pytest.mark.xdist_group(shared))
    items[:] = [*ours, *(item for item in items if item not in ours)]


@pytest.fixture(scope="session")
def lab_image() -> Image:
    """The base image, built when this recipe has none yet."""
    if os.environ.get("LANEWRIGHT_NO_LAB") == "1":
        pytest.skip("LANEWRIGHT_NO_LAB=1")
    if missing := missing_packages():
        pytest.fail(
            f"The lab needs the packages {' '.join(missing)}: install them, or set LANEWRIGHT_NO_LAB=1.",
            pytrace=False,
        )
    return base_image()


@pytest.fixture
def lab_machine(lab_image: Image) -> Iterator[Callable[..., Machine]]:
    """Start machines: lab_machine(topology) is one that answers; all are switched off after the test."""
    with contextlib.ExitStack() as stack:

        def start(topology: Topology, *, ready: bool | None = None) -> Machine:
            return stack.enter_context(Machine(topology, lab_image, ready=ready))

        yield start
