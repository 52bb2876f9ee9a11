"""Finding and running the programs the lab is made with."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path

# program: the Debian package that has it
PROGRAMS = {
    "qemu-system-x86_64": "qemu-system-x86",
    "qemu-img": "qemu-utils",
    "mmdebstrap": "mmdebstrap",
    "mke2fs": "e2fsprogs",
    "debugfs": "e2fsprogs",
    "sfdisk": "fdisk",
    "ssh": "openssh-client",
    "ssh-keygen": "openssh-client",
    "setpriv": "util-linux",
    "tar": "tar",
} | ({} if os.geteuid() == 0 else {"fakeroot": "fakeroot", "newuidmap": "uidmap"})

# Users other than root often have no sbin in PATH; mke2fs and sfdisk live there.
_PATH = os.pathsep.join((os.environ.get("PATH", os.defpath), "/usr/sbin", "/sbin"))


def missing_packages() -> list[str]:
    """The Debian packages to install before a machine can be made; empty when all is there."""
    return sorted({package for program, package in PROGRAMS.items() if not shutil.which(program, path=_PATH)})


def program(name: str) -> str:
    """The full path of a program."""
    found = shutil.which(name, path=_PATH)
    if found is None:
        raise FileNotFoundError(f"{name} is not installed (Debian package {PROGRAMS.get(name, name)})")
    return found


def run(argv: Sequence[str | Path], *, stdin: str = "", timeout: float = 600) -> str:
    """Run a program to its end and return what it said; RuntimeError with both outputs when it fails."""
    command = [program(str(argv[0])), *map(str, argv[1:])]
    done = subprocess.run(command, input=stdin, capture_output=True, text=True, timeout=timeout, check=False)
    if done.returncode:
        raise RuntimeError(f"{command} ended with {done.returncode}:\n{done.stdout}\n{done.stderr}")
    return done.stdout
