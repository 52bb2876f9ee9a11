"""The program that runs on the node, run for real: started by its bootstrap command, fed stdin."""

from __future__ import annotations

import ast
import os
import shutil
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from backend.agent.protocol import FrameReader, bootstrap_argv, encode_request
from backend.agent.request import collect_request
from backend.snapshot.file import dumps, loads
from backend.snapshot.snapshot import Snapshot

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="the program runs on Linux only")

SOURCE = Path(__file__).parents[3] / "backend/agent/on_node.py"


def collect(root: Path | str = "", env: Mapping[str, str] | None = None, **wanted: Any) -> Snapshot:
    request = {"verb": "collect", "max_bytes": 1 << 20, "max_seconds": 20, "root": str(root), **wanted}
    done = subprocess.run(
        bootstrap_argv(True),
        input=encode_request(request),
        capture_output=True,
        check=True,
        timeout=60,
        env=None if env is None else {**os.environ, **env},
    )
    assert done.stderr == b""
    frames = list(FrameReader().feed(done.stdout))
    assert [frame.type for frame in frames if frame.type != "progress"] == ["snapshot"]
    snapshot = loads(frames[-1].body)
    assert dumps(snapshot) == frames[-1].body
    return snapshot


def write(path: Path, content: bytes = b"", mode: int = 0o644) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    path.chmod(mode)
    return path


def test_it_is_python_3_7() -> None:
    ast.parse(SOURCE.read_text(), feature_version=(3, 7))


def test_it_uses_the_standard_library_only() -> None:
    imported = set()
    for node in ast.walk(ast.parse(SOURCE.read_text())):
        if isinstance(node, ast.Import):
            imported |= {name.name.partition(".")[0] for name in node.names}
        elif isinstance(node, ast.ImportFrom):
            imported.add((node.module or "").partition(".")[0])
    assert imported <= sys.stdlib_module_names


def test_this_machine_is_read() -> None:
    request = {key: value for key, value in collect_request().items() if key != "verb"}
    snapshot = collect(**request)
    assert snapshot.text("/proc/sys/kernel/osrelease") == os.uname().release
    assert snapshot.text("/proc/cmdline") == Path("/proc/cmdline").read_text().rstrip()
    assert snapshot.taken is not None
    devices = Path("/sys/bus/pci/devices")
    names = sorted(p.name for p in devices.iterdir()) if devices.is_dir() else []
    assert list(snapshot.listdir("/sys/bus/pci/devices")) == names
    for name in names:
        assert snapshot.text(f"/sys/bus/pci/devices/{name}/vendor") == (devices / name / "vendor").read_text().rstrip()
        driver = devices / name / "driver"
        expected = driver.readlink().name if driver.is_symlink() else None
        assert snapshot.link_name(f"/sys/bus/pci/devices/{name}/driver") == expected
    assert set(snapshot.listdir("/sys/class/net")) >= {
        p.name for p in Path("/sys/class/net").iterdir() if p.is_symlink()
    }


def test_links_are_followed_inside_the_root_and_recorded(tmp_path: Path) -> None:
    write(tmp_path / "usr/lib/modprobe.d/a.conf", b"a")
    write(tmp_path / "etc/modules", b"vfio\n")
    (tmp_path / "lib").symlink_to("usr/lib")
    (tmp_path / "etc/modules-load.d").mkdir()
    (tmp_path / "etc/modules-load.d/modules.conf").symlink_to("../modules")
    (tmp_path / "etc/loop").symlink_to("loop")
    (tmp_path / "etc/absolute").symlink_to("/etc/modules")
    wanted = ["/lib/modprobe.d/*", "/etc/modules-load.d/*", "/etc/loop", "/etc/absolute", "/etc/none"]
    snapshot = collect(tmp_path, files=[{"glob": pattern, "max": 100} for pattern in wanted])
    assert snapshot.files == {"/usr/lib/modprobe.d/a.conf": b"a", "/etc/modules": b"vfio\n"}
    assert snapshot.read("/lib/modprobe.d/a.conf") == b"a"
    assert snapshot.read("/etc/modules-load.d/modules.conf") == b"vfio\n"
    assert snapshot.read("/etc/absolute") == b"vfio\n"
    assert snapshot.links["/lib"] == "usr/lib"
    assert snapshot.problems == {"/etc/loop": "missing", "/etc/none": "missing"}


