"""A small PVE node from a snapshot: topology, groups, slots, uses, files."""

from __future__ import annotations

import json

import pytest
from hand_made import ROOT, World, at, uses

from backend.node.address import PciAddress
from backend.node.as_json import node_json
from backend.node.node import Use
from backend.snapshot.readers import pve_version, read_node
from backend.snapshot.readers.cmdline import tokens
from backend.snapshot.readers.guests import read_guest
from backend.snapshot.readers.iommu import interrupt_remapping
from backend.snapshot.snapshot import Snapshot

PORT, CARD, AUDIO, NIC, DISK, SATA = "00:01.0", "01:00.0", "01:00.1", "00:1f.6", "02:00.0", "00:17.0"


@pytest.fixture
def world() -> World:
    world = World()
    port = world.device(PORT, "", "0x060400", 1, driver="pcieport")
    config = bytearray(64)
    config[0:4], config[0x0B], config[0x0A], config[0x0E], config[0x19], config[0x1A] = (
        b"\x86\x80\1\x19",
        6,
        4,
        1,
        1,
        1,
    )
    world.files[f"{port}/config"] = bytes(config)
    world.directories.add(f"{port}/pci_bus")
    world.device(CARD, f"0000:{PORT}", "0x030000", 1, driver="nouveau", boot_vga="0", driver_override="(null)")
    world.device(AUDIO, f"0000:{PORT}", "0x040300", 1, driver="snd_hda_intel", numa_node="-1")
    world.device(NIC, "", "0x020000", 2, driver="e1000e")
    world.device(SATA, "", "0x010601", 3, driver="ahci")
    return world


def test_topology_groups_and_attributes(world: World) -> None:
    node = world.node()
    assert [str(f.address) for f in node.functions] == sorted(f"0000:{a}" for a in (PORT, CARD, AUDIO, NIC, SATA))
    card, audio, port = (node.by_address[at(a)] for a in (CARD, AUDIO, PORT))
    assert card.parent == audio.parent == port.address
    assert port.parent is None
    assert (port.secondary_bus, port.subordinate_bus, port.has_pci_bus) == (1, 1, True)
    assert (card.driver, card.driver_override, card.boot_vga) == ("nouveau", None, False)
    assert audio.numa_node is None
    assert node.by_group[1].functions == (port.address, card.address, audio.address)
    assert node.mates(at(CARD)) == (port, audio)


def test_vmd_domain_hangs_below_its_controller(world: World) -> None:
    world.device("00:0e.0", "", "0x010400")
    real = f"{ROOT}/0000:00:0e.0/pci10000:e0/10000:e0:06.0"
    world.links["/sys/bus/pci/devices/10000:e0:06.0"] = f"../../../{real[5:]}"
    world.files[f"{real}/class"] = b"0x060400\n"
    assert world.node().by_address[PciAddress.parse("10000:e0:06.0")].parent == at("00:0e.0")


def test_link_bars_and_virtual_function(world: World) -> None:
    real = world.device(
        "03:00.1",
        "",
        "0x020000",
        current_link_speed="Unknown",
        current_link_width="0",
        max_link_speed="16.0 GT/s PCIe",
        max_link_width="16",
        reset_method="flr bus",
        sriov_totalvfs="7",
        resource="0xfc000000 0xfcffffff 0x40200\n" + "0x0 0x0 0x0\n" * 12,
    )
    world.links[f"{real}/physfn"] = "../0000:03:00.0"
    function = world.node().by_address[at("03:00.1")]
    assert function.link is not None
    assert (function.link.speed, function.link.max_speed, function.link.max_width) == (None, 16.0, 16)
    assert [(bar.index, bar.size) for bar in function.bars] == [(0, 1 << 24)]
    assert function.reset_methods == ("flr", "bus")
    assert function.physical_function == at("03:00.0")


def test_slots_of_kernel_and_firmware(world: World) -> None:
    world.files["/sys/bus/pci/slots/4/address"] = b"0000:01:00\n"
    world.files["/sys/bus/pci/slots/5/address"] = b"0000:09:00\n"
    slot = "System Slot Information\n\tDesignation: {}\n\tType: {}\n\tCurrent Usage: {}\n\tBus Address: {}\n\n"
    world.says(
        "dmidecode",
        "-t",
        "9",
        stdout=slot.format("PCIEX16", "x16 PCI Express", "In Use", "0000:00:01.0")
        + slot.format("NVMe", "x4", "Available", "0000:ff:00.0")
        + slot.format("NVMe", "x4", "Available", "0000:00:1f.7")
        + "Onboard Device\n\tReference Designation: Onboard LAN\n\tBus Address: 0000:00:1f.6\n",
    )
    node = world.node()
    assert [(s.name, s.address, s.occupied, s.description) for s in node.slots] == [
        ("PCIEX16", "0000:01:00", True, "x16 PCI Express"),
        ("5", "0000:09:00", False, None),
        ("NVMe", None, False, "x4"),
        ("NVMe (2)", None, False, "x4"),
    ]
    assert node.by_address[at(AUDIO)].slot == "PCIEX16"
    assert node.by_address[at(NIC)].label == "Onboard LAN"


