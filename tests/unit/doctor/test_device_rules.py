"""Rules of devices, resets, links and displays: each once where it belongs, and silent beside it."""

from __future__ import annotations

from dataclasses import replace

import pytest
from rule_cases import Case, at, check, function, node, told

from backend.doctor.links import FLOOD
from backend.node.evidence import Evidence
from backend.node.function import Bar, Link
from backend.node.node import Region

UNSET, MEMORY, IO = 0x20000000, 0x40200, 0x40101
PORT = function("00:01.0", 0x060400, link=Link(8.0, 16, 16.0, 16), reset_methods=("pm",), has_pci_bus=True)
GPU = function("01:00.0", 0x030000, parent="00:01.0", group=1, driver="nouveau", vendor=0x10DE, device=0x2204)
AUDIO = function("01:00.1", 0x040300, parent="00:01.0", group=1, driver="snd_hda_intel", vendor=0x10DE, device=0x1AEF)
SPLIT = replace(AUDIO, group=9)  # as ACS override makes it
IGPU = function("00:02.0", 0x030000, group=2, driver="i915", vendor=0x8086, device=0x4680)
USB = function("00:14.0", 0x0C0330, group=3, driver="xhci_hcd", vendor=0x8086, device=0x7AE0)
NVME = function("02:00.0", 0x010802, parent="00:01.0", group=4, driver="nvme", vendor=0x144D, device=0xA80C)
BARS = (Bar(0, 0xA0000000, 1 << 24, MEMORY), Bar(1, 0x6000000000, 1 << 28, MEMORY))
ROM = Bar(6, 0xA1000000, 1 << 19, 0x46200)
TO_101 = {101: "hostpci0: 0000:01:00.0,pcie=1"}
CARD_TO_101 = {101: "hostpci0: 0000:01:00,pcie=1"}
POLARIS = replace(GPU, vendor=0x1002, device=0x67DF, driver="vfio-pci")
NAVI_21 = replace(POLARIS, device=0x73BF)


def config(size: int = 256, pin: int = 1, capability: int = 0) -> bytes:
    """A header with an interrupt pin, and one capability at 0x40."""
    raw = bytearray(size)
    raw[0x3D] = pin
    if capability:
        raw[0x06], raw[0x34], raw[0x40] = 0x10, 0x40, capability
    return bytes(raw)


def wired(now: Link, of: Link | None = None, kind: int = 0x010802, **more: object) -> tuple[object, ...]:
    return replace(PORT, link=of or PORT.link), replace(NVME, class_code=kind, link=now, **more)


def picture(start: int, kind: str = "BOOTFB") -> tuple[Region, ...]:
    return (Region(kind, start, start + 0x2FFFFF, Evidence("/proc/iomem", f"{start:x} : {kind}", 7)),)


