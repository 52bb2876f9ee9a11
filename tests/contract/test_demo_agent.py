"""The demo answers as backend/agent/on_node.py does: the same requests to both, on the same file tree."""

from __future__ import annotations

import asyncio
import hashlib
import json
import subprocess
import sys
import zlib
from pathlib import Path
from typing import Any

import pytest

from backend.demo.agent import FRAMES, answer
from backend.demo.machines import catalogue
from backend.demo.world import World

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="on_node.py runs on Linux")
ON_NODE = Path(__file__).parents[2] / "backend/agent/on_node.py"
VOLATILE = ("at", "mtime_ns", "uid", "gid")
Frames = list[tuple[dict[str, Any], bytes]]


def digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


@pytest.fixture
def world() -> World:
    return World(catalogue.small())


@pytest.fixture
def root(world: World, tmp_path: Path) -> Path:
    """The world's files as real files."""
    for tree in (world.disk, world._live):
        for path in tree.directories:
            (tmp_path / path[1:]).mkdir(parents=True, exist_ok=True)
        for path, content in tree.files.items():
            place = tmp_path / path[1:]
            place.parent.mkdir(parents=True, exist_ok=True)
            place.write_bytes(content)
            place.chmod(0o644)
        for path, target in tree.links.items():
            place = tmp_path / path[1:]
            place.parent.mkdir(parents=True, exist_ok=True)
            place.symlink_to(target)
    for name in ("update-grub", "update-initramfs", "systemctl", "uname"):
        ran = world.run((name, "-r") if name == "uname" else (name, "reboot") if name == "systemctl" else (name,))
        said = tmp_path / f"usr/share/{name}.txt"
        said.parent.mkdir(parents=True, exist_ok=True)
        said.write_bytes(ran.stdout)
        script = tmp_path / f"usr/bin/{name}"
        script.parent.mkdir(parents=True, exist_ok=True)
        script.write_text(f'#!/bin/sh\nwhile IFS= read -r line; do echo "$line"; done < {said}\n')
        script.chmod(0o755)
    return tmp_path


def parse(data: bytes) -> Frames:
    assert data.startswith(FRAMES)
    data, found = data[len(FRAMES) :], []
    while data:
        line, _, data = data.partition(b"\n")
        head = json.loads(line)
        found.append((head, data[: head["size"]]))
        data = data[head["size"] :]
    return found


def real(root: Path, request: dict[str, Any], attachments: list[bytes]) -> Frames:
    line = json.dumps({**request, "root": str(root), "attachments": [len(a) for a in attachments]}).encode() + b"\n"
    ran = subprocess.run(
        [sys.executable, str(ON_NODE)],
        input=line + b"".join(attachments),
        capture_output=True,
        timeout=60,
        check=True,
    )
    return parse(ran.stdout)


def simulated(world: World, request: dict[str, Any], attachments: list[bytes]) -> Frames:
    sent = [FRAMES]

    async def no_pause(_seconds: float) -> None:
        return

    asyncio.run(answer(world, request, attachments, sent.append, no_pause))
    return parse(b"".join(sent))


def comparable(frames: Frames) -> list[Any]:
    """Output comes in pieces of any size: joined by step. Times and owners differ."""
    found: list[Any] = []
    for head, body in frames:
        head = {key: value for key, value in head.items() if key not in (*VOLATILE, "size")}
        if head["type"] == "output" and found and found[-1][0] == head:
            found[-1][1] += body
        else:
            found.append([head, body])
    return found


def journal(text: bytes, root: Path | None = None) -> list[dict[str, Any]]:
    return [{k: v for k, v in json.loads(line).items() if k not in VOLATILE} for line in text.splitlines()]


GRUB = "/etc/default/grub"
NEW = "/etc/modprobe.d/lanewright.conf"
GONE = "/etc/modprobe.d/pve-blacklist.conf"
MODULES = "/etc/modules-load.d/modules.conf"  # a link


def steps(world: World) -> list[dict[str, Any]]:
    files = world.disk.files
    return [
        {"op": "write", "path": GRUB, "before": digest(files[GRUB]), "attachment": 0},
        {"op": "write", "path": NEW, "before": None, "attachment": 1, "mode": 0o644},
        {"op": "write", "path": MODULES, "before": digest(files["/etc/modules"]), "attachment": 2},
        {"op": "remove", "path": GONE, "before": digest(files[GONE])},
        {"op": "run", "argv": ["update-grub"], "timeout": 20},
        {"op": "reboot"},
    ]


