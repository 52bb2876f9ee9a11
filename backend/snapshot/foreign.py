"""Opening whatever a user has of a machine: our snapshot, another tool's copy of /sys, a text listing."""

from __future__ import annotations

import lzma
import os
import stat
import tarfile
import zlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath

from backend.errors import SnapshotError
from backend.node.node import Node
from backend.snapshot.readers import read_node
from backend.snapshot.readers.listing import read_listing
from backend.snapshot.readers.sysfs import address
from backend.snapshot.snapshot import Snapshot

MAGIC = b"lanewright/snapshot/"
MAX_ENTRIES = 500_000  # a real gather of a large server has some 10,000
MAX_FILE = 1 << 20
MAX_TOTAL = 64 << 20
MAX_LISTING = 32 << 20

_BELOW_SYS = frozenset(("block", "bus", "class", "devices", "firmware", "kernel"))
_ATTRIBUTES = frozenset(
    (
        "boot_vga",
        "class",
        "config",
        "current_link_speed",
        "current_link_width",
        "d3cold_allowed",
        "device",
        "driver_override",
        "enable",
        "irq",
        "label",
        "max_link_speed",
        "max_link_width",
        "modalias",
        "numa_node",
        "power_state",
        "removable",
        "reset_method",
        "resource",
        "revision",
        "sriov_numvfs",
        "sriov_totalvfs",
        "subsystem_device",
        "subsystem_vendor",
        "vendor",
    )
)
_OTHER_FILES = frozenset(("address", "name", "uuid", "type", "reserved_regions", "slaves"))
_PLAIN_PATHS = frozenset(
    (
        "/proc/cmdline",
        "/proc/fb",
        "/proc/modules",
        "/proc/mounts",
        "/proc/net/route",
        "/proc/swaps",
        "/proc/sys/kernel/hostname",
        "/proc/sys/kernel/osrelease",
        "/proc/sys/kernel/random/boot_id",
        "/etc/hostname",
    )
)
_DAMAGED = (tarfile.TarError, EOFError, zlib.error, lzma.LZMAError, OSError, ValueError)


def open_any(path: str | os.PathLike[str]) -> Node:
    """The node in a file or folder of any known kind.

    Raises SnapshotError: "file-unreadable", "not-a-snapshot" (no known kind, or a copy of /sys without PCI
    functions), "snapshot-cut", "listing-empty"; details path, and line where known.
    """
    found = Path(path)
    try:
        if found.is_dir():
            return _copied(_from_folder(found), found)
        with found.open("rb") as file:
            start = file.read(512)
    except OSError as error:
        raise SnapshotError("file-unreadable", path=str(found), found=error.strerror or "") from error
    if start.startswith(MAGIC):
        from backend.snapshot.file import open_file

        return read_node(open_file(found))
    if _is_archive(start):
        return _copied(_from_archive(found), found)
    return _listed(found)


def _is_archive(start: bytes) -> bool:
    return start.startswith((b"\x1f\x8b", b"BZh", b"\xfd7zXZ\0")) or start[257:262] == b"ustar"


def _copied(snapshot: Snapshot, path: Path) -> Node:
    node = read_node(snapshot)
    if not node.functions:
        raise SnapshotError("not-a-snapshot", path=str(path), found="no-functions")
    return node


def _listed(path: Path) -> Node:
    try:
        with path.open("rb") as file:
            raw = file.read(MAX_LISTING)
    except OSError as error:
        raise SnapshotError("file-unreadable", path=str(path), found=error.strerror or "") from error
    if raw.startswith((b"\xff\xfe", b"\xfe\xff")):  # as PowerShell redirects
        text = raw.decode("utf-16", "replace")
    elif b"\0" in raw:
        raise SnapshotError("not-a-snapshot", path=str(path), found="binary")
    else:
        text = raw.decode("utf-8", "replace")
    try:
        return read_listing(text)
    except SnapshotError as error:
        raise SnapshotError(error.code, path=str(path), **error.details) from error


