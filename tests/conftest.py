"""What every test may ask for."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import settings

os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")

# How long an example takes says how busy the computer is.
settings.register_profile("unhurried", deadline=None)
settings.load_profile("unhurried")

CORPUS = Path(__file__).resolve().parents[2] / "shared" / "corpus"


@pytest.fixture(scope="session")
def corpus() -> Path:
    """Data of real machines, kept beside the checkout; never part of it."""
    if not CORPUS.is_dir():
        pytest.skip("the corpus of real machines is not beside this checkout")
    return CORPUS


@pytest.fixture(scope="session")
def vectors() -> Path:
    """Cases judged by PVE's own code, kept beside the checkout; never part of it."""
    found = CORPUS.parent / "vectors"
    if not found.is_dir():
        pytest.skip("the cases judged by PVE's own code are not beside this checkout")
    return found


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        # The offscreen platform says so of every window that has a minimum size.
        item.add_marker(pytest.mark.qt_log_ignore("This plugin does not support propagateSizeHints"))