def both(world: World, root: Path, request: dict[str, Any], attachments: list[bytes]) -> list[Any]:
    """Give both the request; frames, journals and files must agree. Returns the frames."""
    told = comparable(simulated(world, request, attachments))
    assert told == comparable(real(root, request, attachments))
    path = f"/var/lib/lanewright/pushes/{request['push']}/journal.jsonl"
    kept = root / path[1:]
    if kept.exists():
        assert journal(world.read(path) or b"") == journal(kept.read_bytes())
    else:
        assert world.read(path) is None
    for where in (GRUB, NEW, "/etc/modules", GONE):
        place = root / where[1:]
        assert world.read(where) == (place.read_bytes() if place.exists() else None)
    return told


def test_carry_out(world: World, root: Path) -> None:
    request = {"verb": "carry-out", "push": "p1", "meta": {"who": "me"}, "steps": steps(world)}
    told = both(world, root, request, [b"grub\n", b"options\n", b"vfio\n"])
    assert told[-1][0] == {"type": "end", "state": "done"}
    again = both(world, root, request, [b"grub\n", b"options\n", b"vfio\n"])
    assert [head.get("skipped") for head, _ in again[:-1]] == [True] * 6


@pytest.mark.parametrize(
    "step",
    [
        {"op": "write", "path": GRUB, "before": digest(b"old"), "attachment": 0},
        {"op": "write", "path": GRUB, "before": None, "attachment": 0},
        {"op": "remove", "path": NEW, "before": digest(b"old")},
        {"op": "write", "path": "/no/such/file", "before": None, "attachment": 0},
        {"op": "write", "path": "/etc/modprobe.d", "before": None, "attachment": 0},
        {"op": "write", "path": "/etc/../x", "before": None, "attachment": 0},
        {"op": "write", "path": GRUB, "before": None, "attachment": 3},
        {"op": "run", "argv": ["no-such-command"], "timeout": 5},
        {"op": "dance"},
    ],
)
def test_what_is_refused_and_what_fails(world: World, root: Path, step: dict[str, Any]) -> None:
    told = both(world, root, {"verb": "carry-out", "push": "p1", "steps": [step]}, [b"x"])
    assert told[-1][0]["type"] == "refused" or told[-1][0]["state"] == "failed"


def test_collect(world: World, root: Path) -> None:
    request = {
        "verb": "collect",
        "max_bytes": 1 << 24,
        "max_seconds": 60,
        "files": [
            {"glob": "/etc/default/grub*", "max": 1 << 16},
            {"glob": "/etc/pve/qemu-server/*.conf", "max": 1 << 16},
            {"glob": "/boot/config-{osrelease}", "max": 30},
            {"glob": "/proc/cmdline", "max": 4096},
            {"glob": "/sys/class/net/*/address", "max": 4096},
            {"glob": "/etc/absent", "max": 4096},
            {"glob": MODULES, "max": 4096},
        ],
        "trees": [
            {
                "base": "/sys/bus/pci/devices",
                "attributes": ["vendor", "device", "config", "nothing"],
                "links": ["driver", "iommu_group", "virtfn*"],
                "directories": ["pci_bus"],
                "present": ["uevent"],
                "lists": ["net"],
            },
            {"base": "/sys/absent", "attributes": ["x"]},
        ],
        "lists": ["/sys/kernel/iommu_groups/*/devices", "/sys/class/iommu", "/sys/class/block"],
        "links": ["/sys/class/net/*", "/sys/class/net/*/master"],
        "stats": ["/boot/*", "/etc/modprobe.d", "/etc/modules-load.d/*", "/lib/modules/{osrelease}/*", "/etc/gone"],
        "commands": [{"argv": ["uname", "-r"], "timeout": 5}, {"argv": ["absent"], "timeout": 5}],
    }
    seen = []
    for frames in (simulated(world, request, []), real(root, request, [])):
        head, body = frames[-1]
        assert head["type"] == "snapshot"
        line, _, packed = body.partition(b"\n")
        assert line == b"lanewright/snapshot/1"
        data = zlib.decompress(packed)
        size = int.from_bytes(data[:8], "big")
        header = json.loads(data[8 : 8 + size])
        header.pop("taken")
        header["stats"] = {path: size for path, (size, _) in header["stats"].items()}
        header["commands"] = sorted((c for c in header["commands"] if c["argv"] != ["ssh-connection"]), key=str)
        offset, contents = 8 + size, {}
        for folder, names in header["files"].items():
            for name, length in names.items():
                contents[folder, name] = data[offset : offset + length]
                offset += length
        seen.append((header, contents))
    assert seen[0][0] == seen[1][0]
    assert seen[0][1] == seen[1][1]
    assert ("/etc/default", "grub") in seen[0][1]
