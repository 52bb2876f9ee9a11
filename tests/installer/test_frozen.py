"""The frozen application starts where no Python is, and knows all its parts."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

CHECKOUT = Path(__file__).resolve().parents[2]


@pytest.mark.frozen
def test_frozen_app_passes_its_self_test(tmp_path: Path) -> None:
    subprocess.run(
        [
            *(sys.executable, "-m", "PyInstaller", "--noconfirm", "--log-level", "WARN"),
            *("--distpath", str(tmp_path / "dist"), "--workpath", str(tmp_path / "build")),
            str(CHECKOUT / "installer" / "lanewright.spec"),
        ],
        cwd=tmp_path,
        check=True,
    )
    program = tmp_path / "dist" / "lanewright" / ("lanewright.exe" if os.name == "nt" else "lanewright")
    # Its own home and no path to this environment's packages: what it needs must be inside.
    environment = {
        "HOME": str(tmp_path),
        "PATH": "/usr/bin:/bin",
        "QT_QPA_PLATFORM": "offscreen",
        "SYSTEMROOT": os.environ.get("SYSTEMROOT", ""),
    }
    done = subprocess.run(
        [program, "--self-test"],
        env=environment,
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "self-test" in done.stdout
