"""VMs, what runs of them, what they hold, mappings and ROM files, read from a snapshot."""

from __future__ import annotations

from pathlib import Path

import pytest

from backend.node.address import PciAddress
from backend.node.evidence import Evidence
from backend.node.hostpci import HostPci
from backend.node.node import Use
from backend.snapshot.readers import read_node
from backend.snapshot.readers.guests import read_guest, read_guests
from backend.snapshot.readers.roms import rom_paths
from backend.snapshot.redaction import redact
from backend.snapshot.snapshot import Snapshot

CONF = "/etc/pve/qemu-server/100.conf"
GPU = PciAddress.parse("0000:01:00.0")
AUDIO = PciAddress.parse("0000:01:00.1")


def snapshot(conf: str = "hostpci0: 01:00\n", **more: object) -> Snapshot:
    files = {CONF: conf.encode(), "/proc/sys/kernel/hostname": b"n1\n"}
    for address in (GPU, AUDIO):
        files[f"/sys/bus/pci/devices/{address}/vendor"] = b"0x10de\n"
        files[f"/sys/bus/pci/devices/{address}/device"] = b"0x2204\n"
    files |= {path: str(content).encode() for path, content in more.items()}
    return Snapshot(files)


def test_every_option_with_its_line() -> None:
    guest = read_guest(
        100, "#a: b\nname: win\nargs: -device vfio-pci,host=01:00.0\nonboot: 0\nonboot: yes\n[snap]\ncores: 1\n", CONF
    )
    assert dict(guest.options) == {"name": "win", "args": "-device vfio-pci,host=01:00.0", "onboot": "yes"}
    assert guest.onboot
    assert guest.evidence("onboot") == Evidence(CONF, "onboot: yes", 5)
    assert guest.evidence("cores") == Evidence(CONF, None)


def test_path_is_where_the_file_is() -> None:
    there = "/etc/pve/nodes/n1/qemu-server"
    links = {"/etc/pve/qemu-server": "nodes/n1/qemu-server"}
    guests = read_guests(Snapshot({f"{there}/100.conf": b"name: a\n"}, links))
    assert guests[0].evidence("name") == Evidence(f"{there}/100.conf", "name: a", 1)


@pytest.mark.parametrize(
    ("seen", "running"),
    [
        (Snapshot({CONF: b""}), None),
        (Snapshot({CONF: b"", "/run/qemu-server/100.pid": b""}), True),
        (Snapshot({CONF: b"", "/run/qemu-server/101.pid": b""}), False),
        (Snapshot({CONF: b""}, directories=frozenset({"/run/qemu-server"})), False),
        (Snapshot({CONF: b""}, problems={"/run/qemu-server": "missing"}), False),
        (Snapshot({CONF: b""}, problems={"/run/qemu-server": "denied"}), None),
    ],
)
def test_running(seen: Snapshot, running: bool | None) -> None:
    assert read_guests(seen)[0].running is running


def test_reservations_count_while_their_vm_runs() -> None:
    held = "0000:01:00.0 100 pid:4711\n0000:01:00.1 101 time:99\nnonsense\n"
    more: dict[str, object] = {"/run/qemu-server/pci-id-reservations": held, "/run/qemu-server/100.pid": ""}
    node = read_node(snapshot(**more))
    assert dict(node.reservations) == {GPU: 100}
    assert not any(path.startswith("/run/") for path in node.files)


def test_mapped_devices_are_named_too() -> None:
    """Every alternative of this node; those of others, and of an unknown mapping, are not."""
    text = "gpu\n\tmap node=n1,path=0000:01:00.1,id=10de:2204\n\tmap node=n1,path=0000:01:00.0,id=10de:2204\n"
    text += "\tmap node=n2,path=0000:01:00,id=10de:2204\n\nother\n\tmap node=n2,path=0000:01:00,id=10de:2204\n"
    more: dict[str, object] = {"/etc/pve/mapping/pci.cfg": text}
    node = read_node(snapshot("hostpci0: mapping=gpu\nhostpci1: mapping=other\nhostpci2: mapping=none\n", **more))
    assert [mapping.name for mapping in node.mappings] == ["gpu", "other"]
    assert node.uses == tuple(Use(address, "guest", ("100", "hostpci0", "gpu")) for address in (AUDIO, GPU))


def test_mediated_parents() -> None:
    more: dict[str, object] = {f"/sys/bus/pci/devices/{GPU}/mdev_supported_types/x/name": ""}
    node = read_node(snapshot(**more))
    assert [function.mdev for function in node.functions] == [True, False]


def test_rom_files() -> None:
    conf = "hostpci0: 01:00,romfile=a.rom\nhostpci1: 02:00,romfile=../../x\nhostpci2: 03:00,romfile=s/b.rom\n"
    bad = f"{conf}hostpci3: 04:00,romfile=c.rom,pcie=2\n"
    assert rom_paths(snapshot(bad)) == ("/usr/share/kvm/a.rom", "/usr/share/kvm/s/b.rom")
    more: dict[str, object] = {"/usr/share/kvm/a.rom": "NVGI", "/usr/share/kvm/z.rom": "U"}
    roms = read_node(snapshot(conf, **more)).roms
    assert {path: rom.problem for path, rom in roms.items()} == {"/usr/share/kvm/a.rom": "signature"}


def test_redaction_keeps_roms_whole() -> None:
    """A changed byte would break their checksum."""
    rom = b"\x55\xaa\x02" + bytes(50) + b"admin@example.org 10.1.2.3"
    found = redact(Snapshot({CONF: b"hostpci0: 01:00,romfile=a.rom\n", "/usr/share/kvm/a.rom": rom}))
    assert found.files["/usr/share/kvm/a.rom"] == rom


def test_memory_of_the_host() -> None:
    text = b"MemTotal:       65778080 kB\nMemFree:         1000000 kB\n"
    assert read_node(Snapshot({"/proc/meminfo": text})).memory == 65778080 << 10
    assert read_node(Snapshot({"/proc/meminfo": b"garbled"})).memory is None


@pytest.mark.corpus
def test_no_line_of_real_machines_is_lost(corpus: Path) -> None:
    found = 0
    for path in sorted((corpus / "vmconf").glob("*.conf")):
        text = path.read_text(encoding="utf-8")
        guest = read_guest(100, text)
        written = [line for line in text.partition("\n[")[0].splitlines() if line.startswith("hostpci")]
        assert [f"{slot}: {HostPci.parse(value)}" for slot, value in guest.hostpci.items()] == [
            _sorted(line) for line in written
        ]
        found += len(written)
    assert found > 30


def _sorted(line: str) -> str:
    host, *rest = line.split(",")
    return ",".join([host, *sorted(rest)])