ALIVE = (
    Case("device-dead", node(replace(GPU, config=b"\xff" * 64)), node(replace(GPU, config=b"\xff" * 4 + bytes(60)))),
    Case(
        "device-dead",
        node(GPU, log="pci 0000:01:00.0: unknown header type 7f, ignoring device"),
        node(GPU, log="pci 0000:01:00.0: [10de:2204] type 00 class 0x030000"),
        "log",
    ),
    Case(
        "device-d3cold",
        node(
            GPU,
            log="vfio-pci 0000:01:00.0: can't change power state from D3cold to D0 (config space inaccessible)\n"
            "vfio-pci 0000:01:00.0: Unable to power on device, stuck in D3",
        ),
        node(GPU, log="vfio-pci 0000:01:00.0: Refused to change power state from D0 to D3hot"),
    ),
    Case(
        "d3cold-allowed",
        node(replace(GPU, power_state="D3cold", d3cold_allowed=True, driver="vfio-pci")),
        node(replace(GPU, power_state="D3cold", d3cold_allowed=True, driver=None)),
    ),
    Case(
        "d3cold-allowed",
        node(replace(USB, power_state="D3cold", driver="vfio-pci")),
        node(replace(NVME, power_state="D3cold", driver="vfio-pci"), replace(USB, power_state="D0", driver="vfio-pci")),
        "kinds",
    ),
    Case(
        "vfio-denylist",
        node(
            GPU,
            log="vfio-pci 0000:01:00.0: 8086:0435 exists in vfio-pci device denylist, driver probing disallowed.",
        ),
        node(GPU, log="vfio-pci 0000:01:00.0: device denylist disabled - allowing device 8086:0435."),
    ),
    Case(
        "vfio-probe-failed",
        node(GPU, log="vfio-pci: probe of 0000:01:00.0 failed with error -22"),
        node(GPU, log="nouveau: probe of 0000:01:00.0 failed with error -12"),
    ),
    Case(
        "vfio-probe-failed",
        node(GPU, log="vfio-pci 0000:01:00.0: probe with driver vfio-pci failed with error -22"),
        node(
            replace(GPU, driver="vfio-pci"),
            log="vfio-pci 0000:01:00.0: probe with driver vfio-pci failed with error -22",
        ),
        "held after all",
    ),
    Case(
        "rmrr",
        node(
            GPU,
            log="vfio-pci 0000:01:00.0: DMAR: Device is ineligible for IOMMU domain attach due to platform RMRR "
            "requirement.  Contact your platform vendor.",
        ),
        node(GPU, log="DMAR: RMRR base: 0x0000007b800000 end: 0x0000007fffffff"),
    ),
    Case(
        "rmrr",
        node(replace(NVME, group=4), guests={101: "hostpci0: 02:00.0"}, reserved={4: "direct"}),
        node(replace(NVME, group=4), guests={101: "hostpci0: 02:00.0"}, reserved={4: "direct-relaxable"}),
        "relaxable",
    ),
    Case(
        "rmrr",
        node(NVME, guests={101: "hostpci0: 02:00.0"}, reserved={4: "direct"}),
        node(USB, IGPU, guests={101: "hostpci0: 00:14.0\nhostpci1: 00:02.0"}, reserved={2: "direct", 3: "direct"}),
        "older kernels",
    ),
    Case(
        "rmrr",
        node(NVME, guests={101: "hostpci0: 02:00.0"}, reserved={4: "direct"}),
        node(NVME, reserved={4: "direct"}),
    ),
    Case(
        "dma-faults",
        node(
            GPU,
            log="DMAR: DRHD: handling fault status reg 3\n"
            "DMAR: [DMA Read NO_PASID] Request device [01:00.0] fault addr 0xdeadb000 [fault reason 0x06] PTE Read "
            "access is not set\n"
            "nouveau 0000:01:00.0: AMD-Vi: Event logged [IO_PAGE_FAULT domain=0x0042 address=0xf1f730c0 flags=0x0020]",
        ),
        node(GPU, log="DMAR: DRHD base: 0x000000fed91000 flags: 0x1\nAMD-Vi: Event logged [INVALID_PPR_REQUEST]"),
    ),
    Case(
        "bar-unassigned",
        node(replace(GPU, bars=(Bar(1, 0, 1 << 34, MEMORY | UNSET),))),
        node(replace(GPU, bars=(Bar(5, 0, 128, IO | UNSET), Bar(6, 0, 1 << 19, MEMORY | UNSET), *BARS))),
    ),
    Case(
        "intx-shared",
        node(GPU, log='irq 16: nobody cared (try booting with the "irqpoll" option)'),
        node(GPU, log="irq 16: Affinity broken due to vector space exhaustion."),
        "log",
    ),
    Case(
        "intx-shared",
        node(replace(GPU, irq=16, driver="vfio-pci", config=config()), replace(USB, irq=16)),
        node(replace(GPU, irq=16, driver="vfio-pci", config=config(capability=5)), replace(USB, irq=16)),
        "MSI",
    ),
    Case(
        "intx-shared",
        node(replace(GPU, irq=16, driver="vfio-pci", config=config()), replace(USB, irq=16)),
        node(
            replace(GPU, irq=16, driver="vfio-pci", config=config()),
            replace(AUDIO, irq=16),
            replace(USB, irq=16, driver=None),
            replace(NVME, irq=17),
        ),
        "own card, no driver, other line",
    ),
    Case("identical-cards", node(NVME, replace(NVME, address=at("03:00.0"))), node(NVME, GPU)),
    Case(
        "identical-cards",
        node(NVME, replace(NVME, address=at("03:00.0"))),
        node(
            NVME,
            replace(NVME, address=at("02:00.1")),
            replace(NVME, address=at("02:01.0"), physical_function=at("02:00.0")),
        ),
        "one card, its virtual functions",
    ),
    Case(
        "numa-far",
        node(replace(GPU, numa_node=1), guests={101: "hostpci0: 01:00.0\nnuma0: cpus=0-3,hostnodes=0,memory=1024"}),
        node(replace(GPU, numa_node=1), guests={101: "hostpci0: 01:00.0\nnuma0: cpus=0-3,hostnodes=0-1,memory=1024"}),
    ),
    Case(
        "numa-far",
        node(replace(GPU, numa_node=1), guests={101: "hostpci0: 01:00.0\nnuma0: cpus=0-3,hostnodes=0;2,memory=1024"}),
        node(replace(GPU, numa_node=1), guests={101: "hostpci0: 01:00.0\n[before]\nnuma0: cpus=0-3,hostnodes=0"}),
        "a snapshot's section",
    ),
    Case(
        "large-bar-iommu-width",
        node(log="kvm: vfio_container_dma_map(0x55, 0x380000000000, 0x1000, 0x7f) = -22 (Invalid argument)"),
        node(log="DMAR: Host address width 39"),
    ),
    Case(
        "thunderbolt-tunnel",
        node(replace(GPU, removable=True), guests=TO_101),
        node(replace(GPU, removable=False), replace(NVME, removable=True), guests=TO_101),
    ),
)