def test_names_from_lspci(world: World) -> None:
    world.says(
        "lspci",
        "-D",
        stdout="Slot:\t0000:01:00.0\nClass:\tVGA compatible controller [0300]\n"
        "Vendor:\tNVIDIA Corporation [10de]\n"
        "Device:\tDevice [2684]\nModule:\tnvidiafb\nModule:\tnouveau\n\n",
    )
    card = world.node().by_address[at(CARD)]
    assert (card.class_name, card.vendor_name, card.device_name) == (
        "VGA compatible controller",
        "NVIDIA Corporation",
        None,
    )
    assert card.modules == ("nvidiafb", "nouveau")


def test_network_uses(world: World) -> None:
    nic = f"{ROOT}/0000:{NIC}"
    world.net("eno1", nic, master="bond0")
    world.net("bond0", master="vmbr0")
    world.net("vmbr0")
    world.net("bond0.7", on="bond0")
    world.net("spare", f"{ROOT}/0000:{SATA}")
    world.addresses(vmbr0="192.0.2.5", **{"bond0.7": "198.51.100.5"})
    world.says("ip", "-j", "route", stdout=[{"dst": "default", "dev": "vmbr0"}])
    world.says("ssh-connection", stdout="192.0.2.9 5555 ::ffff:198.51.100.5 22\n")
    node = world.node()
    assert node.interfaces == {"eno1": at(NIC), "spare": at(SATA)}
    assert uses(node, NIC) == {
        ("this-connection", ("eno1", "bond0", "bond0.7")),
        ("management", ("eno1", "bond0", "vmbr0")),
    }
    assert uses(node, SATA) == set()


def test_default_route_without_ip_tool(world: World) -> None:
    world.net("eno1", f"{ROOT}/0000:{NIC}")
    world.files["/proc/net/route"] = (
        b"Iface\tDestination\tGateway\tFlags\tRefCnt\tUse\tMetric\tMask\n"
        b"eno1\t00000000\t010200C0\t0003\t0\t0\t0\t00000000\n"
    )
    assert uses(world.node(), NIC) == {("management", ("eno1",))}
    del world.files["/proc/net/route"]
    zero = "0" * 32
    world.files["/proc/net/ipv6_route"] = (
        f"{zero} 00 {zero} 00 fe8000000000000000000000000000aa 400 1 0 3 eno1\n"
        f"{zero} 00 {zero} 00 {zero} ffffffff 1 0 200200 lo\n"
    ).encode()
    assert uses(world.node(), NIC) == {("management", ("eno1",))}


def test_bridge_without_address_is_network(world: World) -> None:
    world.net("eno1", f"{ROOT}/0000:{NIC}", master="vmbr1")
    world.net("vmbr1")
    assert uses(world.node(), NIC) == {("network", ("eno1", "vmbr1"))}


def test_lvm_root_boot_and_swap(world: World) -> None:
    sda = world.block("sda", f"{ROOT}/0000:{SATA}/ata1/host0/target0:0:0/0:0:0:0/block")
    world.block("sda2", sda)
    world.block("sda3", sda)
    for name, dm in (("dm-0", "pve-swap"), ("dm-1", "pve-root")):
        world.block(name, "/sys/devices/virtual/block", ("sda3",), dm)
    world.files["/proc/mounts"] = (
        b"/dev/mapper/pve-root / ext4 rw 0 0\n/dev/sda2 /boot/efi vfat rw 0 0\nproc /proc proc rw 0 0\n"
    )
    world.files["/proc/swaps"] = b"Filename Type Size Used Priority\n/dev/dm-0 partition 1 0 -2\n"
    world.says("pvs", "--noheadings", stdout="  /dev/sda3  pve lvm2 a--  <931.01g 16.00g\n")
    assert uses(world.node(), SATA) == {
        ("root", ("sda", "sda3", "pve-root", "/")),
        ("boot", ("sda", "sda2", "/boot/efi")),
        ("swap", ("sda", "sda3", "pve-swap", "swap")),
        ("lvm", ("sda", "sda3", "pve")),
    }


