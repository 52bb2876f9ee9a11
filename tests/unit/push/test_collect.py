"""Which option ROMs a node is asked for, and that nothing is asked where no VM names one."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from backend.agent.protocol import FRAMES, source
from backend.demo.agent import collect as answer
from backend.demo.machines.workstation import workstation
from backend.demo.world import World
from backend.progress import CancelToken
from backend.push.collect import collect
from backend.push.connection import Finished
from backend.snapshot.readers import read_node

CONF = "/etc/pve/nodes/{}/qemu-server/901.conf"


class Line:
    """A connection to a simulated node that keeps what it was asked."""

    name, is_root, alive = "pve", True, True

    def __init__(self, world: World) -> None:
        self.world = world
        self.asked: list[dict[str, Any]] = []

    def run(
        self,
        argv: tuple[str, ...],
        stdin: bytes = b"",
        *,
        on_stdout: Callable[[bytes], None] | None = None,
        deadline: float,
        token: CancelToken,
    ) -> Finished:
        assert on_stdout is not None
        self.asked.append(json.loads(stdin[len(source()) :]))
        for piece in (FRAMES, *answer(self.world, self.asked[-1])):
            on_stdout(piece)
        return Finished(0, b"", b"")

    def close(self) -> None: ...


def read(*hostpci: str) -> tuple[Line, World, Any]:
    world = World(workstation())
    conf = "".join(f"hostpci{number}: {value}\n" for number, value in enumerate(hostpci))
    world.write(CONF.format(world.machine.name), conf.encode())
    world.write("/usr/share/kvm/a [1].rom", b"NVGI")
    line = Line(world)
    return line, world, collect(line, CancelToken(), lambda _progress: None)


def test_nothing_more_is_asked_without_rom_files() -> None:
    line, _, snapshot = read("06:00", "06:00.1,romfile=../../../etc/shadow", "06:00.2,romfile=a.rom,pcie=2")
    assert len(line.asked) == 1
    assert not any("/usr/share/kvm" in path for path in (*snapshot.files, *snapshot.problems))


def test_named_rom_files_and_no_others() -> None:
    line, _, snapshot = read("06:00,romfile=a [1].rom", "06:00.1,romfile=gone.rom", "06:00.2,romfile=a [1].rom")
    assert len(line.asked) == 2
    assert set(line.asked[1]) == {"verb", "max_bytes", "max_seconds", "files", "attachments"}
    node = read_node(snapshot)
    assert {path: rom.problem for path, rom in node.roms.items()} == {"/usr/share/kvm/a [1].rom": "signature"}
    assert "/usr/share/kvm/gone.rom: missing" in node.problems
    assert {901, 101} <= {guest.vmid for guest in node.guests}
