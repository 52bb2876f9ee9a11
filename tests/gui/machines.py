"""Machines made by hand: a workstation and a server, for tests and for pictures."""

from __future__ import annotations

from backend.node.address import PciAddress
from backend.node.function import Bar, Function, Link
from backend.node.node import Group, Iommu, Node, Use


def at(text: str) -> PciAddress:
    return PciAddress.parse(text)


def node_of(functions: list[Function], **more: object) -> Node:
    """A node whose groups follow from its functions."""
    functions = sorted(functions, key=lambda f: f.address)
    members: dict[int, list[PciAddress]] = {}
    for function in functions:
        if function.group is not None:
            members.setdefault(function.group, []).append(function.address)
    groups = tuple(Group(number, tuple(members[number])) for number in sorted(members))
    fields: dict[str, object] = {"iommu": Iommu(active=True, vendor="intel"), **more}
    return Node(functions=tuple(functions), groups=groups, **fields)  # type: ignore[arg-type]


def make(address: str, code: int, name: str, driver: str | None, group: int | None, **more: object) -> Function:
    above = more.pop("parent", None)
    ids = more.pop("ids", "8086:1533")
    vendor, device = (int(part, 16) for part in str(ids).split(":"))
    return Function(
        at(address),
        class_code=code,
        vendor=vendor,
        device=device,
        device_name=name,
        driver=driver,
        group=group,
        parent=at(str(above)) if above else None,
        **more,  # type: ignore[arg-type]
    )


def port(
    address: str,
    group: int | None,
    *,
    speed: float = 16,
    width: int = 16,
    parent: str | None = None,
    slot: str | None = None,
    numa: int | None = 0,
) -> Function:
    return make(
        address,
        0x060400,
        "PCIe Root Port",
        "pcieport",
        group,
        parent=parent,
        slot=slot,
        link=Link(speed, width, speed, width),
        numa_node=numa,
        has_pci_bus=True,
    )


def workstation(*, groups: bool = True) -> Node:
    """One CPU with three slots and an M.2, a chipset that shares a group, on-board devices."""

    def g(number: int) -> int | None:
        return number if groups else None

    functions = [
        make("00:00.0", 0x060000, "Host Bridge", None, g(0), numa_node=0),
        port("00:01.0", g(1), slot="PCIEX16_1"),
        port("00:01.1", g(2), width=8, slot="PCIEX16_2"),
        port("00:06.0", g(3), width=4, slot="M2_1"),
        port("00:01.2", g(30), width=8, slot="PCIEX16_3"),
        port("00:1c.0", g(20), speed=8, width=1, slot="PCIEX1_1"),
        port("00:1c.4", g(20), speed=8, width=1),
        port("00:1d.0", g(31), speed=8, width=1, slot="PCIEX1_2"),
        make(
            "01:00.0",
            0x030000,
            "GA102 [GeForce RTX 3090]",
            "nouveau",
            g(15),
            parent="00:01.0",
            ids="10de:2204",
            numa_node=0,
            link=Link(2.5, 16, 16, 16),
            boot_vga=False,
            reset_methods=("flr", "bus"),
            power_state="D0",
            d3cold_allowed=True,
            serial="a8-a1-59-ff-fe-1c-02-77",
            slot="PCIEX16_1",
            bars=(
                Bar(0, 0xFB000000, 16 << 20, 0x200),
                Bar(1, 0x6000000000, 32 << 30, 0x2200),
                Bar(5, 0xE000, 128, 0x100),
            ),
        ),
        make(
            "01:00.1",
            0x040300,
            "GA102 High Definition Audio Controller",
            "snd_hda_intel",
            g(15),
            parent="00:01.0",
            ids="10de:1aef",
            link=Link(2.5, 16, 16, 16),
        ),
        make(
            "02:00.0",
            0x020000,
            "Ethernet Controller X710 for 10GbE SFP+",
            "i40e",
            g(16),
            parent="00:01.1",
            ids="8086:1572",
            link=Link(8, 4, 8, 8),
            sriov_total=64,
            sriov_vfs=4,
            slot="PCIEX16_2",
            serial="3c-fd-fe-ff-ff-a0-11-22",
        ),
        make(
            "02:00.1",
            0x020000,
            "Ethernet Controller X710 for 10GbE SFP+",
            "i40e",
            g(17),
            parent="00:01.1",
            ids="8086:1572",
            link=Link(8, 4, 8, 8),
        ),
        *(
            make(
                f"02:02.{n}",
                0x020000,
                "Ethernet Virtual Function 700 Series",
                "iavf",
                g(40 + n),
                parent="00:01.1",
                ids="8086:154c",
                physical_function=at("02:00.0"),
            )
            for n in range(4)
        ),
        make(
            "03:00.0",
            0x010802,
            "NVMe SSD Controller PM9A1/PM9A3/980PRO",
            "nvme",
            g(18),
            parent="00:06.0",
            ids="144d:a80a",
            link=Link(16, 4, 16, 4),
            slot="M2_1",
        ),
        make(
            "05:00.0",
            0x0C0330,
            "uPD720201 USB 3.0 Host Controller",
            "xhci_hcd",
            g(20),
            parent="00:1c.0",
            ids="1912:0014",
            link=Link(5, 1, 5, 1),
            slot="PCIEX1_1",
        ),
        make(
            "06:00.0",
            0x020000,
            "Ethernet Controller I225-V",
            "igc",
            g(20),
            parent="00:1c.4",
            ids="8086:15f3",
            link=Link(5, 1, 5, 1),
            label="Onboard LAN",
        ),
        make(
            "00:02.0",
            0x030000,
            "AlderLake-S GT1 [UHD Graphics 770]",
            "i915",
            g(4),
            ids="8086:4680",
            boot_vga=True,
        ),
        make(
            "00:14.0",
            0x0C0330,
            "Alder Lake-S PCH USB 3.2 Gen 2x2 XHCI Controller",
            "xhci_hcd",
            g(5),
            ids="8086:7ae0",
        ),
        make("00:14.2", 0x050000, "Alder Lake-S PCH Shared SRAM", None, g(5), ids="8086:7aa7"),
        make("00:17.0", 0x010601, "Alder Lake-S PCH SATA Controller [AHCI Mode]", "ahci", g(7), ids="8086:7ae2"),
        make("00:1f.0", 0x060100, "Z690 Chipset LPC/eSPI Controller", None, g(8), ids="8086:7a84"),
        make("00:1f.3", 0x040300, "Alder Lake-S HD Audio Controller", "snd_hda_intel", g(8), ids="8086:7ad0"),
        make("00:1f.4", 0x0C0500, "Alder Lake-S PCH SMBus Controller", "i801_smbus", g(8), ids="8086:7aa3"),
        make("00:1f.5", 0x0C8000, "Alder Lake-S PCH SPI Controller", "intel-spi", g(8), ids="8086:7aa4"),
    ]
    return node_of(
        functions,
        hostname="pve1",
        iommu=Iommu(active=groups, vendor="intel" if groups else None),
        interfaces={"eno1": at("02:00.0"), "eno2": at("02:00.1"), "eno3": at("06:00.0")},
        uses=(
            Use(at("02:00.0"), "this-connection", ("eno1", "vmbr0")),
            Use(at("03:00.0"), "root", ("nvme0n1", "rpool")),
            Use(at("03:00.0"), "boot", ("nvme0n1p2",)),
            Use(at("06:00.0"), "network", ("eno3",)),
            Use(at("00:02.0"), "console", ()),
            Use(at("01:00.0"), "guest", ("101 win11",)),
        ),
    )


