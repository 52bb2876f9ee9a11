"""/etc/pve/mapping/pci.cfg."""

from __future__ import annotations

from backend.node.address import PciAddress
from backend.node.function import Function
from backend.node.mapping import by_text, mismatch, parse_mappings

TEXT = """\
# written by hand
gpu
\tdescription the big one
\tmap node=n1,path=0000:01:00,id=10de:2204,subsystem-id=1043:8000,iommugroup=1,description=left
\tmap node=n2,path=10000:01:00.0;0000:02:00.0,id=10de:2204
\tmdev 1
\tlive-migration-capable 1

1bad
\tmap node=n1,path=0000:01:00,id=10de:2204

nic
\tmap node=n1,path=01:00,id=10de:2204
\tmap node=n1,path=0000:03:00.0,id=8086:15F3
\tmap path=0000:03:00.0,id=8086:15f3
\tcolour blue
"""


def test_sections() -> None:
    mappings, skipped = parse_mappings(TEXT)
    gpu, nic = mappings
    assert (gpu.name, gpu.mdev, gpu.evidence.line) == ("gpu", True, 2)
    assert [entry.evidence.line for entry in gpu.entries] == [4, 5]
    (first,) = gpu.on("n1.example.org")
    assert (first.path, first.id, first.subsystem_id, first.iommugroup) == (
        ("0000:01:00",),
        "10de:2204",
        "1043:8000",
        1,
    )
    assert gpu.on("n2")[0].path == ("10000:01:00.0", "0000:02:00.0")
    assert gpu.on("n3") == gpu.on(None) == ()
    assert [entry.id for entry in nic.entries] == ["8086:15F3"]
    assert [line.line for line in skipped] == [9, 13, 15, 16]


def test_every_reason() -> None:
    """Beside those that start.jsonl has: upper case, a missing subsystem id, a property too many, mdev."""
    function = Function(PciAddress.parse("0000:01:00.0"), None, 0x10DE, 0x22AB, 0x1043, 0x8000)
    mdev = Function(PciAddress.parse("0000:02:00.0"), None, 0x10DE, 0x22AB, 0x1043, 0x8000, mdev=True)
    there = by_text([function, mdev])

    def why(entry: str, *more: str) -> tuple[str, str | None, str | None, str | None] | None:
        mapping = parse_mappings("\n\t".join(["x1", f"map node=n1,{entry}", *more]))[0][0]
        found = mismatch(mapping, mapping.entries[0], there)
        return None if found is None else (found.code, found.key, found.real, found.configured)

    assert why("path=0000:01:00,id=10de:22ab,subsystem-id=1043:8000") is None
    assert why("path=0000:01:00.0;0000:01:00.0,id=10de:22ab,subsystem-id=1043:8000") is None
    assert why("path=0000:01:00.0,id=10de:22AB") == ("differs", "id", "10de:22ab", "10de:22AB")
    assert why("path=0000:01:00.0,id=10de:22ab") == ("missing-property", "subsystem-id", "1043:8000", None)
    assert why("path=0000:01:00.0,id=10de:22ab,iommugroup=4") == ("unexpected-property", "iommugroup", None, "4")
    assert why("path=0000:01:00.1,id=10de:22ab") == ("not-found", None, None, None)
    whole = "id=10de:22ab,subsystem-id=1043:8000"
    assert why(f"path=0000:02:00.0,{whole}") == ("differs", "mdev", "1", "0")
    assert why(f"path=0000:01:00.0,{whole}", "mdev 1") == ("differs", "mdev", "0", "1")
    assert why(f"path=0000:02:00.0,{whole}", "mdev 1") is None
