"""Copies of /sys in folders and archives, whatever is in front of them; damaged and hostile ones."""

from __future__ import annotations

import io
import tarfile
from pathlib import Path

import pytest

from backend.errors import SnapshotError
from backend.snapshot.foreign import node_path, open_any

DEVICE = "sys/devices/pci0000:00/0000:00:02.0"


def members() -> list[tarfile.TarInfo]:
    link = tarfile.TarInfo("sys/bus/pci/devices/0000:00:02.0")
    link.type, link.linkname = tarfile.SYMTYPE, "../../../devices/pci0000:00/0000:00:02.0"
    return [link]


def archive(path: Path, mode: str, prefix: str = "", extra: tuple[tarfile.TarInfo, ...] = ()) -> Path:
    with tarfile.open(path, mode) as tar:
        for member in (*members(), *extra):
            member.name = prefix + member.name
            tar.addfile(member)
        for name, content in (("vendor", b"0x8086\n"), ("class", b"0x030000\n"), ("firmware_node", b"x")):
            member = tarfile.TarInfo(f"{prefix}{DEVICE}/{name}")
            member.size, member.mode = len(content), 0
            tar.addfile(member, io.BytesIO(content))
    return path


@pytest.mark.parametrize("mode", ["w", "w:gz", "w:bz2", "w:xz"])
@pytest.mark.parametrize("prefix", ["", "./", "machine-1/", "a/b/"])
def test_archives(tmp_path: Path, mode: str, prefix: str) -> None:
    node = open_any(archive(tmp_path / "any.name", mode, prefix))
    assert [(str(f.address), f.vendor, f.class_code) for f in node.functions] == [("0000:00:02.0", 0x8086, 0x030000)]
    assert node.iommu.active is None
    assert node.boot.firmware is None


@pytest.mark.parametrize("top", ["gather/sys", "sys", ""])
def test_folders(tmp_path: Path, top: str) -> None:
    base = tmp_path / "copy" / top
    device = base / "devices/pci0000:00/0000:00:02.0"
    device.mkdir(parents=True)
    (device / "vendor").write_bytes(b"0x8086\n")
    devices = base / "bus/pci/devices"
    devices.mkdir(parents=True)
    (devices / "0000:00:02.0").symlink_to("../../../devices/pci0000:00/0000:00:02.0")
    (node,) = open_any(tmp_path / "copy").functions
    assert node.vendor == 0x8086


def test_hostile_members_are_left_alone(tmp_path: Path) -> None:
    fifo, climbing, device = (
        tarfile.TarInfo("sys/class/net/x/address"),
        tarfile.TarInfo("../../sys/devices/pci0000:00/0000:00:03.0/vendor"),
        tarfile.TarInfo("sys/class/net/y/address"),
    )
    fifo.type, device.type = tarfile.FIFOTYPE, tarfile.CHRTYPE
    node = open_any(archive(tmp_path / "x.tar.gz", "w:gz", extra=(fifo, climbing, device)))
    assert len(node.functions) == 1
    assert list(tmp_path.iterdir()) == [tmp_path / "x.tar.gz"]


def test_cut_archive(tmp_path: Path) -> None:
    path = archive(tmp_path / "x.tar", "w")
    path.write_bytes(path.read_bytes()[:1800])
    with pytest.raises(SnapshotError) as caught:
        open_any(path)
    assert (caught.value.code, caught.value.details["path"]) == ("snapshot-cut", str(path))


@pytest.mark.parametrize(
    ("content", "code"),
    [
        (b"\x1f\x8bnot gzip at all", "not-a-snapshot"),
        (b"\x7fELF\0\0\0", "not-a-snapshot"),
        (b"hello\n", "listing-empty"),
        (b"", "listing-empty"),
    ],
)
def test_other_files(tmp_path: Path, content: bytes, code: str) -> None:
    path = tmp_path / "x"
    path.write_bytes(content)
    with pytest.raises(SnapshotError) as caught:
        open_any(path)
    assert (caught.value.code, caught.value.details["path"]) == (code, str(path))


def test_nothing_there(tmp_path: Path) -> None:
    with pytest.raises(SnapshotError) as caught:
        open_any(tmp_path / "none")
    assert caught.value.code == "file-unreadable"
    with pytest.raises(SnapshotError) as caught:
        open_any(tmp_path)
    assert caught.value.code == "not-a-snapshot"


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
def test_listing_file(tmp_path: Path, encoding: str) -> None:
    path = tmp_path / "lspci.txt"
    path.write_bytes("00:02.0 VGA [0300]: Intel [8086:1912]\r\n".encode(encoding))
    assert open_any(path).functions[0].ids == "8086:1912"


@pytest.mark.parametrize(
    ("name", "path"),
    [
        ("32em64t/sys/bus/pci", "/sys/bus/pci"),
        ("proc/sys/kernel/hostname", "/proc/sys/kernel/hostname"),
        ("bus/pci/devices", "/sys/bus/pci/devices"),
        ("a/../sys/bus/pci", None),
        ("sys", None),
    ],
)
def test_place_on_the_node(name: str, path: str | None) -> None:
    assert node_path(name) == path