def server(vfs: int = 0) -> Node:
    """Two sockets, eight root complexes; a switch with four accelerators, an SR-IOV card with `vfs` VFs."""
    functions: list[Function] = []
    group = 0
    for index, root in enumerate((0x00, 0x20, 0x40, 0x60, 0x80, 0xA0, 0xC0, 0xE0)):
        numa = index // 4
        for device in (1, 2, 3):
            functions.append(
                make(f"{root:02x}:{device:02x}.0", 0x060000, "Dummy Host Bridge", None, group, numa_node=numa)
            )
            group += 1
        functions.append(make(f"{root:02x}:00.2", 0x080600, "Starship/Matisse IOMMU", None, None, numa_node=numa))
        functions.append(port(f"{root:02x}:01.1", group, numa=numa, slot=f"SLOT{index + 1}"))
        functions.append(port(f"{root:02x}:03.1", group + 1, numa=numa, width=8))
        group += 2
    switch = "20:01.1"
    functions.append(port("21:00.0", 100, parent=switch, numa=0))
    for n in range(4):
        down = f"22:{4 * n:02x}.0"
        functions.append(port(down, 101 + n, parent="21:00.0", numa=0))
        functions.append(
            make(
                f"{0x23 + n:02x}:00.0",
                0x030200,
                "GA100 [A100 PCIe 40GB]",
                "nvidia",
                110 + n // 2,
                parent=down,
                ids="10de:20f1",
                link=Link(16, 16 if n else 8, 16, 16),
                numa_node=0,
            )
        )
    functions.append(
        make(
            "81:00.0",
            0x020000,
            "MT2892 Family [ConnectX-6 Dx]",
            "mlx5_core",
            120,
            parent="80:01.1",
            ids="15b3:101d",
            link=Link(16, 16, 16, 16),
            sriov_total=127,
            sriov_vfs=vfs,
            numa_node=1,
        )
    )
    for n in range(vfs):
        device, function = divmod(n % 248, 8)
        functions.append(
            make(
                f"{0x82 + n // 248:02x}:{device:02x}.{function}",
                0x020000,
                "ConnectX Virtual Function",
                "mlx5_core",
                200 + n,
                parent="80:01.1",
                ids="15b3:101e",
                physical_function=at("81:00.0"),
            )
        )
    functions.append(
        make(
            "61:00.0",
            0x010802,
            "NVMe SSD Controller PM173X",
            "nvme",
            121,
            parent="60:03.1",
            ids="144d:a824",
            link=Link(16, 4, 16, 4),
            numa_node=0,
        )
    )
    return node_of(
        functions,
        hostname="epyc",
        iommu=Iommu(active=True, vendor="amd"),
        interfaces={"enp129s0np0": at("81:00.0")},
        uses=(Use(at("81:00.0"), "management", ("enp129s0np0", "bond0", "vmbr0")),),
    )
