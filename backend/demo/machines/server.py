"""pve2, and the same grown huge."""

from __future__ import annotations

from dataclasses import replace

from backend.demo.machines.common import GEN1, GEN2, GEN3, GEN4, GIB, KIB, MIB, root_nvme
from backend.demo.machines.parts import Bar, Disk, Machine, Nic, Part, Socket, Usb


def server() -> Machine:
    """pve2: two NUMA nodes, an SR-IOV NIC with VFs, an HBA behind a switch, a VGA behind a PCI bridge."""
    smc = "15d9:1b95"
    root_port = Part(
        "",
        0x060400,
        "1022:1483",
        "Starship/Matisse GPP Bridge",
        subsystem="1022:1453",
        driver="pcieport",
        role="root",
    )

    def host_side(bus: int, group: int, numa: int) -> tuple[Part, ...]:
        prefix = f"0000:{bus:02x}:"
        return (
            Part(
                prefix + "00.0",
                0x060000,
                "1022:1480",
                "Starship/Matisse Root Complex",
                subsystem=smc,
                numa=numa,
            ),
            Part(prefix + "00.2", 0x080600, "1022:1481", "Starship/Matisse IOMMU", subsystem=smc, numa=numa),
            Part(
                prefix + "01.0",
                0x060000,
                "1022:1482",
                "Starship/Matisse PCIe Dummy Host Bridge",
                group=group,
                numa=numa,
            ),
        )

    mellanox = Part(
        "",
        0x020000,
        "15b3:1017",
        "MT27800 Family [ConnectX-5]",
        under="0000:80:03.1",
        subsystem="15b3:0058",
        modules=("mlx5_core",),
        driver="mlx5_core",
        role="endpoint",
        acs=True,
        numa=1,
    )
    nic = tuple(
        replace(
            mellanox,
            at=f"0000:81:00.{f}",
            group=40 + f,
            link=(GEN3, 16, GEN3, 16),
            reset=("flr", "bus"),
            serial=0x024C570300020001,
            bars=(Bar(0, 32 * MIB, "pref64"), Bar(6, 1 * MIB, "rom")),
            vfs=(4 if f == 0 else 0, 8),
            nic=Nic(f"enp129s0f{f}np{f}", f"02:4c:57:00:02:1{f}", 25000 if f == 0 else None),
        )
        for f in (0, 1)
    )
    vfs = tuple(
        replace(
            mellanox,
            at=f"0000:81:00.{2 + i}",
            ids="15b3:1018",
            name="MT27800 Family [ConnectX-5 Virtual Function]",
            group=50 + i,
            vf_of="0000:81:00.0",
            bars=(Bar(0, 1 * MIB, "pref64"),),
            reset=("flr",),
            nic=Nic(f"enp129s0f0v{i}", f"02:4c:57:00:02:2{i}"),
        )
        for i in range(4)
    )
    sas = tuple(
        Disk(
            name,
            3726 * GIB,
            "MICRON_5300_MTFD",
            f"DEMO-SAS-{name}",
            ((3725 * GIB, "zfs:tank"), (8 * MIB, "")),
        )
        for name in ("sda", "sdb")
    )
    return Machine(
        name="pve2",
        vendor="amd",
        cpu="AMD EPYC 7313 16-Core Processor",
        board="H12DSi-N6",
        ip="10.77.0.12/24",
        numa_nodes=2,
        parts=(
            *host_side(0x00, 10, 0),
            replace(
                root_port,
                at="0000:00:01.1",
                group=11,
                link=(GEN4, 4, GEN4, 4),
                buses=(0x01, 0x01),
                slot=40,
                numa=0,
            ),
            replace(
                root_port,
                at="0000:00:03.1",
                group=12,
                link=(GEN3, 8, GEN4, 16),
                buses=(0x02, 0x05),
                slot=3,
                numa=0,
            ),
            replace(
                root_port,
                at="0000:00:05.1",
                group=13,
                link=(GEN2, 1, GEN2, 1),
                buses=(0x06, 0x07),
                slot=41,
                numa=0,
            ),
            replace(
                root_port,
                at="0000:00:05.2",
                group=14,
                link=(GEN3, 2, GEN3, 2),
                buses=(0x08, 0x08),
                slot=42,
                numa=0,
            ),
            replace(
                root_port,
                at="0000:00:07.1",
                ids="1022:1484",
                name="Starship/Matisse Internal PCIe GPP Bridge 0 to bus[E:B]",
                group=15,
                link=(GEN4, 16, GEN4, 16),
                buses=(0x09, 0x09),
                numa=0,
            ),
            Part(
                "0000:00:14.0",
                0x0C0500,
                "1022:790b",
                "FCH SMBus Controller",
                subsystem=smc,
                revision=0x61,
                driver="piix4_smbus",
                modules=("i2c_piix4",),
                group=16,
                numa=0,
            ),
            Part(
                "0000:00:14.3",
                0x060100,
                "1022:790e",
                "FCH LPC Bridge",
                subsystem=smc,
                revision=0x51,
                group=16,
                numa=0,
            ),
            Part(
                "0000:01:00.0",
                0x010802,
                "144d:a80c",
                "NVMe SSD Controller S4LV008[Pascal]",
                under="0000:00:01.1",
                subsystem="144d:a801",
                driver="nvme",
                modules=("nvme",),
                group=20,
                numa=0,
                role="endpoint",
                link=(GEN4, 4, GEN4, 4),
                bars=(Bar(0, 16 * KIB),),
                reset=("flr", "bus"),
                disks=(root_nvme("nvme0n1", "DEMO0000000021"),),
            ),
            Part(
                "0000:02:00.0",
                0x060400,
                "10b5:8747",
                "PEX 8747 48-Lane, 5-Port PCI Express Gen 3 (8.0 GT/s) Switch",
                under="0000:00:03.1",
                revision=0xCA,
                driver="pcieport",
                group=19,
                numa=0,
                role="upstream",
                link=(GEN3, 8, GEN3, 16),
                buses=(0x03, 0x05),
                bars=(Bar(0, 256 * KIB, "mem32"),),
            ),
            *(
                Part(
                    f"0000:03:{device:02x}.0",
                    0x060400,
                    "10b5:8747",
                    "PEX 8747 48-Lane, 5-Port PCI Express Gen 3 (8.0 GT/s) Switch",
                    under="0000:02:00.0",
                    revision=0xCA,
                    driver="pcieport",
                    group=21 + i,
                    numa=0,
                    role="downstream",
                    link=(GEN3, 8, GEN3, 16) if i == 0 else (GEN1, 0, GEN3, 16),
                    buses=(4 + i, 4 + i),
                    slot=60 + i,
                )
                for i, device in enumerate((0x08, 0x10))
            ),
            Part(
                "0000:04:00.0",
                0x010700,
                "1000:0097",
                "SAS3008 PCI-Express Fusion-MPT SAS-3",
                under="0000:03:08.0",
                subsystem="1000:3090",
                subsystem_name="SAS9311-8i",
                revision=2,
                driver="mpt3sas",
                modules=("mpt3sas",),
                group=23,
                numa=0,
                role="endpoint",
                link=(GEN3, 8, GEN3, 8),
                reset=("flr", "bus"),
                bars=(Bar(0, 256, "io"), Bar(1, 64 * KIB), Bar(6, 1 * MIB, "rom")),
                disks=sas,
            ),
            Part(
                "0000:06:00.0",
                0x060400,
                "1a03:1150",
                "AST1150 PCI-to-PCI Bridge",
                under="0000:00:05.1",
                subsystem="1a03:1150",
                revision=6,
                group=24,
                numa=0,
                role="to-pci",
                link=(GEN2, 1, GEN2, 1),
                buses=(0x07, 0x07),
            ),
            Part(
                "0000:07:00.0",
                0x030000,
                "1a03:2000",
                "ASPEED Graphics Family",
                under="0000:06:00.0",
                subsystem=smc,
                revision=0x52,
                driver="ast",
                modules=("ast",),
                group=24,
                numa=0,
                boot_vga=True,
                bars=(Bar(0, 64 * MIB, "mem32"), Bar(1, 128 * KIB, "mem32"), Bar(2, 128, "io")),
            ),
            *(
                Part(
                    f"0000:08:00.{f}",
                    0x020000,
                    "8086:1563",
                    "Ethernet Controller X550",
                    under="0000:00:05.2",
                    subsystem="15d9:1563",
                    revision=1,
                    driver="ixgbe",
                    modules=("ixgbe",),
                    group=25 + f,
                    numa=0,
                    role="endpoint",
                    acs=True,
                    link=(GEN3, 2, GEN3, 4),
                    reset=("flr", "bus"),
                    label=f"Onboard LAN{f + 1}",
                    serial=0x024C57FFFF000203,
                    bars=(Bar(0, 4 * MIB, "pref64"), Bar(4, 16 * KIB, "pref64")),
                    vfs=(0, 63),
                    nic=Nic(
                        f"eno{f + 1}",
                        f"02:4c:57:00:02:0{f}",
                        10000 if f == 0 else None,
                        "vmbr0" if f == 0 else None,
                    ),
                )
                for f in (0, 1)
            ),
            Part(
                "0000:09:00.0",
                0x130000,
                "1022:1485",
                "Starship/Matisse Reserved SPP",
                under="0000:00:07.1",
                subsystem=smc,
                group=27,
                numa=0,
                role="endpoint",
                acs=True,
                link=(GEN4, 16, GEN4, 16),
            ),
            Part(
                "0000:09:00.3",
                0x0C0330,
                "1022:148c",
                "Starship USB 3.0 Host Controller",
                under="0000:00:07.1",
                subsystem=smc,
                driver="xhci_hcd",
                modules=("xhci_pci",),
                group=28,
                numa=0,
                role="endpoint",
                acs=True,
                link=(GEN4, 16, GEN4, 16),
                bars=(Bar(0, 1 * MIB),),
                reset=("pm",),
                usb=(Usb("1-2", "046b:ff10", "Virtual Keyboard and Mouse", "usbhid", (3, 1, 1)),),
            ),
            *host_side(0x80, 30, 1),
            replace(
                root_port,
                at="0000:80:03.1",
                group=31,
                link=(GEN3, 16, GEN4, 16),
                buses=(0x81, 0x81),
                slot=1,
                numa=1,
            ),
            replace(
                root_port,
                at="0000:80:04.1",
                group=32,
                link=(GEN1, 0, GEN4, 16),
                buses=(0x82, 0x82),
                slot=2,
                numa=1,
            ),
            *nic,
            *vfs,
        ),
        sockets=(
            Socket("CPU2 SLOT1 PCI-E 4.0 X16", "x16 PCI Express 4 x16", "0000:81:00.0", True, 1),
            Socket("CPU2 SLOT2 PCI-E 4.0 X16", "x16 PCI Express 4 x16", "0000:82:00.0", False, 2),
            Socket("CPU1 SLOT3 PCI-E 4.0 X16", "x16 PCI Express 4 x16", "0000:02:00.0", True, 3),
            Socket("M.2-C1", "x4 M.2 Socket 3", "0000:01:00.0", True, 40),
        ),
        guests={
            200: "boot: order=scsi0\ncores: 8\nhostpci0: 0000:81:00.2\nmachine: q35\nmemory: 32768\n"
            "name: router\nonboot: 1\nostype: l26\nscsi0: local-lvm:vm-200-disk-0,size=16G\n",
            201: "boot: order=scsi0\ncores: 4\nmemory: 8192\nname: backup\nonboot: 1\nostype: l26\n"
            "scsi0: local-lvm:vm-201-disk-0,size=64G\n",
        },
    )


def huge(vfs: int = 4096) -> Machine:
    """The server with `vfs` more virtual functions, 128 to a NIC, each NIC in a domain of its own."""
    base = server()
    vf = base.by_address["0000:81:00.2"]
    pf = base.by_address["0000:81:00.0"]
    port = base.by_address["0000:80:03.1"]
    more: list[Part] = []
    group = 1000
    for index in range((vfs + 127) // 128):
        domain = f"{index + 1:04x}"
        count = min(128, vfs - 128 * index)
        above = f"{domain}:00:01.0"
        at = f"{domain}:01:00.0"
        more.append(replace(port, at=above, buses=(1, 1), group=group, slot=None))
        more.append(replace(pf, at=at, under=above, group=group + 1, vfs=(count, 128), nic=None))
        for number in range(8, 8 + count):
            where = f"{domain}:01:{number >> 3:02x}.{number & 7}"
            more.append(replace(vf, at=where, under=above, vf_of=at, group=group + 2 + number, nic=None))
        group += 200
    return replace(base, name="pve-huge", parts=(*base.parts, *more))