def test_a_tree_is_read_at_its_real_path(tmp_path: Path) -> None:
    device = tmp_path / "sys/devices/pci0000:00/0000:00:01.0"
    write(device / "vendor", b"0x8086\n")
    write(device / "config", bytes(range(256)) * 16)
    write(device / "reset")
    (device / "pci_bus").mkdir()
    (device / "driver").symlink_to("../../../bus/pci/drivers/vfio-pci")
    base = tmp_path / "sys/bus/pci/devices"
    base.mkdir(parents=True)
    (base / "0000:00:01.0").symlink_to("../../../devices/pci0000:00/0000:00:01.0")
    tree = {
        "base": "/sys/bus/pci/devices",
        "attributes": ["vendor", "config", "label"],
        "links": ["driver", "physfn"],
        "directories": ["pci_bus"],
        "present": ["reset", "rom"],
    }
    snapshot = collect(tmp_path, trees=[tree, {"base": "/sys/bus/pci/slots"}])
    real = "/sys/devices/pci0000:00/0000:00:01.0"
    assert snapshot.files == {
        f"{real}/vendor": b"0x8086\n",
        f"{real}/config": bytes(range(256)) * 16,
        f"{real}/reset": b"",
    }
    assert snapshot.links == {
        "/sys/bus/pci/devices/0000:00:01.0": "../../../devices/pci0000:00/0000:00:01.0",
        f"{real}/driver": "../../../bus/pci/drivers/vfio-pci",
    }
    assert f"{real}/pci_bus" in snapshot.directories
    assert snapshot.problems == {"/sys/bus/pci/slots": "missing"}


def test_wild_links_and_lists(tmp_path: Path) -> None:
    net = tmp_path / "sys/class/net/vmbr0"
    net.mkdir(parents=True)
    (net / "lower_eno1").symlink_to("../eno1")
    (net / "other").symlink_to("../x")
    block = tmp_path / "sys/class/block/sda"
    (block / "holders").mkdir(parents=True)
    (block / "holders/dm-0").symlink_to("../../dm-0")
    write(tmp_path / "sys/firmware/acpi/tables/DMAR", b"secret")
    snapshot = collect(
        tmp_path,
        trees=[
            {"base": "/sys/class/net", "links": ["lower_*"]},
            {"base": "/sys/class/block", "lists": ["holders", "slaves"]},
        ],
        lists=["/sys/firmware/acpi/tables"],
    )
    assert set(snapshot.links) == {"/sys/class/net/vmbr0/lower_eno1", "/sys/class/block/sda/holders/dm-0"}
    assert snapshot.files == {"/sys/firmware/acpi/tables/DMAR": b""}
    assert snapshot.problems == {}


def test_the_kernels_release_in_a_pattern(tmp_path: Path) -> None:
    write(tmp_path / "proc/sys/kernel/osrelease", b"6.8.12-1-pve\n")
    write(tmp_path / "boot/config-6.8.12-1-pve", b"CONFIG_X=y\n")
    write(tmp_path / "boot/config-6.5.0", b"no\n")
    snapshot = collect(tmp_path, files=[{"glob": "/boot/config-{osrelease}", "max": 100}])
    assert snapshot.files == {"/boot/config-6.8.12-1-pve": b"CONFIG_X=y\n"}


def test_size_and_time_of_writing(tmp_path: Path) -> None:
    image = write(tmp_path / "boot/initrd.img-6.8.12-1-pve", b"12345")
    os.utime(image, ns=(5, 1_700_000_000_123_456_789))
    write(tmp_path / "proc/sys/kernel/osrelease", b"6.8.12-1-pve\n")
    write(tmp_path / "usr/lib/modules/6.8.12-1-pve/vfio.ko", b"k")
    (tmp_path / "lib").symlink_to("usr/lib")
    os.mkfifo(tmp_path / "boot/pipe")
    asked = ["/boot/*", "/boot", "/lib/modules/{osrelease}/*.ko*", "/etc/kernel/cmdline"]
    snapshot = collect(tmp_path, files=[], stats=asked)
    assert snapshot.stats["/boot/initrd.img-6.8.12-1-pve"] == (5, 1_700_000_000_123_456_789)
    assert set(snapshot.stats) == {"/boot/initrd.img-6.8.12-1-pve", "/usr/lib/modules/6.8.12-1-pve/vfio.ko"}
    assert snapshot.problems == {"/etc/kernel/cmdline": "missing"}
    assert snapshot.files == {}


def test_too_large_is_cut_and_a_pipe_is_left_alone(tmp_path: Path) -> None:
    write(tmp_path / "etc/big", b"x" * 101)
    write(tmp_path / "etc/fits", b"x" * 100)
    os.mkfifo(tmp_path / "etc/pipe")
    snapshot = collect(tmp_path, files=[{"glob": "/etc/*", "max": 100}])
    assert snapshot.files == {"/etc/big": b"x" * 100, "/etc/fits": b"x" * 100}
    assert snapshot.problems == {"/etc/big": "cut", "/etc/pipe": "failed"}


