"""Fixtures of the contract tests: a real OpenSSH server."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
import sshd as openssh


@pytest.fixture
def sshd(tmp_path: Path) -> Iterator[openssh.Sshd]:
    """An OpenSSH server of this test's own. Fails where there is none, unless LANEWRIGHT_NO_SSHD=1."""
    if openssh.SSHD is None:
        if os.environ.get("LANEWRIGHT_NO_SSHD") == "1":
            pytest.skip("no sshd, and LANEWRIGHT_NO_SSHD=1")
        pytest.fail("/usr/sbin/sshd is missing: install openssh-server, or set LANEWRIGHT_NO_SSHD=1")
    folder = tmp_path / "sshd"
    folder.mkdir()
    with openssh.running(folder) as server:
        yield server
