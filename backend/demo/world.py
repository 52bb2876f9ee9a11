"""One simulated node as it lives: a disk that is written to, a kernel that booted from it, and commands."""

from __future__ import annotations

import fnmatch
import json
import posixpath
import re
import shlex
import uuid
from collections.abc import Iterator
from dataclasses import dataclass

from backend.demo.machines import host
from backend.demo.machines.installed import installed
from backend.demo.machines.parts import Machine, Part
from backend.demo.machines.pci import Boot, lspci, render_pci
from backend.demo.machines.tree import Tree
from backend.snapshot.snapshot import CommandOutput, Snapshot

_EVIDENCE: tuple[tuple[str, ...], ...] = (
    ("lspci", "-D", "-nn", "-vmm", "-k"),
    ("dmidecode", "-t", "9"),
    ("journalctl", "-k", "-b", "-o", "short-monotonic", "--no-pager"),
    ("ip", "-j", "addr"),
    ("ip", "-j", "route"),
    ("zpool", "status", "-LP"),
    ("pvs", "--noheadings", "-o", "pv_name,vg_name"),
    ("pveversion",),
    ("efibootmgr", "-v"),
)
_UPTIME = "/proc/uptime"
_TAKEN_TEXT, _TAKEN = "2026-01-01T00:00:00Z", 1_767_225_600 * 10**9  # nanoseconds since 1970


@dataclass(frozen=True, slots=True)
class Output:
    """What a command printed, in pieces with the seconds that pass before each."""

    exit: int | None
    pieces: tuple[tuple[float, bytes], ...] = ()

    @property
    def stdout(self) -> bytes:
        return b"".join(piece for _, piece in self.pieces)