def test_the_budget_ends_a_pattern_not_the_snapshot(tmp_path: Path) -> None:
    for name in "ab":
        write(tmp_path / "etc" / name, b"x" * 600)
    snapshot = collect(tmp_path, max_bytes=1000, files=[{"glob": "/etc/*", "max": 1000}])
    assert list(snapshot.files) == ["/etc/a"]
    assert snapshot.problems == {"/etc/*": "budget"}


def test_no_time_left(tmp_path: Path) -> None:
    write(tmp_path / "etc/a", b"x")
    (tmp_path / "sys").mkdir()
    snapshot = collect(
        tmp_path, max_seconds=0, files=[{"glob": "/etc/a", "max": 10}], lists=["/sys"], trees=[{"base": "/etc"}]
    )
    assert snapshot.files == {}
    assert snapshot.problems == {"/etc/a": "timeout", "/etc": "timeout", "/sys": "timeout"}


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_denied(tmp_path: Path) -> None:
    write(tmp_path / "etc/shadow", b"x", 0)
    assert collect(tmp_path, files=[{"glob": "/etc/shadow", "max": 10}]).problems == {"/etc/shadow": "denied"}


def test_commands(tmp_path: Path) -> None:
    write(tmp_path / "usr/bin/hello", b'#!/bin/sh\necho "$LC_ALL $1"; echo oops >&2; cat; exit 3\n', 0o755)
    write(tmp_path / "usr/sbin/flood", b"#!/bin/sh\nhead -c 300000 /dev/zero\n", 0o755)
    write(tmp_path / "usr/sbin/hangs", b"#!/bin/sh\necho begun\ncat /dev/zero >/dev/null\n", 0o755)
    (tmp_path / "usr/bin/head").symlink_to(shutil.which("head") or "/usr/bin/head")
    (tmp_path / "usr/bin/cat").symlink_to(shutil.which("cat") or "/usr/bin/cat")
    commands = [
        {"argv": ["hello", "a b;c"], "timeout": 20},
        {"argv": ["flood"], "timeout": 20, "max": 1000},
        {"argv": ["hangs"], "timeout": 0.3},
        {"argv": ["lspci"], "timeout": 20},
    ]
    snapshot = collect(tmp_path, commands=commands)
    hello = snapshot.commands["hello", "a b;c"]
    assert (hello.exit, hello.stdout, hello.stderr) == (3, b"C a b;c\n", b"oops\n")
    assert snapshot.commands[("flood",)].stdout == bytes(1000)
    assert snapshot.commands[("hangs",)].exit is None
    assert snapshot.output("hangs") is None
    assert snapshot.output("lspci") is None  # this machine's own is not used
    assert snapshot.problems == {"command: flood": "cut", "command: hangs": "timeout", "command: lspci": "missing"}


def test_the_asking_connection(tmp_path: Path) -> None:
    ends = "192.0.2.7 50022 192.0.2.1 22"
    assert collect(tmp_path, env={"SSH_CONNECTION": ends}).output("ssh-connection") == ends


def test_the_asking_connection_behind_sudo(tmp_path: Path) -> None:
    """sudo clears the environment of the program, but not its own."""
    ends = "2001:db8::7 50022 2001:db8::1 22"
    request = encode_request({"verb": "collect", "max_bytes": 1000, "max_seconds": 20, "root": str(tmp_path)})
    shell = ["/bin/sh", "-c", 'env -u SSH_CONNECTION "$@"; exit $?', "sh", *bootstrap_argv(True)]
    done = subprocess.run(
        shell, input=request, capture_output=True, check=True, timeout=60, env={**os.environ, "SSH_CONNECTION": ends}
    )
    *_, last = FrameReader().feed(done.stdout)
    assert loads(last.body).output("ssh-connection") == ends


def test_names_that_are_not_utf_8(tmp_path: Path) -> None:
    folder = tmp_path / "etc"
    folder.mkdir()
    Path(os.fsdecode(os.fsencode(folder) + b"/\xff.conf")).write_bytes(b"x")
    snapshot = collect(tmp_path, files=[{"glob": "/etc/*", "max": 10}])
    assert snapshot.files == {"/etc/\udcff.conf": b"x"}


def test_an_unknown_verb_is_refused() -> None:
    done = subprocess.run(
        bootstrap_argv(True), input=encode_request({"verb": "dance"}), capture_output=True, check=True, timeout=60
    )
    (frame,) = FrameReader().feed(done.stdout)
    assert (frame.type, frame.fields["code"]) == ("refused", "malformed")
