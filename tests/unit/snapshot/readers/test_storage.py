"""Disks of the host: which functions they need, and what redundancy saves."""

from __future__ import annotations

import pytest
from hand_made import World, at, uses

from backend.node.blast_radius import blast_radius

SATA, HBA = "00:17.0", "02:00.0"


@pytest.fixture
def world() -> World:
    """Two disks on the SATA controller (sda, sdb), two on the HBA (sdc, sdd), each with three partitions."""
    world = World()
    for short, class_, group, disks in ((SATA, "0x010601", 1, "ab"), (HBA, "0x010700", 2, "cd")):
        below = world.device(short, "", class_, group)
        for letter in disks:
            disk = world.block(f"sd{letter}", f"{below}/host0/block")
            for number in (1, 2, 3):
                world.block(f"sd{letter}{number}", disk)
    return world


def verdicts(world: World) -> list[str]:
    node = world.node()
    return [blast_radius(node, at(short)).verdict for short in (SATA, HBA)]


def pool(world: World, rows: str, *, root: bool = False) -> None:
    table = "\n".join(f"\t{row}" for row in rows.splitlines())
    world.says("zpool", "status", "-LP", stdout=f"  pool: rpool\n state: ONLINE\nconfig:\n\n\tNAME\n{table}\n")
    if root:
        world.files["/proc/mounts"] = b"rpool/ROOT/pve-1 / zfs rw 0 0\n"


def test_disks_that_nobody_uses_are_free(world: World) -> None:
    assert verdicts(world) == ["free", "free"]


@pytest.mark.parametrize(
    ("rows", "expected"),
    [
        ("rpool ONLINE\n  mirror-0 ONLINE\n    /dev/sda1 ONLINE\n    /dev/sdc1 ONLINE", ["costs", "costs"]),
        ("rpool ONLINE\n  mirror-0 ONLINE\n    /dev/sda1 ONLINE\n    /dev/sdb1 ONLINE", ["refused", "free"]),
        ("rpool DEGRADED\n  mirror-0 DEGRADED\n    /dev/sda1 ONLINE\n    /dev/sdc1 FAULTED", ["refused", "costs"]),
        (
            "rpool ONLINE\n  mirror-0 ONLINE\n    /dev/sda1 ONLINE\n    /dev/sdc1 ONLINE 0 0 0 (resilvering)",
            ["refused", "costs"],
        ),
        ("rpool ONLINE\n  /dev/sda1 ONLINE\n  /dev/sdc1 ONLINE", ["refused", "refused"]),
        (
            "rpool ONLINE\n  raidz1-0 ONLINE\n    /dev/sda1 ONLINE\n    /dev/sdc1 ONLINE\n    /dev/sdd1 ONLINE",
            ["costs", "refused"],
        ),
        (
            "rpool ONLINE\n  raidz2-0 ONLINE\n"
            "    /dev/sda1 ONLINE\n    /dev/sdb1 ONLINE\n    /dev/sdc1 ONLINE\n    /dev/sdd1 ONLINE",
            ["costs", "costs"],
        ),
        ("rpool ONLINE\n  /dev/sda1 ONLINE\nlogs\n  /dev/sdc1 ONLINE", ["refused", "refused"]),
        ("rpool ONLINE\n  /dev/sda1 ONLINE\ncache\n  /dev/sdc1 ONLINE", ["refused", "costs"]),
        ("rpool ONLINE\n  /dev/sda1 ONLINE\nspares\n  /dev/sdc1 AVAIL", ["refused", "costs"]),
        (
            "rpool ONLINE\n  mirror-0 ONLINE\n    /dev/sda1 ONLINE\n    /dev/sdc1 ONLINE\nspecial\n  /dev/sdd1 ONLINE",
            ["costs", "refused"],
        ),
        ("rpool ONLINE\n  mirror-0 ONLINE\n    /dev/sda1 ONLINE\n    /dev/gone1 ONLINE", ["refused", "free"]),
    ],
)
def test_pools_of_zfs(world: World, rows: str, expected: list[str]) -> None:
    pool(world, rows)
    assert verdicts(world) == expected


def test_the_root_pool_and_its_two_esps(world: World) -> None:
    pool(world, "rpool ONLINE\n  mirror-0 ONLINE\n    /dev/sda3 ONLINE\n    /dev/sdc3 ONLINE", root=True)
    world.files["/etc/kernel/proxmox-boot-uuids"] = b"AAAA-0001\nAAAA-0002\n"
    world.links["/dev/disk/by-uuid/AAAA-0001"] = "../../sda2"
    world.links["/dev/disk/by-uuid/AAAA-0002"] = "../../sdc2"
    assert uses(world.node(), HBA) == {
        ("zfs", ("sdc", "sdc3", "rpool")),
        ("root", ("sdc", "sdc3", "rpool", "/")),
        ("boot", ("sdc", "sdc2", "ESP")),
    }
    assert verdicts(world) == ["costs", "costs"]
    world.files["/etc/kernel/proxmox-boot-uuids"] = b"AAAA-0001\n"
    assert verdicts(world) == ["refused", "costs"]


