"""The journey's hands find every widget they need, and do not confirm a wrong host key."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import pytest
from gui_stand_ins import GPU, StandInNode, StandInOpening

from backend.errors import HostKeyUnknown, LoginError
from gui.journey import Journey, JourneyError
from gui.main_window import MainWindow

UNKNOWN = {"host": "192.0.2.10", "port": "2222", "key_type": "ssh-ed25519", "fingerprint": "SHA256:right"}


@dataclass
class Target:
    host: str = "192.0.2.10"
    port: int = 2222
    user: str = "root"


@pytest.fixture
def opening() -> StandInOpening:
    return StandInOpening()


@pytest.fixture
def window(qtbot, runner, opening, settings) -> MainWindow:
    made = MainWindow(runner, opening, settings)
    qtbot.addWidget(made)
    made.show()
    return made


def test_the_whole_way(window, opening, tmp_path: Path) -> None:
    node = StandInNode()
    node.gate.set()
    opening.answers = [HostKeyUnknown(**UNKNOWN), node]
    journey = Journey(window, tmp_path / "shots")
    journey.connect(Target(), tmp_path / "key", "SHA256:right")
    assert (opening.asked[-1].host, opening.asked[-1].port) == ("192.0.2.10", 2222)
    journey.reserve(GPU)
    journey.iommu_on()
    assert len(journey.review().intents) == 2
    assert [verdict.holds for verdict in journey.push()] == [True, True]
    assert journey.rollback().writes
    journey.done()
    pictures = sorted(path.name for path in (tmp_path / "shots").iterdir())
    assert pictures[0] == "01-connect.png"
    assert pictures[-1] == "13-after.png"


def test_a_wrong_fingerprint_is_not_trusted(window, opening, tmp_path: Path) -> None:
    opening.answers = [HostKeyUnknown(**UNKNOWN)]
    with pytest.raises(JourneyError, match="expected SHA256:other"):
        Journey(window, None).connect(Target(), tmp_path / "key", "SHA256:other")
    assert opening.trusted == []


def test_a_refusal_ends_it_with_the_windows_own_words(window, opening, tmp_path: Path) -> None:
    opening.answers = [LoginError(user="root")]
    with pytest.raises(JourneyError, match="refused to log in root"):
        Journey(window, None).connect(Target(), tmp_path / "key", None)