def test_zfs_root_mirror_and_multipath_nvme(world: World) -> None:
    world.device(DISK, f"0000:{PORT}", "0x010802", 4)
    sda = world.block("sda", f"{ROOT}/0000:{SATA}/ata1/block")
    world.block("sda3", sda)
    nvme = world.block("nvme0n1", "/sys/devices/virtual/nvme-subsystem/nvme-subsys0")
    world.block("nvme0c0n1", f"{ROOT}/0000:{PORT}/0000:{DISK}/nvme/nvme0")
    world.block("nvme0n1p3", nvme)
    world.files["/proc/mounts"] = b"rpool/ROOT/pve-1 / zfs rw 0 0\n"
    world.says(
        "zpool",
        "status",
        "-LP",
        stdout="  pool: rpool\n state: ONLINE\nconfig:\n\n\tNAME\n\trpool ONLINE\n\t  mirror-0 ONLINE\n"
        "\t    /dev/sda3 ONLINE 0 0 0\n\t    /dev/nvme0n1p3 ONLINE 0 0 0\n",
    )
    node = world.node()
    assert uses(node, SATA) == {("zfs", ("sda", "sda3", "rpool")), ("root", ("sda", "sda3", "rpool", "/"))}
    assert uses(node, DISK) == {
        ("zfs", ("nvme0n1", "nvme0n1p3", "rpool")),
        ("root", ("nvme0n1", "nvme0n1p3", "rpool", "/")),
    }


def test_swap_file_and_md_with_a_space(world: World) -> None:
    for name in ("sda", "sdb"):
        world.block(name, f"{ROOT}/0000:{SATA}/ata1/block")
    world.block("md0", "/sys/devices/virtual/block", ("sda", "sdb"))
    world.files["/proc/mounts"] = b"/dev/md0 /mnt/a\\040b ext4 rw 0 0\n"
    world.files["/proc/swaps"] = b"Filename Type\n/mnt/a\\040b/swap file 1 0 -2\n"
    assert uses(world.node(), SATA) == {
        (kind, (disk, "md0", top)) for disk in ("sda", "sdb") for kind, top in (("mount", "/mnt/a b"), ("swap", "swap"))
    }


def test_console_is_the_boot_display_alone(world: World) -> None:
    world.device("00:02.0", "", "0x030000", driver="i915", boot_vga="1")
    world.files["/proc/fb"] = b"0 i915drmfb\n"
    node = world.node()
    assert uses(node, "00:02.0") == {("console", ("0 i915drmfb",))}
    assert uses(node, CARD) == set()


def test_boot_display_on_vfio_is_no_console(world: World) -> None:
    world.device("00:02.0", "", "0x030000", driver="vfio-pci", boot_vga="1")
    world.files["/proc/fb"] = b""
    assert uses(world.node(), "00:02.0") == set()


def test_guest_main_section_only() -> None:
    guest = read_guest(
        100,
        "#hostpci9: 09:00\nname: win\nonboot: 1\nhostpci0: 0000:01:00,pcie=1\nhostpci16: x\n"
        "[PENDING]\nhostpci1: 02:00\n[snap]\nhostpci2: 03:00\nname: old\n",
    )
    assert (guest.vmid, guest.name, guest.onboot) == (100, "win", True)
    assert guest.hostpci == {"hostpci0": "0000:01:00,pcie=1"}


@pytest.mark.parametrize(
    ("value", "shorts"),
    [
        ("01:00,pcie=1", [CARD, AUDIO]),
        ("pcie=1,host=0000:01:00.1", [AUDIO]),
        ("01:00.0;00:1f.6,x-vga=1", [CARD, NIC]),
        ("mapping=gpu", []),
    ],
)
def test_guest_uses(world: World, value: str, shorts: list[str]) -> None:
    world.files["/etc/pve/qemu-server/100.conf"] = f"hostpci3: {value}\n".encode()
    found = [use for use in world.node().uses if use.kind == "guest"]
    assert sorted(found, key=lambda use: str(use.address)) == [
        Use(at(short), "guest", ("100", "hostpci3")) for short in sorted(shorts)
    ]


def test_iommu_states(world: World) -> None:
    assert world.node().iommu.active is False  # groups without a unit: not DMA remapping
    world.links["/sys/class/iommu/dmar0"] = "../../devices/virtual/iommu/dmar0"
    world.files["/sys/firmware/acpi/tables/DMAR"] = b""
    world.files["/proc/sys/kernel/osrelease"] = b"6.8.12-1-pve\n"
    world.files["/boot/config-6.8.12-1-pve"] = b"CONFIG_X=y\nCONFIG_INTEL_IOMMU_DEFAULT_ON=y\n"
    world.says("journalctl", "-k", "-b", stdout="kernel: DMAR-IR: Enabled IRQ remapping in x2apic mode\n")
    iommu = world.node().iommu
    assert (iommu.active, iommu.vendor, iommu.interrupt_remapping) == (True, "intel", True)
    assert (iommu.firmware_table, iommu.default_on) == (True, True)