class World:
    """A node: `machine` never changes, `disk` by writes, `boot` (and all of /sys and /proc) by restarting.

    As on a real node, an edit shows only after the command that carries it further and a reboot:
    `update-grub` writes grub.cfg, `update-initramfs` copies modprobe.d into the initramfs, and the next
    start reads those two. Its time is its own, so that one course of events gives one snapshot: each write takes a
    second, each start a minute.
    """

    def __init__(self, machine: Machine) -> None:
        self.machine = machine
        self.disk = installed(machine)
        self.pushing: str | None = None  # id of the push that is being carried out
        self._names: dict[str, set[str]] = {}
        self._seconds = 0
        self._written: dict[str, int] = {}  # when, for what is not as it was installed
        self.run(("update-grub",))
        self.run(("update-initramfs", "-u", "-k", "all"))
        self.restart()

    # ------------------------------------------------------------------------------------------ file tree

    def restart(self) -> None:
        """Boot from what is on the disk."""
        self.boot = boot(self.machine, self.disk)
        self._seconds += 60
        self._started = self._seconds - 30
        self._live = Tree()
        render_pci(self.machine, self.boot, self._live)
        host.render_host(self.machine, self.boot, self._live)
        self._names = {}
        for tree in (self.disk, self._live):
            for path in (*tree.files, *tree.links, *tree.directories):
                self._add(path)

    @property
    def reachable(self) -> bool:
        return host.reachable(self.machine, self.boot)

    def _add(self, path: str) -> None:
        while path != "/":
            parent, name = posixpath.split(path)
            names = self._names.setdefault(parent, set())
            if name in names:
                return
            names.add(name)
            path = parent

    def readlink(self, path: str) -> str | None:
        found = self._live.links.get(path)
        return found if found is not None else self.disk.links.get(path)

    def resolve(self, path: str) -> str:
        """Where `path` really is, links followed."""
        done, rest, hops = "/", path.split("/"), 0
        while rest:
            part = rest.pop(0)
            if part in ("", "."):
                continue
            if part == "..":
                done = posixpath.dirname(done)
                continue
            step = posixpath.join(done, part)
            target = self.readlink(step)
            if target is None or hops > 40:
                done = step
                continue
            hops += 1
            rest = target.split("/") + rest
            if target.startswith("/"):
                done = "/"
        return done

    def read(self, real: str) -> bytes | None:
        """Content at a resolved path."""
        if real == _UPTIME:
            return f"{self._seconds - self._started}.00 0.00\n".encode()
        found = self._live.files.get(real)
        return found if found is not None else self.disk.files.get(real)

    def names(self, real: str) -> tuple[str, ...]:
        return tuple(sorted(self._names.get(real, ())))

    def is_directory(self, real: str) -> bool:
        return real in self._names or real in self.disk.directories or real in self._live.directories

    def write(self, real: str, content: bytes) -> None:
        self.disk.files[real] = content
        self._seconds += 1
        self._written[real] = self._seconds
        self._add(real)

    def age(self, real: str) -> int:
        """Seconds since a file was written; all that was installed is as old as the node."""
        return self._seconds - self._written.get(real, 0)

    def remove(self, real: str) -> None:
        del self.disk.files[real]
        parent, name = posixpath.split(real)
        self._names[parent].discard(name)
        self.disk.directories.add(parent)

    def make_directory(self, path: str) -> None:
        self.disk.directories.add(path)
        self._add(path)

    def glob(self, pattern: str) -> Iterator[str]:
        """Paths that fit, as Python's `glob` finds them: a wildcard passes over dot files."""
        yield from self._glob("", pattern.strip("/").split("/"))

    def _glob(self, base: str, parts: list[str]) -> Iterator[str]:
        if not parts:
            yield base
            return
        real = self.resolve(base or "/")
        if re.search(r"[*?\[]", parts[0]):
            names = [n for n in self.names(real) if fnmatch.fnmatchcase(n, parts[0]) and not n.startswith(".")]
        else:
            names = [parts[0]] if parts[0] in self._names.get(real, ()) else []
        for name in names:
            yield from self._glob(f"{base}/{name}", parts[1:])

    def snapshot(self) -> Snapshot:
        """Everything there is to see, as a snapshot without a collector between."""
        ran = {argv: self.run(argv) for argv in _EVIDENCE}
        commands = {argv: CommandOutput(output.exit, output.stdout, b"") for argv, output in ran.items()}
        files = {**self.disk.files, **self._live.files}
        files[_UPTIME] = self.read(_UPTIME) or b""
        ip = self.machine.ip.split("/")[0]
        commands["ssh-connection",] = CommandOutput(0, f"10.77.0.100 50022 {ip} 22".encode(), b"")
        return Snapshot(
            files=files,
            stats={path: (len(text), _TAKEN - self.age(path) * 10**9) for path, text in self.disk.files.items()},
            links={**self.disk.links, **self._live.links},
            commands=commands,
            directories=frozenset(self.disk.directories | self._live.directories),
            taken=_TAKEN_TEXT,
        )

    # ------------------------------------------------------------------------------------------- commands

    def run(self, argv: tuple[str, ...]) -> Output:
        """Carry out a command, at once; the pieces of its output say how long it would have taken.
        `exit` None: there is no such command here."""
        machine = self.machine
        match argv:
            case ("update-grub",) | ("proxmox-boot-tool", "refresh"):
                return self._update_grub()
            case ("update-initramfs", *_):
                return self._update_initramfs()
            case ("lspci", *_):
                text = lspci(machine, self.boot)
            case ("dmidecode", *_):
                text = host.dmidecode_slots(machine)
            case ("journalctl" | "dmesg", *_):
                text = host.journal(machine, self.boot)
            case ("ip", *_):
                text = host.ip_json(machine, self.boot, argv)
            case ("zpool", *_):
                text = host.zpool_status(machine, self.boot)
            case ("pvs", *_):
                text = host.pvs(machine, self.boot)
            case ("pveversion", *_):
                text = f"pve-manager/{machine.pve}/c1689ccb1065a83b (running kernel: {machine.kernel})\n"
            case ("uname", "-r"):
                text = f"{machine.kernel}\n"
            case ("hostname", *_):
                text = f"{machine.name}\n"
            case ("efibootmgr", *_):
                text = (
                    "BootCurrent: 0001\nTimeout: 1 seconds\nBootOrder: 0001\n"
                    "Boot0001* proxmox\tHD(2,GPT,0b5cd4b7-7d5b-4b4e-9d0e-0e2f6a0d9d11,0x800,0x200000)"
                    "/File(\\EFI\\PROXMOX\\SHIMX64.EFI)\n"
                )
            case ("proxmox-boot-tool", "status", *_):
                return Output(2, ((0.0, b""),))
            case ("systemctl", "reboot") | ("true",):
                text = ""
            case _:
                return Output(None)
        return Output(0, ((0.0, text.encode()),))

    def _update_grub(self) -> Output:
        kernel = self.machine.kernel
        self.write("/boot/grub/grub.cfg", grub_cfg(self.disk, kernel).encode())
        lines = (
            (0.05, "Generating grub configuration file ...\n"),
            (
                0.1,
                f"Found linux image: /boot/vmlinuz-{kernel}\nFound initrd image: /boot/initrd.img-{kernel}\n",
            ),
            (0.05, "Adding boot menu entry for UEFI Firmware Settings ...\ndone\n"),
        )
        return Output(0, tuple((pause, line.encode()) for pause, line in lines))

    def _update_initramfs(self) -> Output:
        kernel = self.machine.kernel
        image = {
            path: content.decode("utf-8", "replace")
            for path, content in self.disk.files.items()
            if path.startswith(("/etc/modprobe.d/", "/etc/initramfs-tools/"))
        }
        self.write(f"/boot/initrd.img-{kernel}", json.dumps(image, sort_keys=True).encode())
        lines = (
            (0.05, f"update-initramfs: Generating /boot/initrd.img-{kernel}\n"),
            (0.2, "Running hook script 'zz-proxmox-boot'..\n"),
            (0.1, "Re-executing '/etc/kernel/postinst.d/zz-proxmox-boot' in new private mount namespace..\n"),
            (0.05, "No /etc/kernel/proxmox-boot-uuids found, skipping ESP sync.\n"),
        )
        return Output(0, tuple((pause, line.encode()) for pause, line in lines))


