"""What shows the host's picture, and who looks at it."""

from __future__ import annotations

import pytest
from hand_made import ROOT, World, at, uses

from backend.node.blast_radius import blast_radius
from backend.node.function import Function
from backend.snapshot.readers.display import is_bmc

GPU, IGPU, SERIAL = "01:00.0", "00:02.0", "00:16.3"


@pytest.fixture
def world() -> World:
    world = World()
    world.device(GPU, "", "0x030000", 1, driver="nouveau")
    return world


def losses(world: World, short: str) -> list[tuple[str, bool, bool]]:
    return [(x.use.kind, x.is_spared, x.refuses) for x in blast_radius(world.node(), at(short)).losses]


def test_the_only_display_is_the_console(world: World) -> None:
    assert losses(world, GPU) == [("console", False, False)]
    world.device(IGPU, "", "0x030000", 2, driver="i915")
    assert losses(world, GPU) == []


def test_an_only_adapter_may_show_nothing() -> None:
    world = World()
    world.device(GPU, "", "0x030200", 1, driver="nvidia")  # a 3D controller
    assert losses(world, GPU) == []
    world = World()
    world.device(GPU, "", "0x030000", 1)  # no driver, and nothing told of a picture
    assert losses(world, GPU) == []


def test_the_boot_display_is_the_console_among_several(world: World) -> None:
    world.device(IGPU, "", "0x030000", 2, driver="i915", boot_vga="1")
    assert losses(world, IGPU) == [("console", False, False)]
    assert losses(world, GPU) == []


def test_the_boot_picture_lies_in_its_memory(world: World) -> None:
    world.device(IGPU, "", "0x030000", 2)
    world.files[f"{ROOT}/0000:{GPU}/resource"] = b"0x00000000d0000000 0x00000000dfffffff 0x000000000014220c\n"
    world.files["/proc/fb"] = b"0 EFI VGA\n"
    assert losses(world, GPU) == []
    world.files["/proc/iomem"] = b"d0000000-dfffffff : 0000:01:00.0\n  d0000000-d02fffff : BOOTFB\n"
    assert uses(world.node(), GPU) == {("console", ("0 EFI VGA",))}


def test_a_display_that_vfio_has_is_no_console() -> None:
    world = World()
    world.device(GPU, "", "0x030000", 1, driver="vfio-pci")
    assert losses(world, GPU) == []


def test_a_serial_port_on_pci(world: World) -> None:
    world.device(SERIAL, "", "0x070002", 3, driver="serial")
    world.links["/sys/class/tty/ttyS4"] = f"../../devices/pci0000:00/0000:{SERIAL}/tty/ttyS4"
    assert losses(world, SERIAL) == []
    world.files["/proc/cmdline"] = b"quiet console=tty0 console=ttyS4,115200n8\n"
    assert uses(world.node(), SERIAL) == {("console", ("ttyS4", "console=ttyS4,115200n8"))}
    assert losses(world, SERIAL) == [("console", True, False)]  # the display is left
    assert losses(world, GPU) == [("console", True, False)]


def test_a_serial_port_on_the_board_goes_nowhere(world: World) -> None:
    world.files["/proc/cmdline"] = b"console=ttyS0\n"
    assert losses(world, GPU) == [("console", False, False)]
    world.links["/sys/class/tty/ttyS0"] = "../../devices/pnp0/00:03/tty/ttyS0"
    assert losses(world, GPU) == [("console", True, False)]


def test_the_picture_of_a_management_controller() -> None:
    world = World()
    world.device(GPU, "", "0x030000", 1, driver="ast", vendor="0x1a03", device="0x2000", boot_vga="1")
    assert [kind for kind, _, _ in losses(world, GPU)] == ["console", "bmc"]


@pytest.mark.parametrize(
    ("vendor", "device", "expected"),
    [
        (0x1A03, 0x2000, True),
        (0x102B, 0x0522, True),
        (0x102B, 0x0536, True),
        (0x102B, 0x0525, False),  # G400, a card
        (0x10DE, 0x2000, False),
        (None, None, False),
    ],
)
def test_which_adapters_are_for_management(vendor: int | None, device: int | None, expected: bool) -> None:
    assert is_bmc(Function(at(GPU), vendor=vendor, device=device)) is expected