def test_who_made_the_iommu_when_it_is_off(world: World) -> None:
    world.links.pop("/sys/class/iommu/dmar0", None)
    world.files["/sys/devices/system/cpu/modalias"] = b"cpu:type:x86,ven0002fam0017mod0001:feature:,0000\n"
    assert world.node().iommu.vendor == "amd"
    world.files["/sys/firmware/acpi/tables/DMAR"] = b""
    assert world.node().iommu.vendor == "intel"


def test_no_iommu() -> None:
    node = read_node(
        Snapshot(
            {
                "/sys/firmware/acpi/tables/APIC": b"",
                "/proc/sys/kernel/osrelease": b"6.1.0\n",
                "/boot/config-6.1.0": b"# CONFIG_INTEL_IOMMU_DEFAULT_ON is not set\n",
            }
        )
    )
    assert (node.iommu.active, node.iommu.vendor, node.iommu.interrupt_remapping) == (False, None, None)
    assert (node.iommu.firmware_table, node.iommu.default_on) == (False, False)


@pytest.mark.parametrize(
    ("log", "state"),
    [
        ("DMAR-IR: Queued invalidation will be enabled to support x2apic and Intr-remapping.", None),
        (
            "x2apic: IRQ remapping doesn't support X2APIC mode\nDMAR-IR: Enabled IRQ remapping in xapic mode",
            True,
        ),
        ("AMD-Vi: Interrupt remapping enabled", True),
        ("DMAR-IR: Failed to enable irq remapping. You are vulnerable to irq-injection attacks.", False),
        ("ioapic 2 has no mapping iommu, interrupt remapping will be disabled", False),
        ("AMD-Vi: Disabling interrupt remapping", False),
        ("DMAR-IR: Not enabling interrupt remapping", False),
    ],
)
def test_interrupt_remapping(log: str, state: bool | None) -> None:
    assert interrupt_remapping(log) is state


def test_files_and_problems(world: World) -> None:
    kept = (
        *(
            "/etc/default/grub",
            "/etc/default/grub.d/zfs.cfg",
            "/etc/kernel/cmdline",
            "/etc/modprobe.d/vfio.conf",
        ),
        *(
            "/etc/modules",
            "/etc/modules-load.d/a.conf",
            "/etc/initramfs-tools/modules",
            "/boot/grub/grub.cfg",
        ),
        "/var/lib/lanewright/pushes/7/journal.jsonl",
        *("/lib/modprobe.d/pve-blacklist.conf", "/etc/pve/mapping/pci.cfg"),
    )
    for path in (*kept, "/proc/modules", "/sys/class/graphics/fb0/name", "/etc/modprobe.d/half.conf"):
        world.files[path] = path.encode()
    node = read_node(Snapshot(world.files, world.links, problems={"/etc/modprobe.d/half.conf": "cut", "/x": "denied"}))
    assert dict(node.files) == {path: path.encode() for path in kept}
    assert node.problems == ("/etc/modprobe.d/half.conf: cut", "/x: denied")


def test_kernel_splits_outside_quotes() -> None:
    assert tokens(' a="b c"  d\n') == ('a="b c"', "d")


@pytest.mark.parametrize(
    "text",
    [
        "pve-manager/8.2.4/faa83925c9641325 (running kernel: 6.8.12-2-pve)\n",
        "proxmox-ve: 8.2.0 (running kernel: x)\npve-manager: 8.2.4 (running version: 8.2.4/f)\n",
    ],
)
def test_pve_version(text: str) -> None:
    assert pve_version(text) == "8.2.4"


def test_json(world: World) -> None:
    world.files["/proc/sys/kernel/hostname"] = b"pve1\n"
    shown = node_json(world.node())
    assert list(shown)[:7] == ["schema", "hostname", "kernel", "cmdline", "iommu", "functions", "groups"]
    card = next(f for f in shown["functions"] if f["address"] == "0000:01:00.0")
    assert (card["class"], card["vendor"], card["device"]) == ("030000", "8086", "1901")
    assert (card["subsystem_vendor"], card["group"], card["parent"]) == (None, 1, "0000:00:01.0")
    assert shown["groups"][0] == {"id": 1, "functions": ["0000:00:01.0", "0000:01:00.0", "0000:01:00.1"]}
    assert json.loads(json.dumps(shown)) == shown
