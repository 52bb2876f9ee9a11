"""The simulated machines. Ids and names are those of real products; serials and MAC addresses are invented
(locally administered, 02:...)."""

from __future__ import annotations

from dataclasses import replace

from backend.demo.machines.parts import Bar, Disk, Machine, Nic, Part, Socket

KIB, MIB, GIB = 1 << 10, 1 << 20, 1 << 30
GEN1, GEN2, GEN3, GEN4, GEN5 = 2.5, 5.0, 8.0, 16.0, 32.0


def _nvme_root(name: str, serial: str) -> Disk:
    partitions = ((1 * MIB, ""), (1 * GIB, "efi"), (930 * GIB, "pv:pve"))
    return Disk(name, 931 * GIB, "Samsung SSD 990 PRO 1TB", serial, partitions)


def workstation() -> Machine:
    """pve1: a gaming GPU to pass through, two equal NVMe drives, and an IOMMU that somebody switched off."""
    asus = "1043:8882"

    def port(
        at: str, ids: str, name: str, group: int, bus: int, link: tuple[float, int, float, int], slot: int
    ) -> Part:
        return Part(
            at, 0x060400, ids, name, subsystem=asus, revision=0x01, driver="pcieport", group=group, link=link,
            buses=(bus, bus), role="root", slot=slot,
        )  # fmt: skip

    evo = "Realtek RTL8125 2.5GbE Controller"
    nvme = {
        "class_code": 0x010802, "ids": "144d:a80c", "name": "NVMe SSD Controller S4LV008[Pascal]",
        "subsystem": "144d:a801", "driver": "nvme", "modules": ("nvme",), "bars": (Bar(0, 16 * KIB),),
        "reset": ("flr", "bus"), "role": "endpoint",
    }  # fmt: skip
    return Machine(
        name="pve1",
        vendor="intel",
        cpu="13th Gen Intel(R) Core(TM) i7-13700K",
        board="PRIME Z790-P",
        ip="10.77.0.11/24",
        cmdline_default="quiet intel_iommu=off",
        parts=(
            Part("0000:00:00.0", 0x060000, "8086:a703", "Raptor Lake-S Host Bridge/DRAM Controller", subsystem=asus,
                 revision=1, group=0, role="integrated", driver=None, modules=("igen6_edac",)),
            port("0000:00:01.0", "8086:a70d", "Raptor Lake PCI Express 5.0 Graphics Port (PEG010)", 1, 0x01,
                 (GEN4, 16, GEN5, 16), 1),
            Part("0000:00:02.0", 0x030000, "8086:a780", "Raptor Lake-S GT1 [UHD Graphics 770]", subsystem=asus,
                 revision=4, driver="i915", modules=("i915", "xe"), group=2, role="integrated", boot_vga=True,
                 label="Onboard - Video", bars=(Bar(0, 16 * MIB), Bar(2, 256 * MIB, "pref64"), Bar(4, 64, "io")),
                 reset=("flr",)),
            port("0000:00:06.0", "8086:a74d", "Raptor Lake PCIe 4.0 Graphics Port", 3, 0x02,
                 (GEN4, 4, GEN4, 4), 8),
            Part("0000:00:14.0", 0x0C0330, "8086:7a60", "Raptor Lake USB 3.2 Gen 2x2 (20 Gb/s) XHCI Host Controller",
                 subsystem=asus, revision=0x11, driver="xhci_hcd", modules=("xhci_pci",), group=4,
                 bars=(Bar(0, 64 * KIB),), label="Onboard - Other"),
            Part("0000:00:14.2", 0x050000 | 0x8000, "8086:7a27", "Raptor Lake-S PCH Shared SRAM", subsystem=asus,
                 revision=0x11, group=4, bars=(Bar(0, 16 * KIB),)),
            Part("0000:00:17.0", 0x010601, "8086:7a62", "Raptor Lake SATA AHCI Controller", subsystem=asus,
                 revision=0x11, driver="ahci", modules=("ahci",), group=5, bars=(Bar(5, 2 * KIB, "mem32"),),
                 label="Onboard - SATA"),
            port("0000:00:1b.0", "8086:7a40", "Raptor Lake PCI Express Root Port #17", 6, 0x03, (GEN4, 4, GEN4, 4), 20),
            port("0000:00:1c.0", "8086:7a38", "Raptor Lake PCI Express Root Port #1", 7, 0x04, (GEN1, 0, GEN3, 1), 2),
            port("0000:00:1c.2", "8086:7a3a", "Raptor Lake PCI Express Root Port #3", 8, 0x05, (GEN2, 1, GEN3, 1), 10),
            port("0000:00:1c.4", "8086:7a3c", "Raptor Lake PCI Express Root Port #5", 9, 0x06, (GEN2, 1, GEN3, 1), 3),
            port("0000:00:1d.0", "8086:7a30", "Raptor Lake PCI Express Root Port #9", 10, 0x07, (GEN4, 4, GEN4, 4), 21),
            port("0000:00:1d.4", "8086:7a34", "Raptor Lake PCI Express Root Port #13", 11, 0x08,
                 (GEN1, 0, GEN4, 4), 4),
            Part("0000:00:1f.0", 0x060100, "8086:7a04", "Z790 Chipset LPC/eSPI Controller", subsystem=asus,
                 revision=0x11, group=12),
            Part("0000:00:1f.3", 0x040300, "8086:7a50", "Raptor Lake High Definition Audio Controller", subsystem=asus,
                 revision=0x11, driver="snd_hda_intel", modules=("snd_hda_intel",), group=12,
                 bars=(Bar(0, 16 * KIB), Bar(4, 1 * MIB)), label="Onboard - Sound"),
            Part("0000:00:1f.4", 0x0C0500, "8086:7a23", "Raptor Lake-S PCH SMBus Controller", subsystem=asus,
                 revision=0x11, driver="i801_smbus", modules=("i2c_i801",), group=12, bars=(Bar(0, 256),)),
            Part("0000:00:1f.5", 0x0C8000, "8086:7a24", "Raptor Lake SPI (flash) Controller", subsystem=asus,
                 revision=0x11, driver="intel-spi", modules=("spi_intel_pci",), group=12, bars=(Bar(0, 4 * KIB, "mem32"),)),
            Part("0000:01:00.0", 0x030000, "10de:2786", "AD104 [GeForce RTX 4070]", under="0000:00:01.0",
                 subsystem="1462:5135", revision=0xA1, driver="nouveau", modules=("nvidiafb", "nouveau"), group=1,
                 link=(GEN4, 16, GEN4, 16), role="endpoint", reset=("bus",),
                 bars=(Bar(0, 16 * MIB, "mem32"), Bar(1, 16 * GIB, "pref64"), Bar(3, 32 * MIB, "pref64"),
                       Bar(5, 128, "io"), Bar(6, 512 * KIB, "rom"))),
            Part("0000:01:00.1", 0x040300, "10de:22bc", "AD104 High Definition Audio Controller", under="0000:00:01.0",
                 subsystem="1462:5135", revision=0xA1, driver="snd_hda_intel", modules=("snd_hda_intel",), group=1,
                 link=(GEN4, 16, GEN4, 16), role="endpoint", reset=("bus",), bars=(Bar(0, 16 * KIB, "mem32"),)),
            Part("0000:02:00.0", under="0000:00:06.0", group=13, link=(GEN4, 4, GEN4, 4), serial=0x0225382B01000001,
                 disks=(_nvme_root("nvme0n1", "DEMO0000000001"),), **nvme),  # type: ignore[arg-type]
            Part("0000:03:00.0", under="0000:00:1b.0", group=14, link=(GEN4, 4, GEN4, 4), serial=0x0225382B01000002,
                 disks=(Disk("nvme1n1", 931 * GIB, "Samsung SSD 990 PRO 1TB", "DEMO0000000002"),),
                 **nvme),  # type: ignore[arg-type]
            Part("0000:05:00.0", 0x020000, "10ec:8125", evo.removeprefix("Realtek "), under="0000:00:1c.2",
                 subsystem="1043:87d7", revision=5, driver="r8169", modules=("r8169",), group=15,
                 link=(GEN2, 1, GEN2, 1), role="endpoint", reset=("bus",), label="Onboard - Ethernet",
                 bars=(Bar(0, 256, "io"), Bar(2, 64 * KIB), Bar(4, 16 * KIB)), serial=0x0000000168C0DE01,
                 nic=Nic("eno1", "02:4c:57:00:01:01", 2500, "vmbr0")),
            Part("0000:06:00.0", 0x0C0330, "1912:0014", "uPD720201 USB 3.0 Host Controller", under="0000:00:1c.4",
                 subsystem="1912:0014", revision=3, driver="xhci_hcd", modules=("xhci_pci", "xhci_pci_renesas"),
                 group=16, link=(GEN2, 1, GEN2, 1), role="endpoint", reset=("pm", "bus"), bars=(Bar(0, 8 * KIB),)),
            Part("0000:07:00.0", under="0000:00:1d.0", group=17, link=(GEN4, 4, GEN4, 4), serial=0x0225382B01000003,
                 disks=(Disk("nvme2n1", 931 * GIB, "Samsung SSD 990 PRO 1TB", "DEMO0000000003"),),
                 **nvme),  # type: ignore[arg-type]
        ),
        sockets=(
            Socket("PCIEX16_1", "x16 PCI Express 5 x16", "0000:01:00.0", True, 1),
            Socket("PCIEX1_1", "x1 PCI Express 3 x1", "0000:04:00.0", False, 2),
            Socket("PCIEX1_2", "x1 PCI Express 3 x1", "0000:06:00.0", True, 3),
            Socket("PCIEX16_2", "x4 PCI Express 4 x16", "0000:08:00.0", False, 4),
            Socket("M.2_1", "x4 M.2 Socket 3", "0000:02:00.0", True, 8),
            Socket("M.2_2", "x4 M.2 Socket 3", "0000:03:00.0", True, 20),
            Socket("M.2_3", "x4 M.2 Socket 3", "0000:07:00.0", True, 21),
        ),
        guests={
            100: "boot: order=scsi0\ncores: 8\nmachine: q35\nmemory: 16384\nname: win11\nonboot: 1\nostype: win11\n"
            "scsi0: local-lvm:vm-100-disk-0,size=128G\nsockets: 1\n",
            101: "boot: order=scsi0\ncores: 4\nhostpci0: 0000:06:00.0,pcie=1\nmachine: q35\nmemory: 4096\n"
            "name: homeassistant\nonboot: 0\nostype: l26\nscsi0: local-lvm:vm-101-disk-0,size=32G\n",
        },
    )  # fmt: skip


