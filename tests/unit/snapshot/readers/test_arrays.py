"""ZFS pools and MD arrays as their tools print them."""

from __future__ import annotations

import pytest

from backend.snapshot.readers.arrays import Vdev, read_arrays, read_pools

TWO_POOLS = """\
  pool: rpool
 state: ONLINE
  scan: scrub repaired 0B in 00:00:26 with 0 errors on Sun Nov 10 00:24:27 2024
config:

\tNAME                STATE     READ WRITE CKSUM
\trpool               ONLINE       0     0     0
\t  mirror-0          ONLINE       0     0     0
\t    /dev/nvme0n1p3  ONLINE       0     0     0
\t    /dev/nvme1n1p3  ONLINE       0     0     0

errors: No known data errors

  pool: tank
 state: DEGRADED
status: One or more devices is currently being resilvered.
config:

\tNAME                  STATE     READ WRITE CKSUM
\ttank                  DEGRADED     0     0     0
\t  raidz2-0            DEGRADED     0     0     0
\t    /dev/sda1         ONLINE       0     0     0
\t    replacing-1       DEGRADED     0     0     0
\t      /dev/sdb1       FAULTED      0     0     0
\t      /dev/sde1       ONLINE       0     0     0  (resilvering)
\t    /dev/sdc1         ONLINE       0     0     0
\t    15379041632       UNAVAIL      0     0     0  was /dev/sdd1
\tspecial
\t  mirror-1            ONLINE       0     0     0
\t    /dev/sdf1         ONLINE       0     0     0
\t    /dev/sdg1         ONLINE       0     0     0
\tlogs
\t  /dev/sdh1           ONLINE       0     0     0
\tcache
\t  /dev/sdi1           ONLINE       0     0     0
\tspares
\t  /dev/sdj1           AVAIL

errors: No known data errors
"""


def test_pools() -> None:
    rpool, tank = read_pools(TWO_POOLS)
    assert (rpool.name, [part.name for part in rpool.data.parts], rpool.extra) == ("rpool", ["mirror-0"], ())
    assert [part.name for part in tank.data.parts] == ["raidz2-0", "mirror-1", "/dev/sdh1"]
    raidz, mirror, log = tank.data.parts
    assert (tank.data.needed(), raidz.needed(), mirror.needed(), log.needed()) == (3, 2, 1, 0)
    assert [part.name for part in raidz.parts] == ["/dev/sda1", "replacing-1", "/dev/sdc1", "15379041632"]
    assert [part.is_whole for part in raidz.parts] == [True, False, True, False]
    old, new = raidz.parts[1].parts
    assert (raidz.parts[1].needed(), old.is_whole, new.is_whole) == (1, False, False)
    assert [extra.name for extra in tank.extra] == ["cache", "spares"]
    assert [device.name for extra in tank.extra for device in extra.devices()] == ["/dev/sdi1", "/dev/sdj1"]


@pytest.mark.parametrize(
    ("name", "needed"),
    [
        ("raidz1-0", 5),
        ("raidz-0", 5),
        ("raidz3-1", 3),
        ("draid2:4d:6c:1s-0", 4),
        ("mirror-12", 1),
        ("spare-2", 1),
        ("tank", 6),
        ("mirrors", 6),
    ],
)
def test_how_many_parts_a_row_needs(name: str, needed: int) -> None:
    assert Vdev(name, True, [Vdev(f"/dev/sd{letter}", True) for letter in "abcdef"]).needed() == needed


@pytest.mark.parametrize(
    "text", ["", "no pools available\n", "  pool: broken\n state: ONLINE\n", "config:\n\n\tNAME\n"]
)
def test_no_pools(text: str) -> None:
    assert read_pools(text) == ()


def test_a_device_that_was_removed_is_no_part() -> None:
    (pool,) = read_pools("  pool: p\nconfig:\n\n\tNAME\n\tp ONLINE\n\t  indirect-0 ONLINE\n\t  /dev/sda1 ONLINE\n")
    assert [part.name for part in pool.data.parts] == ["/dev/sda1"]


MDSTAT = """\
Personalities : [raid1] [raid6] [raid5] [raid4] [raid10] [raid0] [linear]
md0 : active raid1 sdb1[1] sda1[0]
      1046528 blocks super 1.2 [2/2] [UU]
      bitmap: 0/1 pages [0KB], 65536KB chunk

md1 : active raid5 sde1[4] sdd1[2] sdc1[1] sdb1[0] sdf1[5](S)
      5860145664 blocks super 1.2 level 5, 512k chunk, algorithm 2 [4/3] [UUU_]
      [=>...................]  recovery =  9.1% (178256768/1953381888) finish=154.3min speed=191740K/sec

md2 : active raid6 sda2[0] sdb2[1] sdc2[2] sdd2[3](F) sde2[4]
      5860145664 blocks super 1.2 level 6, 512k chunk, algorithm 2 [5/4] [UUU_U]

md3 : active raid0 nvme1n1p1[1] nvme0n1p1[0]
      1046528 blocks super 1.2 512k chunks

md4 : active (auto-read-only) raid10 sda3[0] sdb3[1] sdc3[2] sdd3[3]
      1046528 blocks super 1.2 512K chunks 2 near-copies [4/4] [UUUU]

md5 : inactive sdz1[0](S)
      1046528 blocks super 1.2

md6 : active raid1 sda4[0]
      1046528 blocks super 1.2 [2/1] [U_]

unused devices: <none>
"""


def test_arrays() -> None:
    found = {array.name: (len(array.members), array.needed) for array in read_arrays(MDSTAT)}
    assert found == {
        "md0": (2, 1),
        "md1": (4, 4),  # one is still being rebuilt: nothing to spare
        "md2": (4, 3),
        "md3": (2, 2),
        "md4": (4, 3),
        "md6": (1, 1),
    }
    assert read_arrays(MDSTAT)[0].members == ("sdb1", "sda1")
    assert read_arrays("") == ()
