"""What the readers of uses look at is what the collector is asked for."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from backend.agent.protocol import FrameReader, bootstrap_argv, encode_request
from backend.agent.request import collect_request
from backend.demo.machines import catalogue
from backend.demo.machines.parts import Machine
from backend.demo.world import World
from backend.snapshot.file import loads
from backend.snapshot.readers import read_node
from backend.snapshot.snapshot import Snapshot

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="the program runs on Linux only")

MORE_FILES = {
    "{guests}/900.conf": b"onboot: 1\nscsi1: /dev/disk/by-id/nvme-DEMO_1\nusb0: host=1-7\n",
    "/proc/mdstat": b"md0 : active raid1 nvme0n1p1[0]\n      1 blocks [1/1] [U]\n",
}
MORE_LINKS = {
    "/sys/class/block/md0": "../../devices/virtual/block/md0",
    "/sys/devices/virtual/block/md0/slaves/nvme0n1p1": "/sys/class/block/nvme0n1p1",
    "/dev/disk/by-id/nvme-DEMO_1": "../../nvme0n1",
    "/sys/fs/btrfs/0b7c/devices/nvme0n1": "/sys/class/block/nvme0n1",
}


def on_disk(snapshot: Snapshot, root: Path) -> None:
    def place(path: str) -> Path:
        found = root / path.lstrip("/")
        found.parent.mkdir(parents=True, exist_ok=True)
        return found

    for directory in snapshot.directories:
        place(directory).mkdir(parents=True, exist_ok=True)
    for path, content in snapshot.files.items():
        place(snapshot.resolve(path)).write_bytes(content)
    for path, target in snapshot.links.items():
        real = snapshot.resolve(path.rpartition("/")[0]) + "/" + path.rpartition("/")[2]
        if not place(real).exists() and not place(real).is_symlink():
            place(real).symlink_to(target)


@pytest.mark.parametrize("make", [catalogue.workstation, catalogue.server])
def test_the_collector_brings_what_shows_the_uses(make: Callable[[], Machine], tmp_path: Path) -> None:
    world = World(make()).snapshot()
    port = next(f.address for f in read_node(world).functions if f.is_bridge)
    folder = world.resolve(f"/sys/bus/pci/devices/{port}")
    more = {path.format(guests=world.resolve("/etc/pve/qemu-server")): text for path, text in MORE_FILES.items()}
    whole = replace(
        world,
        files={**world.files, **more, "/proc/cmdline": b"quiet console=ttyS4\n"},
        links={**world.links, **MORE_LINKS, "/sys/class/tty/ttyS4": f"../../{folder[5:]}/tty/ttyS4"},
        directories=world.directories | {f"{folder}/tty/ttyS4"},
        commands={},
    )
    on_disk(whole, tmp_path)
    done = subprocess.run(
        bootstrap_argv(True),
        input=encode_request({**collect_request(), "root": str(tmp_path)}),
        capture_output=True,
        check=True,
        timeout=60,
    )
    *_, last = FrameReader().feed(done.stdout)
    collected = replace(loads(last.body), commands={})
    expected = read_node(whole).uses
    assert {"console", "lent", "md", "guest", "root"} <= {use.kind for use in expected}
    assert sorted(map(repr, read_node(collected).uses)) == sorted(map(repr, expected))