@dataclass
class _Copy:
    """Gathers members of a copy below any prefix; takes no more than the bounds."""

    files: dict[str, bytes] = field(default_factory=dict)
    links: dict[str, str] = field(default_factory=dict)
    directories: set[str] = field(default_factory=set)
    problems: dict[str, str] = field(default_factory=dict)
    entries: int = 0
    total: int = 0

    def counts(self) -> bool:
        """One more entry; False when there are too many."""
        self.entries += 1
        if self.entries > MAX_ENTRIES:
            self.problems["/"] = "budget"
        return self.entries <= MAX_ENTRIES

    def wants(self, path: str, size: int) -> bool:
        if not _is_wanted(path):
            return False
        if size > MAX_FILE or self.total > MAX_TOTAL:
            self.problems[path] = "budget"
            return False
        return True

    def keep(self, path: str, content: bytes) -> None:
        self.files[path] = content
        self.total += len(content)

    def snapshot(self) -> Snapshot:
        return Snapshot(
            files=self.files,
            links=self.links,
            problems=self.problems,
            directories=frozenset(self.directories),
            origin="foreign",
        )


def _is_wanted(path: str) -> bool:
    if path.startswith("/sys/"):
        folder, _, name = path.rpartition("/")
        if name in _ATTRIBUTES:
            return address(folder.rpartition("/")[2]) is not None
        return name in _OTHER_FILES
    return path in _PLAIN_PATHS or path.startswith(("/boot/config-", "/etc/default/grub", "/etc/mod"))


def node_path(name: str) -> str | None:
    """The path on the node of a member: ``gather/sys/bus/pci`` is /sys/bus/pci, whatever is in front.

    None where it has no place there (nothing of /sys, /proc, /etc or /boot) or tries to climb out with "..".
    """
    parts = [part for part in PurePosixPath(name).parts if part not in ("/", ".")]
    if ".." in parts:
        return None
    for at, part in enumerate(parts):
        after = parts[at + 1] if at + 1 < len(parts) else ""
        is_root = (part == "sys" and after in _BELOW_SYS) or (part in ("proc", "etc", "boot") and after != "")
        if is_root:
            return "/" + "/".join(parts[at:])
    if parts[:2] in (["bus", "pci"], ["class", "mdev_bus"]) or parts[:1] == ["devices"]:
        return "/sys/" + "/".join(parts)  # the copy of /sys itself
    return None


def _from_archive(path: Path) -> Snapshot:
    copy = _Copy()
    opened = False
    try:
        with tarfile.open(path) as archive:  # read from front to back; nothing is written to disk
            opened = True
            for member in archive:
                if not copy.counts():
                    break
                _take_member(copy, archive, member)
            else:
                _check_end(archive)
    except _DAMAGED as error:
        code = "snapshot-cut" if opened and copy.entries else "not-a-snapshot"
        raise SnapshotError(code, path=str(path), found=type(error).__name__) from error
    return copy.snapshot()


def _check_end(archive: tarfile.TarFile) -> None:
    """An archive ends with a block of zeros; tarfile takes a header cut in the middle for the end, too."""
    if archive.fileobj is not None:
        archive.fileobj.seek(archive.offset)
        if len(archive.fileobj.read(tarfile.BLOCKSIZE)) < tarfile.BLOCKSIZE:
            raise EOFError


def _take_member(copy: _Copy, archive: tarfile.TarFile, member: tarfile.TarInfo) -> None:
    path = node_path(member.name)
    if path is None:
        return
    if member.isdir():
        copy.directories.add(path)
    elif member.issym():
        copy.links[path] = member.linkname
    elif member.islnk():
        known = copy.files.get(node_path(member.linkname) or "")
        if known is not None:
            copy.files[path] = known
    elif member.isreg() and copy.wants(path, member.size):
        content = archive.extractfile(member)
        if content is not None:
            copy.keep(path, content.read(MAX_FILE))


def _from_folder(top: Path) -> Snapshot:
    copy = _Copy()
    for entry, name in _walk(top):
        path = node_path(name)
        if path is None:
            continue
        try:
            mode = entry.lstat().st_mode
            if stat.S_ISLNK(mode):
                copy.links[path] = str(entry.readlink()).replace(os.sep, "/")
            elif stat.S_ISDIR(mode):
                copy.directories.add(path)
            elif stat.S_ISREG(mode) and copy.wants(path, entry.lstat().st_size):
                with entry.open("rb") as file:
                    copy.keep(path, file.read(MAX_FILE))
        except PermissionError:
            copy.problems[path] = "denied"
        except OSError:
            copy.problems[path] = "failed"
        if not copy.counts():
            break
    return copy.snapshot()


def _walk(top: Path) -> Iterator[tuple[Path, str]]:
    """Entries of a folder and their names below it; links are not followed, unreadable folders skipped."""
    for folder, folders, names in os.walk(top, followlinks=False):
        folders.sort()
        for name in sorted((*folders, *names)):
            entry = Path(folder, name)
            yield entry, entry.relative_to(top).as_posix()
