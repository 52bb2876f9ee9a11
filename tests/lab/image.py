"""Builds the lab's base image once and keeps it outside of the tree. Needs neither root nor mounts."""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import io
import os
import secrets
import shlex
import shutil
import tarfile
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import platformdirs

from . import qemu, recipe
from .accel import accelerator
from .tools import run

BUILD_SECONDS = 1800  # without KVM the first boot alone takes minutes


@dataclass(frozen=True)
class Image:
    """A finished base image and what was made along with it."""

    folder: Path

    @property
    def disk(self) -> Path:
        return self.folder / "base.raw"

    @property
    def kernel(self) -> Path:
        return self.folder / "vmlinuz"

    @property
    def initrd(self) -> Path:
        return self.folder / "initrd.img"

    @property
    def identity(self) -> Path:
        """The private key that root and admin accept."""
        return self.folder / "id_ed25519"

    @property
    def password(self) -> str:
        """The password of root and of admin."""
        return (self.folder / "password").read_text()

    @property
    def host_keys(self) -> list[str]:
        """The machine's public keys, each "type base64", as the image has them."""
        files = sorted((self.folder / "etc/ssh").glob("ssh_host_*_key.pub"))
        return [" ".join(file.read_text().split()[:2]) for file in files]

    @contextlib.contextmanager
    def in_use(self) -> Iterator[None]:
        """While this lasts no newer build removes the image."""
        with _locked(self.folder / "in-use", fcntl.LOCK_SH):
            yield


def cache() -> Path:
    """Where images are kept: $LANEWRIGHT_LAB_CACHE, else the user's cache."""
    named = os.environ.get("LANEWRIGHT_LAB_CACHE")
    return Path(named) if named else platformdirs.user_cache_path("lanewright") / "lab"


def base_image() -> Image:
    """The image of today's recipe, built when it is not there yet (1-3 minutes with KVM)."""
    root = cache()
    root.mkdir(parents=True, exist_ok=True)
    key = hashlib.sha256(Path(recipe.__file__).read_bytes()).hexdigest()[:16]
    image = Image(root / key)
    with _locked(root / "lock", fcntl.LOCK_EX):
        if not image.folder.is_dir():
            _clean(root)
            work = Path(tempfile.mkdtemp(prefix="building-", dir=root))
            try:
                _build(Image(work))
                work.rename(image.folder)
            finally:
                shutil.rmtree(work, ignore_errors=True)
    return image


@contextlib.contextmanager
def _locked(path: Path, how: int) -> Iterator[None]:
    with path.open("a") as file:
        fcntl.flock(file, how)
        yield


def _clean(root: Path) -> None:
    """Remove half-built images, and images of other recipes that no machine is using."""
    for folder in root.iterdir():
        if not folder.is_dir():
            continue
        with contextlib.suppress(BlockingIOError):
            if folder.name.startswith("building-"):
                shutil.rmtree(folder)
            else:
                with _locked(folder / "in-use", fcntl.LOCK_EX | fcntl.LOCK_NB):
                    shutil.rmtree(folder)


def _build(image: Image) -> None:
    _make_keys(image)
    overlay = image.folder / "overlay.tar"
    _write_overlay(image, overlay)
    packed = image.folder / "root.tar"
    hooks = [f"tar-in {shlex.quote(str(overlay))} /", *recipe.HOOKS]
    run(
        [
            "mmdebstrap",
            "--variant=minbase",
            f"--include={','.join(recipe.PACKAGES)}",
            *(f"--customize-hook={hook}" for hook in hooks),
            recipe.SUITE,
            packed,
        ],
        timeout=BUILD_SECONDS,
    )
    root = image.folder / "root"
    _make_disk(image, packed, root)
    _first_boot(image, root / "boot")
    for leftover in (overlay, packed):
        leftover.unlink()
    shutil.rmtree(root)


def _make_keys(image: Image) -> None:
    run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", "lanewright-lab", "-f", image.identity])
    (image.folder / "etc/ssh").mkdir(parents=True)
    run(["ssh-keygen", "-A", "-f", image.folder])
    password = image.folder / "password"
    password.touch(mode=0o600)
    password.write_text(secrets.token_urlsafe(12))


def _write_overlay(image: Image, path: Path) -> None:
    """Put every file that is not from a package into a tar, so that owner and mode are ours to say."""
    files = dict(recipe.FILES)
    for key in (image.folder / "etc/ssh").iterdir():
        files[f"etc/ssh/{key.name}"] = (0o644 if key.suffix == ".pub" else 0o600, key.read_text())
    files["etc/lab-authorized-keys"] = (0o600, image.identity.with_suffix(".pub").read_text())
    files["etc/lab-passwords"] = (0o600, "".join(f"{user}:{image.password}\n" for user in recipe.USERS))
    path.touch(mode=0o600)
    with tarfile.open(path, "w") as tar:
        for name, (mode, text) in files.items():
            data = text.encode()
            member = tarfile.TarInfo(name)
            member.mode, member.size = mode, len(data)
            tar.addfile(member, io.BytesIO(data))


def _make_disk(image: Image, packed: Path, root: Path) -> None:
    """Unpack the tar and make a partitioned disk of it; fakeroot remembers owners where we are not root."""
    root.mkdir()
    state = image.folder / "owners"
    save: list[str | Path] = [] if os.geteuid() == 0 else ["fakeroot", "-s", state]
    load: list[str | Path] = [] if os.geteuid() == 0 else ["fakeroot", "-i", state]
    run([*save, "tar", "--extract", "--numeric-owner", "--file", packed, "--directory", root])
    image.disk.touch()
    os.truncate(image.disk, _bytes(recipe.SIZE) + recipe.FIRST_BYTE)
    make = ["mke2fs", "-q", "-t", "ext4", "-U", recipe.FILE_SYSTEM_UUID]
    run([*load, *make, "-E", f"offset={recipe.FIRST_BYTE}", "-d", root, image.disk, recipe.SIZE])
    table = f"label: dos\nstart={recipe.FIRST_BYTE // 512}, type=83, bootable\n"
    run(["sfdisk", "--quiet", "--wipe", "never", image.disk], stdin=table)


def _bytes(size: str) -> int:
    return int(size.removesuffix("G")) << 30


def _first_boot(image: Image, boot: Path) -> None:
    """Let the machine install its own GRUB and a small initramfs, then take kernel and initramfs out."""
    (kernel,) = boot.glob("vmlinuz-*")
    (initrd,) = boot.glob("initrd.img-*")
    shutil.copyfile(kernel, image.kernel)
    console = image.folder / "first-boot.log"
    # A login prompt would hang up the line that the result is told on; a card to reach it is not there yet.
    masked = " ".join(f"systemd.mask={unit}.service" for unit in ("serial-getty@ttyS0", "networking", "ssh"))
    append = f"root=/dev/vda1 rw console=ttyS0,115200 quiet {masked}"
    argv = [
        *qemu.machine("intel", accelerator(image.kernel), console),
        *qemu.disk(image.disk, "raw"),
        *qemu.direct_boot(kernel, initrd, append),
    ]
    run(argv, timeout=BUILD_SECONDS)
    if recipe.FINISHED not in console.read_text(errors="replace"):
        raise RuntimeError(f"the first boot of the lab image failed:\n{console.read_text(errors='replace')}")
    partition = f"{image.disk}?offset={recipe.FIRST_BYTE}"
    run(["debugfs", "-R", f'dump /boot/{initrd.name} "{image.initrd}"', partition])
