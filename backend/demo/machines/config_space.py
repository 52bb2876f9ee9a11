"""Config space bytes of a simulated function: header and the capabilities that a reader looks at.

Offsets from include/uapi/linux/pci_regs.h.
"""

from __future__ import annotations

import struct

from backend.demo.machines.parts import Part

_PORT_TYPE = {"endpoint": 0, "root": 4, "upstream": 5, "downstream": 6, "to-pci": 7, "integrated": 9}
_SPEED_CODE = {2.5: 1, 5.0: 2, 8.0: 3, 16.0: 4, 32.0: 5, 64.0: 6}


def config_space(part: Part, starts: dict[int, int], multifunction: bool) -> bytes:
    """4096 bytes for PCI Express, 256 otherwise. `starts`: address of each BAR by index."""
    space = bytearray(4096 if part.role else 256)
    bridge = part.is_bridge

    def put(offset: int, form: str, *values: int) -> None:
        struct.pack_into("<" + form, space, offset, *values)

    # A VF's own vendor and device registers read as ffff (SR-IOV specification 3.4.1.1).
    vendor, device = (0xFFFF, 0xFFFF) if part.vf_of else (part.vendor, part.device)
    put(0x00, "HHHH", vendor, device, 0x0406 if part.driver or bridge else 0x0000, 0x0010)
    put(0x08, "I", part.class_code << 8 | part.revision)
    space[0x0E] = (1 if bridge else 0) | (0x80 if multifunction else 0)
    if not part.vf_of:
        for bar in part.bars:
            start = starts[bar.index]
            low = {"io": 1, "mem32": 0, "mem64": 4, "pref64": 0xC, "rom": 0}[bar.kind]
            put(0x30 if bar.kind == "rom" else 0x10 + 4 * bar.index, "I", (start & 0xFFFFFFFF) | low)
            if bar.kind in ("mem64", "pref64"):
                put(0x14 + 4 * bar.index, "I", start >> 32)
    subsystem = [int(half, 16) for half in part.subsystem.split(":")] if part.subsystem else [0, 0]
    if bridge:
        secondary, subordinate = part.buses or (0, 0)
        put(0x18, "BBB", int(part.at.split(":")[1], 16), secondary, subordinate)
    else:
        put(0x2C, "HH", *subsystem)
    capabilities = [(0x40, struct.pack("<HI", 0xC803, 0x0008), 0x01), (0x50, struct.pack("<H", 0x0080), 0x05)]
    if bridge and part.subsystem:
        capabilities.append((0x88, struct.pack("<HHH", 0, *subsystem), 0x0D))
    if part.role:
        capabilities.append((0x90, _express(part), 0x10))
    space[0x34] = capabilities[0][0]
    for index, (offset, body, kind) in enumerate(capabilities):
        space[offset] = kind
        space[offset + 1] = capabilities[index + 1][0] if index + 1 < len(capabilities) else 0
        space[offset + 2 : offset + 2 + len(body)] = body
    if part.role:
        _extended(part, space)
    return bytes(space)


def _express(part: Part) -> bytes:
    """PCI Express capability without its first two bytes."""
    body = bytearray(0x3A)
    slot = part.slot is not None
    struct.pack_into("<H", body, 0x00, 2 | _PORT_TYPE[part.role or "endpoint"] << 4 | (0x100 if slot else 0))
    flr = 1 << 28 if "flr" in part.reset else 0
    struct.pack_into("<I", body, 0x02, 0x8002 | flr)
    if part.link:
        speed, width, max_speed, max_width = part.link
        struct.pack_into("<I", body, 0x0A, _SPEED_CODE[max_speed] | max_width << 4)
        struct.pack_into("<H", body, 0x10, _SPEED_CODE[speed] | width << 4)
        struct.pack_into("<I", body, 0x2A, (1 << _SPEED_CODE[max_speed] + 1) - 2)  # Link Capabilities 2
    if slot:
        struct.pack_into("<I", body, 0x12, (part.slot or 0) << 19)
        struct.pack_into("<H", body, 0x18, 0x0040)  # Slot Status: presence detected
    return bytes(body)


def _extended(part: Part, space: bytearray) -> None:
    found: list[tuple[int, bytes]] = [(0x0001, bytes(0x2C))]  # Advanced Error Reporting
    if part.serial is not None:
        found.append((0x0003, struct.pack("<Q", part.serial)))
    if part.acs or (part.acs is None and part.role in ("root", "downstream")):
        found.append((0x000D, struct.pack("<HH", 0x001F, 0x001D)))  # ACS: what a port can isolate, and does
    if part.vfs:
        now, total = part.vfs
        body = bytearray(0x3C)
        struct.pack_into("<H", body, 0x04, 0x0001 if now else 0)
        struct.pack_into("<HHH", body, 0x08, total, total, now)
        found.append((0x0010, bytes(body)))
    offset = 0x100
    for index, (kind, rest) in enumerate(found):
        after = (offset + 4 + len(rest) + 0x0F) & ~0x0F
        following = after if index + 1 < len(found) else 0
        struct.pack_into("<I", space, offset, kind | 1 << 16 | following << 20)
        space[offset + 4 : offset + 4 + len(rest)] = rest
        offset = after