def test_root_on_lvm_on_a_mirror_of_md(world: World) -> None:
    world.block("md0", "/sys/devices/virtual/block", ("sda1", "sdc1"))
    world.block("dm-0", "/sys/devices/virtual/block", ("md0",), "pve-root")
    world.files["/proc/mounts"] = b"/dev/mapper/pve-root / ext4 rw 0 0\n"
    world.files["/proc/mdstat"] = b"md0 : active raid1 sdc1[1] sda1[0]\n      1 blocks [2/2] [UU]\n"
    world.says("pvs", "--noheadings", stdout="  /dev/md0|pve\n")
    assert uses(world.node(), SATA) == {
        ("root", ("sda", "sda1", "md0", "pve-root", "/")),
        ("lvm", ("sda", "sda1", "md0", "pve")),
        ("md", ("sda", "sda1", "md0")),
    }
    assert verdicts(world) == ["costs", "costs"]
    world.files["/proc/mdstat"] = b"md0 : active raid1 sdc1[1] sda1[0]\n      1 blocks [2/1] [U_]\n"
    assert verdicts(world) == ["refused", "refused"]  # which of the two is whole is not told
    world.files["/proc/mdstat"] = b"md0 : active raid1 sdc1[1](F) sda1[0]\n      1 blocks [2/1] [U_]\n"
    assert verdicts(world) == ["refused", "costs"]


def test_a_member_that_is_not_told_saves_nothing(world: World) -> None:
    world.block("md0", "/sys/devices/virtual/block", ("sda1",))
    world.files["/proc/mdstat"] = b"md0 : active raid1 sdx1[1] sda1[0]\n      1 blocks [2/2] [UU]\n"
    assert verdicts(world) == ["refused", "free"]


def test_a_volume_on_two_disks_needs_both(world: World) -> None:
    world.block("dm-0", "/sys/devices/virtual/block", ("sda1", "sdc1"), "data-vm")
    world.files["/proc/mounts"] = b"/dev/mapper/data-vm /srv ext4 rw 0 0\n"
    assert verdicts(world) == ["refused", "refused"]


def test_multipath_needs_one_way(world: World) -> None:
    world.block("dm-0", "/sys/devices/virtual/block", ("sda", "sdc"), "mpatha")
    world.files["/proc/mounts"] = b"/dev/mapper/mpatha /srv ext4 rw 0 0\n"
    assert verdicts(world) == ["refused", "refused"]
    world.files["/sys/devices/virtual/block/dm-0/dm/uuid"] = b"mpath-3600508b4\n"
    assert verdicts(world) == ["costs", "costs"]


def test_native_multipath_of_nvme_needs_one_way() -> None:
    world = World()
    for number, short in enumerate(("03:00.0", "04:00.0")):
        below = world.device(short, "", "0x010802", 3 + number)
        world.block(f"nvme0c{number}n1", f"{below}/nvme/nvme{number}")
    world.block("nvme0n1", "/sys/devices/virtual/nvme-subsystem/nvme-subsys0")
    world.files["/proc/mounts"] = b"/dev/nvme0n1 / ext4 rw 0 0\n"
    node = world.node()
    assert [blast_radius(node, at(short)).verdict for short in ("03:00.0", "04:00.0")] == ["costs", "costs"]
    assert uses(node, "03:00.0") == {("root", ("nvme0n1", "/"))}


def test_all_devices_of_btrfs_are_needed(world: World) -> None:
    for device in ("sda3", "sdc3"):
        world.links[f"/sys/fs/btrfs/0b7c/devices/{device}"] = f"../../../../class/block/{device}"
    world.files["/proc/mounts"] = b"/dev/sda3 / btrfs rw 0 0\n/dev/sdb3 /srv btrfs rw 0 0\n"
    assert uses(world.node(), HBA) == {("root", ("sdc", "sdc3", "/"))}
    assert uses(world.node(), SATA) == {("root", ("sda", "sda3", "/")), ("mount", ("sdb", "sdb3", "/srv"))}
    assert verdicts(world) == ["refused", "refused"]


def test_disks_of_guests(world: World) -> None:
    world.links["/dev/disk/by-id/ata-DEMO_1"] = "../../sdc"
    world.files["/etc/pve/qemu-server/101.conf"] = (
        b"onboot: 1\nscsi0: local-lvm:vm-101-disk-0\nscsi1: /dev/disk/by-id/ata-DEMO_1,size=1T\nnet0: /dev/sda\n"
    )
    node = world.node()
    assert uses(node, HBA) == {("lent", ("101", "scsi1", "sdc"))}
    assert verdicts(world) == ["free", "costs"]
    assert blast_radius(node, at(HBA), to=101).verdict == "free"
    world.files["/etc/pve/qemu-server/101.conf"] = b"scsi1: /dev/sdc\n"
    assert verdicts(world) == ["free", "free"]  # neither running nor at boot


def test_a_stick_with_the_root_refuses_its_usb_controller() -> None:
    world = World()
    usb = world.device("00:14.0", "", "0x0c0330", 4, driver="xhci_hcd")
    stick = world.block("sdz", f"{usb}/usb1/1-3/1-3:1.0/host9/target9:0:0/9:0:0:0/block")
    world.block("sdz1", stick)
    world.files["/proc/mounts"] = b"/dev/sdz1 /boot/efi vfat rw 0 0\n"
    (loss,) = blast_radius(world.node(), at("00:14.0")).losses
    assert (loss.chain, loss.refuses) == (("0000:00:14.0", "sdz", "sdz1", "/boot/efi", "boot"), True)
