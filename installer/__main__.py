"""From a fresh checkout to a running app or a full test run: ``python3 -m installer demo`` or ``... test``.

Standard library only. Makes ``.venv``, installs what `pyproject.toml` names, and on Debian as root also the system
packages that Qt and the lab need; elsewhere it says what is missing. Each step is skipped where nothing changed.
"""

from __future__ import annotations

import argparse
import hashlib
import os
import platform
import shutil
import subprocess
import sys
from pathlib import Path

CHECKOUT = Path(__file__).resolve().parents[1]
VENV = CHECKOUT / ".venv"
WINDOWS = platform.system() == "Windows"
PYTHON = VENV / ("Scripts/python.exe" if WINDOWS else "bin/python")

# What Qt loads at run time (PySide6 wheels bring Qt itself, not these).
# fmt: off
QT_PACKAGES = [
    "libegl1", "libgl1", "libglib2.0-0", "libdbus-1-3", "libfontconfig1", "libxkbcommon0", "libxkbcommon-x11-0",
    "libxcb-cursor0", "libxcb-icccm4", "libxcb-image0", "libxcb-keysyms1", "libxcb-randr0", "libxcb-render-util0",
    "libxcb-shape0", "libxcb-xinerama0", "libxcb-xkb1", "fonts-dejavu-core", "fonts-inter",
]
# A real OpenSSH for the contract tests, a real kernel for the lab, real kmod, and binutils for PyInstaller.
TEST_PACKAGES = [
    "openssh-server", "openssh-client", "pciutils", "kmod", "binutils", "git",
    "qemu-system-x86", "qemu-utils", "mmdebstrap", "e2fsprogs", "fdisk", "util-linux", "zstd",
]
# fmt: on


def main() -> int:
    parser = argparse.ArgumentParser(
        prog="python3 -m installer",
        description=__doc__,
        epilog="What follows the command goes to what it runs: python3 -m installer test tests/unit -k grub",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("command", choices=("demo", "run", "test", "freeze"))
    asked, rest = parser.parse_args(sys.argv[1:2]), sys.argv[2:]
    if sys.version_info < (3, 11):
        sys.exit(f"Lanewright needs Python 3.11 or newer; this is {platform.python_version()}.")
    os.chdir(CHECKOUT)
    testing = asked.command == "test"
    system_packages(QT_PACKAGES + (TEST_PACKAGES if testing else []) + venv_packages())
    environment("test" if testing else "freeze" if asked.command == "freeze" else None)
    if testing:
        return run_checks(rest)
    if asked.command == "freeze":
        return run("PyInstaller", "--noconfirm", "installer/lanewright.spec")
    if asked.command == "run":
        return run("gui", *rest)
    if has_display():
        return run("gui", "--demo", *rest)
    return run("gui.journey", *rest, QT_QPA_PLATFORM="offscreen")


def venv_packages() -> list[str]:
    """Debian keeps pip and venv apart from Python itself."""
    try:
        import ensurepip  # noqa: F401
    except ImportError:
        return ["python3-venv", "python3-pip"]
    return []


def system_packages(wanted: list[str]) -> None:
    """Install the missing ones as root on Debian; elsewhere name them and go on."""
    if not shutil.which("dpkg-query"):
        if platform.system() == "Linux":
            print("Not a Debian system: if Qt or a test reports something missing, install the counterpart of:")
            print("  " + " ".join(wanted))
        return
    listed = subprocess.run(
        ["dpkg-query", "-W", "-f", "${Package} ${db:Status-Status}\n"], capture_output=True, text=True, check=True
    )
    installed = {line.split()[0] for line in listed.stdout.splitlines() if line.endswith(" installed")}
    missing = [name for name in wanted if name not in installed]
    if not missing:
        return
    if os.geteuid() != 0:  # type: ignore[attr-defined,unused-ignore]
        print("Missing system packages. As root:\n  apt-get install " + " ".join(missing))
        return
    quiet = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    subprocess.run(["apt-get", "-qq", "update"], check=True)
    print("Installing system packages: " + " ".join(missing), flush=True)
    subprocess.run(
        ["apt-get", "-qq", "-y", "-o", "Dpkg::Use-Pty=0", "install", "--no-install-recommends", *missing],
        check=True,
        env=quiet,
        stdout=subprocess.DEVNULL,
    )


def environment(group: str | None) -> None:
    """Make ``.venv`` hold what `pyproject.toml` and `group` name. A stamp tells whether that was done before."""
    project = (CHECKOUT / "pyproject.toml").read_bytes()
    stamp = VENV / f"installed-{group or 'app'}"
    digest = hashlib.sha256(project + sys.version.encode()).hexdigest()
    if stamp.exists() and stamp.read_text() == digest and PYTHON.exists():
        return
    if not PYTHON.exists():
        subprocess.run([sys.executable, "-m", "venv", str(VENV)], check=True)
    print("Installing Python packages into .venv", flush=True)
    pip = [str(PYTHON), "-m", "pip", "--disable-pip-version-check", "--quiet"]
    subprocess.run([*pip, "install", "--upgrade", "pip>=25.1"], check=True)
    groups = ["--group", group] if group else []
    if group == "test":
        groups += ["--group", "freeze"]
    subprocess.run([*pip, "install", "--editable", ".[demo]", *groups], check=True)
    stamp.write_text(digest)


def run_checks(pytest: list[str]) -> int:
    if pytest:
        return run("pytest", *pytest)
    checks = (
        ("ruff", "check"),
        ("ruff", "format", "--check"),
        ("mypy",),
        ("importlinter",),
        # Two at a time: emulated machines are most of the time, and a computer has two cores at least.
        ("pytest", "-n", "2", "--dist", "loadgroup"),
    )
    for check in checks:
        print("==> " + " ".join(check), flush=True)
        if check == ("importlinter",):
            status = subprocess.run([str(PYTHON.parent / "lint-imports")]).returncode
        else:
            status = run(*check)
        if status:
            return status
    return 0


def run(module: str, *arguments: str, **environment: str) -> int:
    return subprocess.run([str(PYTHON), "-m", module, *arguments], env={**os.environ, **environment}).returncode


def has_display() -> bool:
    return platform.system() != "Linux" or bool(os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY"))


if __name__ == "__main__":
    try:
        sys.exit(main())
    except KeyboardInterrupt:
        sys.exit(130)
    except subprocess.CalledProcessError as error:
        sys.exit(f"Stopped: `{' '.join(map(str, error.cmd))}` ended with status {error.returncode}.")