RESETS = (
    Case(
        "device-no-reset",
        node(PORT, replace(USB, driver="vfio-pci")),
        node(PORT, replace(USB, driver="vfio-pci", reset_methods=("pm",)), USB),
    ),
    Case(
        "device-no-reset",
        node(PORT, replace(USB, driver="vfio-pci")),
        node(replace(PORT, reset_methods=None), replace(USB, driver="vfio-pci")),
        "older kernels do not tell",
    ),
    Case("device-reset-bus-only", node(PORT, GPU, SPLIT, guests=TO_101), node(PORT, GPU, SPLIT, guests=CARD_TO_101)),
    Case(
        "device-reset-bus-only",
        node(PORT, GPU, SPLIT, guests=TO_101),
        node(PORT, GPU, AUDIO, guests=TO_101),
        "a group goes as a whole",
    ),
    Case(
        "device-reset-bus-only",
        node(PORT, GPU, SPLIT, guests=TO_101),
        node(PORT, replace(GPU, reset_methods=("flr",)), SPLIT, guests=TO_101),
        "own reset",
    ),
    Case("device-amd-reset-bug", node(POLARIS), node(POLARIS, modules=("vendor_reset",))),
    Case("device-amd-reset-bug", node(POLARIS), node(NAVI_21, replace(POLARIS, driver="amdgpu")), "kinds"),
    Case(
        "vendor-reset-unused",
        node(PORT, replace(POLARIS, reset_methods=("bus",)), modules=("vendor_reset",)),
        node(PORT, replace(POLARIS, reset_methods=("device_specific",)), modules=("vendor_reset",)),
    ),
    Case(
        "device-flr-broken",
        node(USB, log="vfio-pci 0000:00:14.0: not ready 65535ms after FLR; giving up"),
        node(USB, log="vfio-pci 0000:00:14.0: not ready 1023ms after FLR; waiting"),
    ),
)

LINKS = (
    Case("link-degraded-width", node(*wired(Link(8.0, 1, 8.0, 4))), node(*wired(Link(8.0, 4, 8.0, 4)))),
    Case(
        "link-degraded-width",
        node(*wired(Link(8.0, 1, 8.0, 4))),
        node(*wired(Link(8.0, 8, 8.0, 16), Link(8.0, 8, 16.0, 8))),
        "a narrower slot",
    ),
    Case(
        "link-degraded-speed",
        node(*wired(Link(2.5, 4, 8.0, 4))),
        node(*wired(Link(8.0, 4, 16.0, 4), Link(8.0, 4, 8.0, 4))),
    ),
    Case(
        "link-degraded-speed",
        node(*wired(Link(2.5, 4, 8.0, 4))),
        node(*wired(Link(2.5, 16, 16.0, 16), kind=0x030000)),
        "an idle GPU",
    ),
    Case(
        "link-degraded-speed",
        node(*wired(Link(2.5, 4, 8.0, 4))),
        node(*wired(Link(2.5, 16, 16.0, 16), kind=0x060400), function("03:00.0", 0x030000, parent="02:00.0")),
        "an idle GPU behind its own switch",
    ),
    Case(
        "link-degraded-speed",
        node(*wired(Link(2.5, 4, 8.0, 4))),
        node(*wired(Link(2.5, 4, 8.0, 4), removable=True)),
        "a tunnel",
    ),
    Case(
        "aer-flood",
        node(NVME, log="nvme 0000:02:00.0: PCIe Bus Error: severity=Corrected, type=Physical Layer\n" * FLOOD),
        node(NVME, log="nvme 0000:02:00.0: PCIe Bus Error: severity=Corrected, type=Physical Layer\n" * (FLOOD - 1)),
    ),
)

