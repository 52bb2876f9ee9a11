"""What every test may ask for."""

from __future__ import annotations

from pathlib import Path

import pytest

CORPUS = Path(__file__).resolve().parents[2] / "shared" / "corpus"


@pytest.fixture(scope="session")
def corpus() -> Path:
    """Data of real machines, kept beside the checkout; never part of it."""
    if not CORPUS.is_dir():
        pytest.skip("the corpus of real machines is not beside this checkout")
    return CORPUS