def server() -> Machine:
    """pve2: two NUMA nodes, an SR-IOV NIC with VFs, an HBA behind a switch, and the BMC's VGA behind a PCI bridge."""
    smc = "15d9:1b95"
    root_port = {"class_code": 0x060400, "ids": "1022:1483", "name": "Starship/Matisse GPP Bridge",
                 "subsystem": "1022:1453", "driver": "pcieport", "role": "root"}  # fmt: skip

    def host_side(bus: int, group: int, numa: int) -> tuple[Part, ...]:
        prefix = f"0000:{bus:02x}:"
        return (
            Part(prefix + "00.0", 0x060000, "1022:1480", "Starship/Matisse Root Complex", subsystem=smc, numa=numa),
            Part(prefix + "00.2", 0x080600, "1022:1481", "Starship/Matisse IOMMU", subsystem=smc, numa=numa),
            Part(prefix + "01.0", 0x060000, "1022:1482", "Starship/Matisse PCIe Dummy Host Bridge", group=group, numa=numa),
        )  # fmt: skip

    mellanox = {"class_code": 0x020000, "subsystem": "15b3:0058", "subsystem_name": "MT27800 Family [ConnectX-5]",
                "modules": ("mlx5_core",), "driver": "mlx5_core", "role": "endpoint", "numa": 1}  # fmt: skip
    nic = tuple(
        Part(f"0000:81:00.{f}", ids="15b3:1017", name="MT27800 Family [ConnectX-5]", under="0000:80:03.1",
             group=40 + f, link=(GEN3, 16, GEN3, 16), reset=("flr", "bus"), serial=0x024C570300020001,
             bars=(Bar(0, 32 * MIB, "pref64"), Bar(6, 1 * MIB, "rom")), vfs=(4 if f == 0 else 0, 8),
             nic=Nic(f"enp129s0f{f}np{f}", f"02:4c:57:00:02:1{f}", 25000 if f == 0 else None),
             **mellanox)  # type: ignore[arg-type]
        for f in (0, 1)
    )  # fmt: skip
    vfs = tuple(
        Part(f"0000:81:00.{2 + i}", ids="15b3:1018", name="MT27800 Family [ConnectX-5 Virtual Function]",
             under="0000:80:03.1", group=50 + i, vf_of="0000:81:00.0", bars=(Bar(0, 1 * MIB, "pref64"),),
             reset=("flr",), nic=Nic(f"enp129s0f0v{i}", f"02:4c:57:00:02:2{i}"), **mellanox)  # type: ignore[arg-type]
        for i in range(4)
    )  # fmt: skip
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
            Part("0000:00:01.1", group=11, link=(GEN4, 4, GEN4, 4), buses=(0x01, 0x01), slot=40, numa=0,
                 **root_port),  # type: ignore[arg-type]
            Part("0000:00:03.1", group=12, link=(GEN3, 8, GEN4, 16), buses=(0x02, 0x05), slot=3, numa=0,
                 **root_port),  # type: ignore[arg-type]
            Part("0000:00:05.1", group=13, link=(GEN2, 1, GEN2, 1), buses=(0x06, 0x07), slot=41, numa=0,
                 **root_port),  # type: ignore[arg-type]
            Part("0000:00:05.2", group=14, link=(GEN3, 2, GEN3, 2), buses=(0x08, 0x08), slot=42, numa=0,
                 **root_port),  # type: ignore[arg-type]
            Part("0000:00:07.1", group=15, link=(GEN4, 16, GEN4, 16), buses=(0x09, 0x09), numa=0,
                 **(root_port | {"ids": "1022:1484",
                                 "name": "Starship/Matisse Internal PCIe GPP Bridge 0 to bus[E:B]"})),  # type: ignore[arg-type]
            Part("0000:00:14.0", 0x0C0500, "1022:790b", "FCH SMBus Controller", subsystem=smc, revision=0x61,
                 driver="piix4_smbus", modules=("i2c_piix4",), group=16, numa=0),
            Part("0000:00:14.3", 0x060100, "1022:790e", "FCH LPC Bridge", subsystem=smc, revision=0x51, group=16, numa=0),
            Part("0000:01:00.0", 0x010802, "144d:a80c", "NVMe SSD Controller S4LV008[Pascal]", under="0000:00:01.1",
                 subsystem="144d:a801", driver="nvme", modules=("nvme",), group=20, numa=0, role="endpoint",
                 link=(GEN4, 4, GEN4, 4), bars=(Bar(0, 16 * KIB),), reset=("flr", "bus"),
                 disks=(_nvme_root("nvme0n1", "DEMO0000000021"),)),
            Part("0000:02:00.0", 0x060400, "10b5:8747",
                 "PEX 8747 48-Lane, 5-Port PCI Express Gen 3 (8.0 GT/s) Switch", under="0000:00:03.1", revision=0xCA,
                 driver="pcieport", group=12, numa=0, role="upstream", link=(GEN3, 8, GEN3, 16), buses=(0x03, 0x05),
                 bars=(Bar(0, 256 * KIB, "mem32"),)),
            *(
                Part(f"0000:03:{device:02x}.0", 0x060400, "10b5:8747",
                     "PEX 8747 48-Lane, 5-Port PCI Express Gen 3 (8.0 GT/s) Switch", under="0000:02:00.0",
                     revision=0xCA, driver="pcieport", group=21 + i, numa=0, role="downstream",
                     link=(GEN3, 8, GEN3, 16) if i == 0 else (GEN1, 0, GEN3, 16), buses=(4 + i, 4 + i), slot=60 + i)
                for i, device in enumerate((0x08, 0x10))
            ),
            Part("0000:04:00.0", 0x010700, "1000:0097", "SAS3008 PCI-Express Fusion-MPT SAS-3", under="0000:03:08.0",
                 subsystem="1000:3090", subsystem_name="SAS9311-8i", revision=2, driver="mpt3sas",
                 modules=("mpt3sas",), group=23, numa=0, role="endpoint", link=(GEN3, 8, GEN3, 8), reset=("flr", "bus"),
                 bars=(Bar(0, 256, "io"), Bar(1, 64 * KIB), Bar(6, 1 * MIB, "rom")), disks=sas),
            Part("0000:06:00.0", 0x060400, "1a03:1150", "AST1150 PCI-to-PCI Bridge", under="0000:00:05.1",
                 subsystem="1a03:1150", revision=6, group=24, numa=0, role="to-pci", link=(GEN2, 1, GEN2, 1),
                 buses=(0x07, 0x07)),
            Part("0000:07:00.0", 0x030000, "1a03:2000", "ASPEED Graphics Family", under="0000:06:00.0", subsystem=smc,
                 revision=0x52, driver="ast", modules=("ast",), group=24, numa=0, boot_vga=True,
                 bars=(Bar(0, 64 * MIB, "mem32"), Bar(1, 128 * KIB, "mem32"), Bar(2, 128, "io"))),
            *(
                Part(f"0000:08:00.{f}", 0x020000, "8086:1563", "Ethernet Controller X550", under="0000:00:05.2",
                     subsystem="15d9:1563", revision=1, driver="ixgbe", modules=("ixgbe",), group=25 + f, numa=0,
                     role="endpoint", link=(GEN3, 2, GEN3, 4), reset=("flr", "bus"), label=f"Onboard LAN{f + 1}",
                     serial=0x024C57FFFF000203, bars=(Bar(0, 4 * MIB, "pref64"), Bar(4, 16 * KIB, "pref64")),
                     vfs=(0, 63), nic=Nic(f"eno{f + 1}", f"02:4c:57:00:02:0{f}", 10000 if f == 0 else None,
                                          "vmbr0" if f == 0 else None))
                for f in (0, 1)
            ),
            Part("0000:09:00.0", 0x130000, "1022:1485", "Starship/Matisse Reserved SPP", under="0000:00:07.1",
                 subsystem=smc, group=27, numa=0, role="endpoint", link=(GEN4, 16, GEN4, 16)),
            Part("0000:09:00.3", 0x0C0330, "1022:148c", "Starship USB 3.0 Host Controller", under="0000:00:07.1",
                 subsystem=smc, driver="xhci_hcd", modules=("xhci_pci",), group=28, numa=0, role="endpoint",
                 link=(GEN4, 16, GEN4, 16), bars=(Bar(0, 1 * MIB),), reset=("pm",)),
            *host_side(0x80, 30, 1),
            Part("0000:80:03.1", group=31, link=(GEN3, 16, GEN4, 16), buses=(0x81, 0x81), slot=1, numa=1,
                 **root_port),  # type: ignore[arg-type]
            Part("0000:80:04.1", group=32, link=(GEN1, 0, GEN4, 16), buses=(0x82, 0x82), slot=2, numa=1,
                 **root_port),  # type: ignore[arg-type]
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
            200: "boot: order=scsi0\ncores: 8\nhostpci0: 0000:81:00.2\nmachine: q35\nmemory: 32768\nname: router\n"
            "onboot: 1\nostype: l26\nscsi0: local-lvm:vm-200-disk-0,size=16G\n",
            201: "boot: order=scsi0\ncores: 4\nmemory: 8192\nname: backup\nonboot: 1\nostype: l26\n"
            "scsi0: local-lvm:vm-201-disk-0,size=64G\n",
        },
    )  # fmt: skip


