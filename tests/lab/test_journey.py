"""The whole way, through the real windows, to a card that vfio-pci really holds on a real kernel; and back again."""

from __future__ import annotations

import subprocess
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from PySide6.QtCore import QSettings

from backend.node.address import PciAddress
from gui.journey import Journey
from gui.main_window import MainWindow
from gui.opening import WorkspaceOpening
from gui.tasks import TaskRunner

from .machine import Machine
from .topologies import OWN_NIC, TWO_NICS_AND_CARD, TWO_NICS_AND_CARD_AMD, Topology

CARD = PciAddress.parse("0000:03:00.0")
PICTURES = Path(__file__).resolve().parents[2] / "screenshots"

# Every file that a push may touch, with its mode and digest; of the initramfs what it holds, since each build
# writes new time stamps into the archive itself.
_EVERY_FILE = """
find /etc /boot /usr/lib/modprobe.d -xdev -type f ! -name 'initrd.img*' -exec stat -c '%n %a %u:%g' {} + | sort
find /etc /boot /usr/lib/modprobe.d -xdev -type f ! -name 'initrd.img*' -exec sha256sum {} + | sort -k 2
for image in /boot/initrd.img-*; do
    inside=$(mktemp -d)
    unmkinitramfs "$image" "$inside"
    cd "$inside"
    find . -type f -exec sha256sum {} + | sort -k 2
    find . -type l -printf '%p -> %l\\n' | sort
    cd /
    rm -r "$inside"
done
"""


@dataclass
class Target:
    host: str
    port: int
    user: str = "root"


@pytest.fixture
def window(qapp: object, tmp_path: Path) -> Iterator[MainWindow]:
    runner = TaskRunner()
    settings = QSettings(str(tmp_path / "window.ini"), QSettings.Format.IniFormat)
    made = MainWindow(runner, WorkspaceOpening(tmp_path / "known_hosts"), settings)
    made.resize(1400, 880)
    made.show()
    yield made
    made.close()
    made.deleteLater()
    assert runner.shutdown(limit=10)


def every_file(machine: Machine) -> str:
    return machine.says("sh", "-ec", _EVERY_FILE)


def drivers(machine: Machine) -> dict[str, str]:
    """Address -> driver, as the machine's own lspci tells."""
    found: dict[str, str] = {}
    address = ""
    for line in machine.says("lspci", "-D", "-nnk").splitlines():
        if not line.startswith("\t"):
            address = line.split()[0]
            found[address] = ""
        elif "Kernel driver in use: " in line:
            found[address] = line.rpartition(": ")[2]
    return found


def fingerprint(machine: Machine) -> str:
    keys = [line.split(" ", 1)[1] for line in machine.known_hosts.read_text().splitlines()]
    key = next(key for key in keys if key.startswith("ssh-ed25519"))
    shown = subprocess.run(["ssh-keygen", "-lf", "-"], input=key, capture_output=True, text=True, check=True)
    return shown.stdout.split()[1]


@pytest.mark.parametrize("topology", [TWO_NICS_AND_CARD, TWO_NICS_AND_CARD_AMD], ids=lambda t: t.iommu)
def test_a_card_is_reserved_and_given_back(
    window: MainWindow, lab_machine: Callable[..., Machine], topology: Topology
) -> None:
    machine = lab_machine(topology)
    files, held = every_file(machine), drivers(machine)
    command_line = machine.says("cat", "/proc/cmdline")
    assert f"{topology.iommu}_iommu=off" in command_line
    assert not machine.groups()
    first_boot = machine.boot_id()

    journey = Journey(window, PICTURES / topology.iommu)
    journey.connect(Target(machine.host, machine.port), machine.identity, fingerprint(machine))
    journey.reserve(CARD)
    journey.iommu_on()
    plan = journey.review()
    assert not plan.refused
    assert [verdict.holds for verdict in journey.push()] == [True, True]

    second_boot = machine.boot_id()
    assert second_boot not in ("", first_boot)
    now = drivers(machine)
    assert now["0000:03:00.0"] == now["0000:03:00.1"] == "vfio-pci"
    assert now["0000:01:00.0"] == now["0000:02:00.0"] == "e1000e"
    assert now[OWN_NIC] == held[OWN_NIC] != ""
    assert machine.groups()

    journey.rollback()
    assert machine.boot_id() not in ("", first_boot, second_boot)
    assert drivers(machine) == held
    assert machine.says("cat", "/proc/cmdline") == command_line
    assert every_file(machine) == files
    journey.done()