FREE = replace(GPU, bars=(*BARS, ROM))
DISPLAYS = (
    Case(
        "bar-held-by-framebuffer",
        node(FREE, guests=TO_101, framebuffers=picture(0x6000000000)),
        node(FREE, guests=TO_101, framebuffers=picture(0x90000000)),
    ),
    Case(
        "bar-held-by-framebuffer",
        node(FREE, guests=TO_101, framebuffers=picture(0x6000000000, "simplefb")),
        node(FREE, framebuffers=picture(0x6000000000)),
        "not passed",
    ),
    Case(
        "bar-cannot-reserve",
        node(
            FREE,
            log="vfio-pci 0000:01:00.0: BAR 1: can't reserve [mem 0x6000000000-0x600fffffff 64bit pref]\n"
            "vfio-pci 0000:01:00.0: BAR 3 [mem 0x6010000000-0x6011ffffff 64bit pref]: can't reserve",
        ),
        node(FREE, log="pci 0000:01:00.0: BAR 1: can't reserve [mem 0x6000000000-0x600fffffff 64bit pref]"),
    ),
    Case(
        "boot-vga-passed",
        node(IGPU, replace(FREE, boot_vga=True), guests=TO_101),
        node(replace(IGPU, boot_vga=True), FREE, guests=TO_101),
    ),
    Case(
        "only-console",
        node(replace(FREE, boot_vga=True), AUDIO, guests=TO_101),
        node(replace(FREE, boot_vga=True), IGPU, guests=TO_101),
    ),
    Case(
        "only-console",
        node(replace(FREE, boot_vga=True), replace(IGPU, driver="vfio-pci"), guests=TO_101),
        node(FREE, replace(IGPU, boot_vga=True), guests=TO_101),
        "both are given away",
    ),
    Case(
        "only-console",
        node(replace(IGPU, boot_vga=True), guests={101: "hostpci0: 00:02.0"}),
        node(replace(IGPU, boot_vga=True), guests={101: "hostpci0: 00:02.0,mdev=i915-GVTg_V5_4"}),
        "mediated",
    ),
    Case(
        "rom-shadowed",
        node(replace(FREE, boot_vga=True), guests=TO_101),
        node(replace(FREE, boot_vga=True), guests={101: "hostpci0: 0000:01:00.0,romfile=gpu.rom"}),
    ),
    Case(
        "rom-none",
        node(replace(GPU, bars=BARS), guests=TO_101),
        node(FREE, replace(GPU, address=at("03:00.0")), guests={101: "hostpci0: 01:00.0\nhostpci1: 03:00.0"}),
    ),
)


@pytest.mark.parametrize("case", [*ALIVE, *RESETS, *LINKS, *DISPLAYS], ids=str)
def test_once_and_never(case: Case) -> None:
    check(case)


def test_bars_and_lines_of_one_device_are_told_together() -> None:
    (found,) = told("bar-cannot-reserve", DISPLAYS[2].yes)
    assert found.values["bars"] == "1, 3"
    assert [evidence.line for evidence in found.evidence] == [1, 2]


def test_of_a_flood_the_first_lines_are_shown() -> None:
    line = "ahci 0000:63:00.0: AMD-Vi: Event logged [IO_PAGE_FAULT domain=0x0042 address=0xfff9b300 flags=0x0020]\n"
    (found,) = told("dma-faults", node(log=line * 500))
    assert (len(found.evidence), found.values["count"]) == (3, "500")


def test_a_lost_line_is_told_of_the_device_on_it() -> None:
    log = 'irq 16: nobody cared (try booting with the "irqpoll" option)'
    (found,) = told("intx-shared", node(USB, replace(GPU, irq=16, driver="vfio-pci"), log=log))
    assert (found.address, found.values["device"]) == (at("01:00.0"), "0000:01:00.0 10de:2204")


def test_a_device_that_the_node_lacks_is_named_all_the_same() -> None:
    (found,) = told("device-flr-broken", node(log="vfio-pci 0000:65:00.3: not ready 65535ms after FLR; giving up"))
    assert (found.address, found.values["device"]) == (None, "0000:65:00.3")
