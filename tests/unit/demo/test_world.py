"""A simulated node behaves at boot as a real one does."""

from __future__ import annotations

import struct

import pytest

from backend.demo.machines import catalogue
from backend.demo.machines.parts import Machine
from backend.demo.world import World
from backend.snapshot.readers import read_node

DEVICES = "/sys/bus/pci/devices"
GPU, AUDIO = "0000:01:00.0", "0000:01:00.1"
RESERVE = (
    b"options vfio-pci ids=10de:2786,10de:22bc\nsoftdep nouveau pre: vfio-pci\nsoftdep snd_hda_intel pre: vfio-pci\n"
)
MACHINES = [catalogue.workstation, catalogue.server, catalogue.small]


def driver(world: World, address: str) -> str | None:
    target = world.readlink(f"{world.resolve(f'{DEVICES}/{address}')}/driver")
    return target and target.rsplit("/", 1)[1]


def iommu_on(world: World) -> None:
    text = world.disk.files["/etc/default/grub"].replace(b"intel_iommu=off", b"intel_iommu=on")
    world.write("/etc/default/grub", text)
    world.run(("update-grub",))


@pytest.mark.parametrize("make", MACHINES)
def test_description_is_consistent(make: type[Machine]) -> None:
    machine = make()
    assert len(machine.by_address) == len(machine.parts)
    for part in machine.parts:
        bus = int(part.at.split(":")[1], 16)
        if part.under is None:
            assert bus in (0x00, 0x80)
        else:
            above = machine.by_address[part.under]
            assert above.is_bridge
            assert above.buses is not None
            assert above.buses[0] == bus <= above.buses[1]
        if part.nic:
            assert part.nic.mac.startswith("02:")


@pytest.mark.parametrize("make", MACHINES)
def test_config_space_agrees_with_sysfs(make: type[Machine]) -> None:
    world = World(make())
    for part in world.machine.parts:
        base = world.resolve(f"{DEVICES}/{part.at}")
        config = world.read(f"{base}/config")
        assert config is not None
        if not part.vf_of:
            assert struct.unpack_from("<HH", config) == (part.vendor, part.device)
        assert int.from_bytes(config[9:12], "little") == part.class_code
        if part.buses:
            assert (config[0x19], config[0x1A]) == part.buses
        offset, kinds = config[0x34], set()
        while offset:
            kinds.add(config[offset])
            offset = config[offset + 1]
        assert (0x10 in kinds) == (part.role is not None)


@pytest.mark.parametrize("make", MACHINES)
def test_every_link_leads_somewhere(make: type[Machine]) -> None:
    world = World(make())
    for path in world._live.links:
        real = world.resolve(path)
        known = world.is_directory(real) or world.read(real) is not None
        assert known or real.startswith(("/sys/bus/pci", "/sys/class/", "/dev/")), (path, real)


def test_intel_iommu_needs_command_line_update_grub_and_reboot() -> None:
    world = World(catalogue.workstation())
    assert not world.boot.iommu
    assert world.names("/sys/kernel/iommu_groups") == ()
    text = world.disk.files["/etc/default/grub"].replace(b"intel_iommu=off", b"intel_iommu=on")
    world.write("/etc/default/grub", text)
    world.restart()
    assert not world.boot.iommu  # nobody ran update-grub
    world.run(("update-grub",))
    assert not world.boot.iommu  # not yet restarted
    world.restart()
    assert world.boot.iommu
    assert world.names("/sys/kernel/iommu_groups/1/devices") == ("0000:00:01.0", GPU, AUDIO)


def test_reserving_needs_the_initramfs() -> None:
    world = World(catalogue.workstation())
    iommu_on(world)
    world.write("/etc/modprobe.d/lanewright.conf", RESERVE)
    world.restart()
    assert driver(world, GPU) == "nouveau"
    world.run(("update-initramfs", "-u", "-k", "all"))
    world.restart()
    assert (driver(world, GPU), driver(world, AUDIO)) == ("vfio-pci", "vfio-pci")
    assert driver(world, "0000:00:1f.3") == "snd_hda_intel"
    assert world.reachable


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (b"options vfio-pci ids=10de:2786\n", "nouveau"),  # modular: the native driver is first
        (
            b"options vfio-pci ids=10de:2786\nblacklist nouveau\nblacklist nvidiafb\n",
            None,
        ),  # nobody loads vfio-pci
        (
            b"options vfio-pci ids=10de:2786\noptions vfio-pci ids=1:2\nsoftdep nouveau pre: vfio-pci\n",
            "nouveau",
        ),
        (b"options vfio-pci ids=10de:2786\nsoftdep nouveau pre: vfio-pci\n", "vfio-pci"),
    ],
)
def test_who_gets_the_card(text: bytes, expected: str | None) -> None:
    world = World(catalogue.workstation())
    iommu_on(world)
    world.write("/etc/modprobe.d/x.conf", text)
    world.run(("update-initramfs", "-u"))
    world.restart()
    assert driver(world, GPU) == expected


def test_without_iommu_vfio_cannot_bind() -> None:
    world = World(catalogue.workstation())
    world.write("/etc/modprobe.d/lanewright.conf", RESERVE)
    world.run(("update-initramfs", "-u", "-k", "all"))
    world.restart()
    assert driver(world, GPU) == "nouveau"


def test_ids_of_the_root_disk_take_its_twins_and_the_node() -> None:
    world = World(catalogue.workstation())
    iommu_on(world)
    world.write("/etc/modprobe.d/x.conf", b"options vfio-pci ids=144d:a80c\nsoftdep nvme pre: vfio-pci\n")
    world.run(("update-initramfs", "-u"))
    world.restart()
    assert [driver(world, f"0000:{bus}:00.0") for bus in ("02", "03", "07")] == ["vfio-pci"] * 3
    assert not world.reachable


def test_grub_drop_ins_come_after_and_may_refer_back() -> None:
    world = World(catalogue.server())
    world.write("/etc/default/grub.d/x.cfg", b'GRUB_CMDLINE_LINUX="$GRUB_CMDLINE_LINUX one two"\n')
    world.run(("update-grub",))
    world.restart()
    assert world.boot.cmdline.endswith(" ro one two quiet")


def test_a_file_is_as_old_as_its_last_write() -> None:
    """The journal's question after an edit: was it written before the initramfs, and before the start?"""
    world = World(catalogue.small())
    image = f"/boot/initrd.img-{world.machine.kernel}"
    world.write("/etc/modprobe.d/x.conf", b"options vfio-pci ids=8086:10d3\n")
    node = read_node(world.snapshot())
    assert node.booted is not None
    assert node.written[image] < node.booted < node.written["/etc/modprobe.d/x.conf"]
    world.run(("update-initramfs", "-u"))
    world.restart()
    node = read_node(world.snapshot())
    assert node.booted is not None
    assert node.written["/etc/modprobe.d/x.conf"] < node.written[image] < node.booted


def test_huge_has_its_functions() -> None:
    machine = catalogue.huge(300)
    assert sum(1 for part in machine.parts if part.vf_of) == 304
    assert len(machine.by_address) == len(machine.parts)
