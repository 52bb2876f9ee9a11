"""Which functions the host's file systems, swap and pools lie on."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from functools import cached_property

from backend.node.address import PciAddress
from backend.node.need import ALWAYS, Need
from backend.node.node import Guest, Use
from backend.snapshot.readers.arrays import Array, Pool, Vdev, read_arrays, read_pools
from backend.snapshot.readers.commands import printed
from backend.snapshot.readers.sysfs import function_in, real_folder
from backend.snapshot.snapshot import Snapshot

_BLOCK = "/sys/class/block"
_BTRFS = "/sys/fs/btrfs"
_DRIVE = re.compile(r"(?:ide|sata|scsi|virtio|efidisk|tpmstate)\d+")
_BOOT = ("/boot", "/boot/efi", "/boot/firmware", "/efi", "/esp")
_ESCAPE = re.compile(r"\\([0-7]{3})")  # how the kernel writes spaces in /proc/mounts (mangle_path, fs/seq_file.c)
_NVME_PATH = re.compile(r"nvme(\d+)c\d+n(\d+)")  # one way to a disk that native NVMe multipath joins as nvme0n1

_NEVER = Need(1)  # of what the snapshot lacks nothing is hoped

Way = tuple[PciAddress, tuple[str, ...]]


def storage_uses(snapshot: Snapshot, guests: Iterable[Guest] = ()) -> Iterator[Use]:
    """Chains run from the disk up: ("nvme0n1", "nvme0n1p3", "pve-root", "/"). Those of disks that guests have as such
    (``scsi1: /dev/disk/by-id/...``) start with the guest and its line: ("101", "scsi1", "sdb")."""
    storage = Storage(snapshot)
    yield from dict.fromkeys((*storage.uses(), *storage.lent(guests)))


class Storage:
    """Block devices of one snapshot, and the ways from PCI functions up to them."""

    def __init__(self, snapshot: Snapshot) -> None:
        self._snapshot = snapshot
        self._ways: dict[str, tuple[Way, ...]] = {}
        self._needs: dict[str, Need] = {}

    def uses(self) -> Iterator[Use]:
        for kind, device, top in (*self._mounts(), *self._swaps(), *self._volumes(), *self._arrays()):
            for address, chain in self.ways(device):
                yield Use(address, kind, (*chain, *top), self.need(device))
        esps = self._esps()
        for device in esps:
            for address, chain in self.ways(device):
                yield Use(address, "boot", (*chain, "ESP"), Need.of_one(map(self.need, esps)))
        for pool in self._pools:
            need = self._vdev_need(pool.data)
            for address, chain in self._below(pool.data):
                yield Use(address, "zfs", (*chain, pool.name), need)
                if pool.name == self._root_pool:
                    yield Use(address, "root", (*chain, pool.name, "/"), need)
            for extra in pool.extra:
                for address, chain in self._below(extra):
                    yield Use(address, "zfs", (*chain, extra.name, pool.name), ALWAYS)

    def lent(self, guests: Iterable[Guest]) -> Iterator[Use]:
        for guest in guests:
            for slot, value in guest.options.items():
                device = self._device(value.partition(",")[0]) if _DRIVE.fullmatch(slot) else None
                for address, chain in self.ways(device) if device is not None else ():
                    yield Use(address, "lent", (str(guest.vmid), slot, *chain), self.need(device or ""))

    def ways(self, device: str) -> tuple[Way, ...]:
        """Every function below a block device (by kernel name), with the devices on the way, itself last."""
        if device not in self._ways:
            self._ways[device] = ()  # ends a loop in a damaged snapshot
            self._ways[device] = tuple(dict.fromkeys(self._find(device)))
        return self._ways[device]

    def need(self, device: str) -> Need:
        """What a block device (by kernel name) cannot do without."""
        if device not in self._needs:
            self._needs[device] = ALWAYS
            self._needs[device] = self._needed(device)
        return self._needs[device]

    def _needed(self, device: str) -> Need:
        if device not in self._real:
            return _NEVER
        array = self._md.get(device)
        if array is not None:
            return Need(array.needed, tuple(map(self.need, array.members)))
        below, address = self._under(device)
        if address is not None:
            return Need.of_all((address,))
        is_multipath = _joined(below[0]) == device if below else False
        if device.startswith("dm-"):
            uuid = self._snapshot.text(f"{self._real[device]}/dm/uuid") or ""
            is_multipath = uuid.startswith("mpath-")
        return (Need.of_one if is_multipath else Need.of_all)(map(self.need, below))

    def _find(self, device: str) -> Iterator[Way]:
        name = self._shown.get(device, device)
        below, address = self._under(device)
        if address is not None:
            yield address, (name,)
        for lower in below:
            for at, chain in self.ways(lower):
                # A path of native multipath is named like the disk: one of the two will do.
                yield at, (name,) if _joined(lower) == device else (*chain, name)

    def _under(self, device: str) -> tuple[tuple[str, ...], PciAddress | None]:
        """The block devices right below one, or else its function."""
        real = self._real.get(device)
        if real is None:
            return (), None
        folder = real.rpartition("/")[0]
        disk = folder.rpartition("/")[2]
        if self._real.get(disk) == folder:
            return (disk,), None  # a partition
        slaves = self._snapshot.listdir(f"{real}/slaves")
        if slaves:
            return slaves, None
        address = function_in(real)
        if address is not None:
            return (), address
        return tuple(path for path in self._real if _joined(path) == device), None

    def _below(self, vdev: Vdev) -> Iterator[Way]:
        for part in vdev.devices():
            if (device := self._device(part.name)) is not None:
                yield from self.ways(device)

    def _vdev_need(self, vdev: Vdev) -> Need:
        """Of parts that are not whole nothing is hoped either."""
        if not vdev.parts:
            device = self._device(vdev.name)
            return _NEVER if device is None else self.need(device)
        hopes = (part for part in vdev.parts if part.is_whole or part.parts)
        return Need(vdev.needed(), tuple(self._vdev_need(part) for part in hopes))

    @cached_property
    def _real(self) -> dict[str, str]:
        """Kernel name -> real folder below /sys/devices."""
        return {name: real_folder(self._snapshot, f"{_BLOCK}/{name}") for name in self._snapshot.listdir(_BLOCK)}

    @cached_property
    def _shown(self) -> dict[str, str]:
        """Device mapper name by kernel name: dm-1 -> pve-root."""
        found = {name: self._snapshot.text(f"{real}/dm/name") for name, real in self._real.items() if name[:3] == "dm-"}
        return {name: shown for name, shown in found.items() if shown}

    @cached_property
    def _mapped(self) -> dict[str, str]:
        return {shown: name for name, shown in self._shown.items()}

    def _device(self, path: str) -> str | None:
        """Kernel name of a device file."""
        if not path.startswith("/dev/"):
            return None
        path = self._snapshot.resolve(path)
        name = path.rpartition("/")[2]
        if path.startswith("/dev/mapper/"):
            return self._mapped.get(name)
        if name not in self._real and path.count("/") == 3:  # /dev/pve/root: dashes of each name are doubled
            group, _, volume = path[5:].partition("/")
            return self._mapped.get(f"{group.replace('-', '--')}-{volume.replace('-', '--')}")
        return name if name in self._real else None

    @cached_property
    def _table(self) -> list[tuple[str, str, str]]:
        """(source, mount point, type) of /proc/mounts."""
        lines = [line.split() for line in (self._snapshot.text("/proc/mounts") or "").splitlines()]
        return [(_plain(line[0]), _plain(line[1]), line[2]) for line in lines if len(line) >= 3]

    def _mounts(self) -> Iterator[tuple[str, str, tuple[str, ...]]]:
        for source, point, _ in self._table:
            device = self._device(source)
            if device is None and source == "/dev/root":
                device = self._root_by_cmdline()
            if device is not None:
                for each in self._btrfs.get(device, (device,)):
                    yield "root" if point == "/" else "boot" if point in _BOOT else "mount", each, (point,)

    @cached_property
    def _btrfs(self) -> Mapping[str, tuple[str, ...]]:
        """Device -> all devices of its file system; /proc/mounts names one of them. None of them is spared, whatever
        the profile: with one missing it is only mounted by ``-o degraded``."""
        found: dict[str, tuple[str, ...]] = {}
        for uuid in self._snapshot.listdir(_BTRFS):
            devices = tuple(d for d in self._snapshot.listdir(f"{_BTRFS}/{uuid}/devices") if d in self._real)
            found.update((device, devices) for device in devices)
        return found

    def _root_by_cmdline(self) -> str | None:
        for word in (self._snapshot.text("/proc/cmdline") or "").split():
            if word.startswith("root=/dev/"):
                return self._device(word[5:])
        return None

    def _swaps(self) -> Iterator[tuple[str, str, tuple[str, ...]]]:
        for line in (self._snapshot.text("/proc/swaps") or "").splitlines()[1:]:
            path = _plain(line.split()[0]) if line.split() else ""
            device = self._device(path)
            if device is None and path and not path.startswith("/dev/"):
                device = self._holding(path)
            if device is not None:
                yield "swap", device, ("swap",)

    def _holding(self, path: str) -> str | None:
        """The device whose file system holds a swap file."""
        inside = [(point, source) for source, point, _ in self._table if f"{path}/".startswith(f"{point.rstrip('/')}/")]
        return self._device(max(inside, key=lambda entry: len(entry[0]))[1]) if inside else None

    def _volumes(self) -> Iterator[tuple[str, str, tuple[str, ...]]]:
        """LVM's physical volumes, from pvs: its first two columns are the device and its group."""
        for line in (printed(self._snapshot, "pvs") or "").splitlines():
            words = line.replace("|", " ").replace(",", " ").split()
            device = self._device(words[0]) if words else None
            if device is not None:
                group = words[1:2] if len(words) > 1 and not words[1].startswith("lvm") else []
                yield "lvm", device, tuple(group)

    def _arrays(self) -> Iterator[tuple[str, str, tuple[str, ...]]]:
        for name in self._md:
            yield "md", name, ()

    def _esps(self) -> list[str]:
        """ESPs that proxmox-boot-tool keeps in step; they are not mounted, and one is enough to boot."""
        uuids = (self._snapshot.text("/etc/kernel/proxmox-boot-uuids") or "").split()
        devices = (self._device(f"/dev/disk/by-uuid/{uuid}") for uuid in uuids)
        return [device for device in devices if device is not None]

    @cached_property
    def _md(self) -> Mapping[str, Array]:
        return {array.name: array for array in read_arrays(self._snapshot.text("/proc/mdstat") or "")}

    @cached_property
    def _pools(self) -> tuple[Pool, ...]:
        return read_pools(printed(self._snapshot, "zpool", "status") or "")

    @property
    def _root_pool(self) -> str | None:
        for source, point, kind in self._table:
            if point == "/" and kind == "zfs":
                return source.partition("/")[0]
        return None


def _joined(name: str) -> str | None:
    match = _NVME_PATH.fullmatch(name)
    return None if match is None else f"nvme{match[1]}n{match[2]}"


def _plain(text: str) -> str:
    return _ESCAPE.sub(lambda match: chr(int(match[1], 8)), text)
