"""ROM files that VMs name: ``romfile=X`` is /usr/share/kvm/X, unchecked (qemu-server, PCI.pm)."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from backend.node.hostpci import parsed_lines
from backend.node.option_rom import OptionRom, decode
from backend.snapshot.readers.guests import read_guests
from backend.snapshot.snapshot import Snapshot

FOLDER = "/usr/share/kvm/"


def rom_paths(snapshot: Snapshot) -> tuple[str, ...]:
    """Where the ROM files are that guests name, sorted. A name that leads out of the folder is left alone."""
    names = {line.romfile for guest in read_guests(snapshot) for _, line in parsed_lines(guest.hostpci)}
    return tuple(sorted(FOLDER + name for name in names if name is not None and ".." not in name.split("/")))


def read_roms(snapshot: Snapshot) -> Mapping[str, OptionRom]:
    """Those that the snapshot has whole, by path."""
    return MappingProxyType(
        {
            path: decode(content)
            for path in rom_paths(snapshot)
            if (content := snapshot.read(path)) is not None and snapshot.problems.get(path) != "cut"
        }
    )