# ------------------------------------------------------------------------------------------------ booting


def grub_cfg(disk: Tree, kernel: str) -> str:
    """grub.cfg as Debian's 10_linux makes it: CMDLINE_LINUX, then ..._DEFAULT; recovery only the first."""
    values: dict[str, str] = {}
    drop_ins = sorted(p for p in disk.files if re.fullmatch(r"/etc/default/grub\.d/[^/]+\.cfg", p))
    for path in ("/etc/default/grub", *drop_ins):
        for line in disk.files.get(path, b"").decode("utf-8", "replace").replace("\\\n", "").splitlines():
            _assign(line, values)
    common = values.get("GRUB_CMDLINE_LINUX", "")
    line = f"{common} {values.get('GRUB_CMDLINE_LINUX_DEFAULT', '')}".strip()
    image = f"/boot/vmlinuz-{kernel} root=/dev/mapper/pve-root ro"
    return (
        "#\n# DO NOT EDIT THIS FILE\n#\n"
        "menuentry 'Proxmox VE GNU/Linux' --class proxmox --class gnu-linux {\n"
        f"\tlinux\t{image} {line}\n\tinitrd\t/boot/initrd.img-{kernel}\n}}\n"
        "menuentry 'Proxmox VE GNU/Linux (recovery mode)' --class proxmox --class gnu-linux {\n"
        f"\tlinux\t{image} single {common}\n\tinitrd\t/boot/initrd.img-{kernel}\n}}\n"
    )


