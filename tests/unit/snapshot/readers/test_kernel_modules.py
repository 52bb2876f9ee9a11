"""What the running kernel has of modules, and when files were written."""

from __future__ import annotations

from backend.snapshot.readers import read_node
from backend.snapshot.snapshot import Snapshot

RELEASE = "6.8.12-4-pve"
FOLDER = f"/usr/lib/modules/{RELEASE}"
FILES = {
    "/proc/sys/kernel/osrelease": f"{RELEASE}\n".encode(),
    "/proc/uptime": b"100.50 380.12\n",
    f"{FOLDER}/modules.builtin": b"kernel/drivers/pci/pci-stub.ko\nkernel/drivers/video/fbdev/efifb.ko\n",
}
LINKS = {"/lib": "usr/lib"}
VFIO = f"{FOLDER}/kernel/drivers/vfio/pci/vfio-pci.ko.zst"
DKMS = f"{FOLDER}/updates/dkms/vendor-reset.ko"


def test_modules_of_the_running_kernel() -> None:
    other = "/usr/lib/modules/6.2.16-3-pve/kernel/drivers/vfio/vfio.ko"
    node = read_node(Snapshot(FILES, LINKS, stats={VFIO: (9, 1), DKMS: (9, 2), other: (9, 3)}))
    assert node.built_in == {"pci_stub", "efifb"}
    assert node.module_files == {"vfio_pci": VFIO, "vendor_reset": DKMS}
    assert not any(path.startswith(FOLDER) for path in node.files)  # nothing to edit


def test_modules_that_were_not_looked_for() -> None:
    node = read_node(Snapshot({"/proc/sys/kernel/osrelease": b"6.8.12-4-pve\n"}, stats={"/boot/initrd.img": (9, 1)}))
    assert (node.built_in, node.module_files, node.booted) == (None, None, None)


def test_times() -> None:
    node = read_node(Snapshot(FILES, LINKS, stats={VFIO: (9, 5)}, taken="2026-01-01T00:00:00Z"))
    assert (node.written, node.booted) == ({VFIO: 5}, (1_767_225_600 * 10 - 1005) * 10**8)
    assert read_node(Snapshot(FILES, taken="2026-01-01T00:00:00")).booted is None  # whose midnight?
    assert read_node(Snapshot({**FILES, "/proc/uptime": b"x\n"}, taken="2026-01-01T00:00:00Z")).booted is None