def small() -> Machine:
    """pve3: the GPU, the management NIC and the root disk all in the chipset's one group; the GPU's link degraded."""
    board = "1462:7c37"
    chipset = 15
    downstream = {"class_code": 0x060400, "ids": "1022:43ea", "name": "500 Series Chipset PCIe Downstream Port",
                  "subsystem": "1022:3308", "driver": "pcieport", "group": chipset, "role": "downstream",
                  "under": "0000:01:00.2"}  # fmt: skip
    return Machine(
        name="pve3",
        vendor="amd",
        cpu="AMD Ryzen 5 5600G with Radeon Graphics",
        board="B550-A PRO (MS-7C56)",
        ip="10.77.0.13/24",
        parts=(
            Part("0000:00:00.0", 0x060000, "1022:1630", "Renoir/Cezanne Root Complex", subsystem="1022:1630"),
            Part("0000:00:00.2", 0x080600, "1022:1631", "Renoir/Cezanne IOMMU", subsystem="1022:1631"),
            Part("0000:00:01.0", 0x060000, "1022:1632", "Renoir PCIe Dummy Host Bridge", group=0),
            Part("0000:00:02.0", 0x060000, "1022:1632", "Renoir PCIe Dummy Host Bridge", group=1),
            Part("0000:00:02.1", 0x060400, "1022:1634", "Renoir/Cezanne PCIe GPP Bridge", subsystem="1022:1453",
                 driver="pcieport", group=2, role="root", link=(GEN3, 4, GEN3, 4), buses=(0x01, 0x05), slot=10),
            Part("0000:00:08.0", 0x060000, "1022:1632", "Renoir PCIe Dummy Host Bridge", group=3),
            Part("0000:00:08.1", 0x060400, "1022:1635", "Renoir Internal PCIe GPP Bridge to Bus", subsystem="1022:1635",
                 driver="pcieport", group=3, role="root", link=(GEN3, 16, GEN3, 16), buses=(0x06, 0x06)),
            Part("0000:00:14.0", 0x0C0500, "1022:790b", "FCH SMBus Controller", subsystem=board, revision=0x51,
                 driver="piix4_smbus", modules=("i2c_piix4",), group=4),
            Part("0000:00:14.3", 0x060100, "1022:790e", "FCH LPC Bridge", subsystem=board, revision=0x51, group=4),
            Part("0000:01:00.0", 0x0C0330, "1022:43ee", "500 Series Chipset USB 3.1 XHCI Controller",
                 under="0000:00:02.1", subsystem="1b21:1142".replace("1b21", "1022"), driver="xhci_hcd",
                 modules=("xhci_pci",), group=chipset, role="endpoint", link=(GEN3, 4, GEN3, 4),
                 bars=(Bar(0, 32 * KIB),), reset=("pm",)),
            Part("0000:01:00.1", 0x010601, "1022:43eb", "500 Series Chipset SATA Controller", under="0000:00:02.1",
                 subsystem="1022:1062", driver="ahci", modules=("ahci",), group=chipset, role="endpoint",
                 link=(GEN3, 4, GEN3, 4), bars=(Bar(5, 128 * KIB, "mem32"),), reset=("pm",),
                 disks=(Disk("sda", 447 * GIB, "KINGSTON SA400S3", "DEMO0000000031",
                             ((1 * MIB, ""), (1 * GIB, "efi"), (445 * GIB, "pv:pve"))),)),
            Part("0000:01:00.2", 0x060400, "1022:43e9", "500 Series Chipset Switch Upstream Port", under="0000:00:02.1",
                 subsystem="1022:0201", driver="pcieport", group=chipset, role="upstream", link=(GEN3, 4, GEN3, 4),
                 buses=(0x02, 0x05)),
            Part("0000:02:00.0", link=(GEN1, 4, GEN3, 4), buses=(0x03, 0x03), slot=2, **downstream),  # type: ignore[arg-type]
            Part("0000:02:08.0", link=(GEN1, 0, GEN3, 1), buses=(0x04, 0x04), slot=3, **downstream),  # type: ignore[arg-type]
            Part("0000:02:09.0", link=(GEN1, 1, GEN3, 1), buses=(0x05, 0x05), slot=11, **downstream),  # type: ignore[arg-type]
            Part("0000:03:00.0", 0x030000, "1002:699f", "Lexa PRO [Radeon 540/540X/550/550X / RX 540X/550/550X]",
                 under="0000:02:00.0", subsystem="1458:22f3", revision=0xC7, driver="amdgpu", modules=("amdgpu",),
                 group=chipset, role="endpoint", link=(GEN1, 4, GEN3, 8), reset=("device_specific", "bus"),
                 bars=(Bar(0, 256 * MIB, "pref64"), Bar(2, 2 * MIB, "pref64"), Bar(4, 256, "io"),
                       Bar(5, 256 * KIB, "mem32"), Bar(6, 128 * KIB, "rom"))),
            Part("0000:03:00.1", 0x040300, "1002:aae0", "Baffin HDMI/DP Audio [Radeon RX 550 640SP / RX 560/560X]",
                 under="0000:02:00.0", subsystem="1458:aae0", driver="snd_hda_intel", modules=("snd_hda_intel",),
                 group=chipset, role="endpoint", link=(GEN1, 4, GEN3, 8), reset=("bus",), bars=(Bar(0, 16 * KIB),)),
            Part("0000:05:00.0", 0x020000, "10ec:8168", "RTL8111/8168/8211/8411 PCI Express Gigabit Ethernet Controller",
                 under="0000:02:09.0", subsystem="1462:7c56", revision=0x15, driver="r8169", modules=("r8169",),
                 group=chipset, role="endpoint", link=(GEN1, 1, GEN1, 1), reset=("bus",), label="Onboard LAN",
                 bars=(Bar(0, 256, "io"), Bar(2, 4 * KIB), Bar(4, 16 * KIB)),
                 nic=Nic("enp5s0", "02:4c:57:00:03:01", 1000, "vmbr0")),
            Part("0000:06:00.0", 0x030000, "1002:1638", "Cezanne [Radeon Vega Series / Radeon Vega Mobile Series]",
                 under="0000:00:08.1", subsystem="1462:7c56", revision=0xC9, driver="amdgpu", modules=("amdgpu",),
                 group=5, role="integrated", boot_vga=True, reset=("pm",),
                 bars=(Bar(0, 256 * MIB, "pref64"), Bar(2, 2 * MIB, "pref64"), Bar(4, 256, "io"),
                       Bar(5, 512 * KIB, "mem32"))),
            Part("0000:06:00.3", 0x0C0330, "1022:1639", "Renoir/Cezanne USB 3.1", under="0000:00:08.1",
                 subsystem=board, driver="xhci_hcd", modules=("xhci_pci",), group=6, role="integrated",
                 bars=(Bar(0, 1 * MIB),), reset=("pm",)),
        ),
        sockets=(
            Socket("PCI_E1", "x16 PCI Express 3 x16", None, False),
            Socket("PCI_E3", "x4 PCI Express 3 x16", "0000:03:00.0", True, 2),
            Socket("PCI_E4", "x1 PCI Express 3 x1", "0000:04:00.0", False, 3),
        ),
        guests={
            300: "boot: order=scsi0\ncores: 2\nmemory: 2048\nname: dns\nonboot: 1\nostype: l26\n"
            "scsi0: local-lvm:vm-300-disk-0,size=8G\n",
        },
    )  # fmt: skip


def huge(vfs: int = 4096) -> Machine:
    """The server with `vfs` virtual functions on more NICs, 128 to a NIC, each NIC on a bus of its own domain."""
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