def _assign(line: str, values: dict[str, str]) -> None:
    """One shell assignment; other lines, and those whose quotes do not match, change nothing."""
    name, equals, _ = line.strip().removeprefix("export ").partition("=")
    if not equals or not name.isidentifier():
        return
    try:
        words = shlex.split(line, comments=True)
    except ValueError:
        return
    text = words[-1].partition("=")[2] if words else ""
    values[name] = re.sub(r"\$\{?(\w+)\}?", lambda m: values.get(m[1], ""), text)


def boot(machine: Machine, disk: Tree) -> Boot:
    """Start the machine from the grub.cfg and the initramfs on its disk."""
    config = disk.files["/boot/grub/grub.cfg"].decode()
    linux = next(line.split()[1:] for line in config.splitlines() if line.strip().startswith("linux\t"))
    cmdline = " ".join([f"BOOT_IMAGE={linux[0]}", *linux[1:]])
    image: dict[str, str] = json.loads(disk.files[f"/boot/initrd.img-{machine.kernel}"])
    iommu = _iommu_active(machine, linux[1:])
    claims = _Claims(image, disk, linux[1:])
    drivers = {part.at: "vfio-pci" if iommu and claims.vfio(part) else claims.native(part) for part in machine.parts}
    return Boot(str(uuid.uuid4()), cmdline, iommu, drivers)


def _iommu_active(machine: Machine, words: list[str]) -> bool:
    """drivers/iommu/{intel,amd}/: Intel needs a yes from the command line or the kernel's configuration."""
    if "iommu=off" in words:
        return False
    if machine.vendor == "amd":
        return "amd_iommu=off" not in words
    on = machine.iommu_default_on
    for word in words:
        if word.startswith("intel_iommu="):
            for option in word.partition("=")[2].split(","):
                on = {"on": True, "off": False}.get(option, on)
    return on


class _Claims:
    """Which driver gets a function at boot: vfio-pci where the initramfs has its ids and loads it first."""

    def __init__(self, image: dict[str, str], disk: Tree, words: list[str]) -> None:
        self._ids: set[str] = set()
        self._before: set[str] = set()  # drivers that wait for vfio-pci (softdep ... pre: vfio-pci)
        self._blacklisted: set[str] = set()
        configured = [text for path, text in sorted(image.items()) if path.startswith("/etc/modprobe.d/")]
        for line in (line for text in configured for line in text.splitlines()):
            match line.split("#")[0].split():
                case ["options", "vfio-pci" | "vfio_pci", *options]:
                    for option in options:
                        if option.startswith("ids="):
                            self._ids = set(option[4:].strip('"').lower().split(","))  # the last one wins
                case ["softdep", module, "pre:", *before] if {"vfio-pci", "vfio_pci"} & set(before):
                    self._before.add(module.replace("-", "_"))
                case ["blacklist", module]:
                    self._blacklisted.add(module.replace("-", "_"))
        for word in words:
            if word.startswith(("vfio-pci.ids=", "vfio_pci.ids=")):
                self._ids = set(word.partition("=")[2].lower().split(","))
            if word.startswith("modprobe.blacklist="):
                self._blacklisted |= set(word.partition("=")[2].replace("-", "_").split(","))
        early = image.get("/etc/initramfs-tools/modules", "")
        self._early = _names_vfio(early)
        self._late = any(
            _names_vfio(content.decode("utf-8", "replace"))
            for path, content in disk.files.items()
            if path == "/etc/modules" or path.startswith("/etc/modules-load.d/")
        )

    def vfio(self, part: Part) -> bool:
        if part.ids not in self._ids or part.is_bridge:
            return False
        if self._early or (self._late and self.native(part) is None):
            return True
        rivals = {module.replace("-", "_") for module in (*part.modules, part.driver or "") if module}
        return bool(rivals & self._before) and not (rivals - self._before - self._blacklisted)

    def native(self, part: Part) -> str | None:
        if part.driver and part.driver.replace("-", "_") in self._blacklisted:
            return None
        return part.driver


def _names_vfio(text: str) -> bool:
    return any(line.split("#")[0].strip() in ("vfio-pci", "vfio_pci") for line in text.splitlines())
