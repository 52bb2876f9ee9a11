"""A running lab machine, reached as the app reaches a node: by SSH, on a port of the loopback."""

from __future__ import annotations

import contextlib
import shlex
import socket
import subprocess
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

from . import qemu
from .accel import accelerator
from .image import Image
from .smbios import record
from .tools import program, run
from .topologies import Topology

BOOT_SECONDS = 240  # emulation on a busy computer; with KVM it takes a few
_POLL_SECONDS = 0.2
_IOMMU_ON = {"intel": "intel_iommu=on iommu=pt", "amd": "amd_iommu=on iommu=pt"}


class Machine:
    """A machine of the given topology on a fresh copy of the base image; a context manager that starts it.

    ready overrides Topology.ready. The disk lasts over power_cut() and start(), and ends with the context.
    QEMU dies with the thread that called start(), so that an ended test run leaves nothing behind.
    """

    host = "127.0.0.1"

    def __init__(self, topology: Topology, image: Image, *, ready: bool | None = None) -> None:
        self.topology = topology
        self.image = image
        self.ready = topology.ready if ready is None else ready
        self.identity = image.identity
        self.password = image.password
        self._qemu: subprocess.Popen[bytes] | None = None
        self._open = contextlib.ExitStack()

    def __enter__(self) -> Self:
        with contextlib.ExitStack() as stack:
            stack.enter_context(self.image.in_use())
            self.folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="lanewright-lab-")))
            self.port = _free_port()
            self.known_hosts = self.folder / "known_hosts"
            self.known_hosts.write_text("".join(f"[{self.host}]:{self.port} {key}\n" for key in self.image.host_keys))
            self.console = self.folder / "console.log"
            self._disk = self.folder / "disk.qcow2"
            run(["qemu-img", "create", "-q", "-f", "qcow2", "-b", self.image.disk, "-F", "raw", self._disk])
            stack.callback(self.power_cut)
            self.start()
            self._open = stack.pop_all()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, where: TracebackType | None
    ) -> None:
        self._open.close()

    def start(self, *, wait: bool = True) -> None:
        """Switch the machine on, and wait until it answers by SSH."""
        if self._qemu and self._qemu.poll() is None:
            raise RuntimeError("the machine is on already")
        emulator, *arguments = self._arguments()
        argv = [program("setpriv"), "--pdeathsig", "KILL", "--", program(emulator), *arguments]
        with (self.folder / "qemu.log").open("ab") as log:
            self._qemu = subprocess.Popen(argv, stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        if wait:
            self.wait_for_ssh()

    def power_cut(self) -> None:
        """Take the power away: what the machine had not yet written is lost."""
        if self._qemu:
            self._qemu.kill()
            self._qemu.wait()
            self._qemu = None

    def run(
        self, argv: Sequence[str], *, user: str = "root", stdin: str = "", timeout: float = BOOT_SECONDS
    ) -> subprocess.CompletedProcess[str]:
        """Run a command on the machine with the real ssh client; the exit status is the caller's concern."""
        return subprocess.run(
            [*self.ssh_command(user), "--", shlex.join(argv)],
            input=stdin,
            capture_output=True,
            text=True,
            timeout=timeout,
            check=False,
        )

    def says(self, *argv: str, user: str = "root") -> str:
        """What a command prints that must succeed."""
        done = self.run(argv, user=user)
        assert done.returncode == 0, f"{argv}: {done.stderr}"
        return done.stdout

    def groups(self) -> dict[str, frozenset[str]]:
        """IOMMU group number -> the addresses in it, as /sys/kernel/iommu_groups has them."""
        found: dict[str, set[str]] = {}
        for path in self.says("find", "/sys/kernel/iommu_groups", "-type", "l").split():
            *_, number, _, address = path.split("/")
            found.setdefault(number, set()).add(address)
        return {number: frozenset(group) for number, group in found.items()}

    def ssh_command(self, user: str = "root") -> list[str]:
        """The ssh client's command line up to and with the destination."""
        options = {
            "UserKnownHostsFile": f'"{self.known_hosts}"',
            "StrictHostKeyChecking": "yes",
            "IdentitiesOnly": "yes",
            "BatchMode": "yes",
            "ConnectTimeout": "20",
            "LogLevel": "ERROR",
        }
        argv = [program("ssh"), "-F", "none", "-i", str(self.identity), "-p", str(self.port)]
        for name, value in options.items():
            argv += ["-o", f"{name}={value}"]
        return [*argv, f"{user}@{self.host}"]

    def boot_id(self) -> str:
        """What tells one boot from the next; empty while nobody answers."""
        return self.run(["cat", "/proc/sys/kernel/random/boot_id"]).stdout.strip()

    def wait_for_ssh(self, *, after: str = "") -> None:
        """Wait until anyone may log in, in another boot than the one with the given boot_id."""
        # /run/nologin keeps everybody but root out until the boot is over.
        script = "test ! -e /run/nologin && cat /proc/sys/kernel/random/boot_id"

        def answers() -> bool:
            if not self._greets():
                return False
            done = self.run(["sh", "-c", script])
            return done.returncode == 0 and done.stdout.strip() not in ("", after)

        self._wait_until(answers)

    def wait_for_power_off(self, timeout: float | None = BOOT_SECONDS) -> None:
        """Wait until the machine has switched itself off; None waits for ever."""
        if self._qemu:
            self._qemu.wait(timeout)
            self._qemu = None

    def logs(self) -> str:
        """The end of the serial console and whatever QEMU said, for a failure's message."""
        files = (self.folder / "qemu.log", self.console)
        return "\n".join(f"--- {f}\n{f.read_text(errors='replace')[-4000:]}" for f in files if f.exists())

    def _greets(self) -> bool:
        # QEMU accepts connections before the machine listens, so only the greeting counts.
        try:
            with socket.create_connection((self.host, self.port), timeout=20) as sock:
                return sock.recv(4) == b"SSH-"
        except OSError:
            return False

    def _wait_until(self, condition: Callable[[], bool]) -> None:
        deadline = time.monotonic() + BOOT_SECONDS
        while not condition():
            if self._qemu is None or self._qemu.poll() is not None:
                raise RuntimeError(f"{self.topology.name} is off\n{self.logs()}")
            if time.monotonic() > deadline:
                raise TimeoutError(f"{self.topology.name}: nothing for {BOOT_SECONDS} s\n{self.logs()}")
            time.sleep(_POLL_SECONDS)

    def _arguments(self) -> list[str]:
        topology = self.topology
        argv = qemu.machine(topology.iommu, accelerator(self.image.kernel), self.console, topology.devices)
        argv += [*qemu.disk(self._disk, "qcow2"), *qemu.own_nic(self.port)]
        for index, slot in enumerate(topology.smbios_slots):
            file = self.folder / f"slot{index}.bin"
            file.write_bytes(record(slot, index))
            argv += ["-smbios", f"file={file}"]
        if self.ready:
            append = f"root=/dev/vda1 ro quiet console=ttyS0,115200 {_IOMMU_ON[topology.iommu]}"
            argv += qemu.direct_boot(self.image.kernel, self.image.initrd, append)
        return argv


def _free_port() -> int:
    with socket.socket() as sock:
        sock.bind((Machine.host, 0))
        port: int = sock.getsockname()[1]
        return port
