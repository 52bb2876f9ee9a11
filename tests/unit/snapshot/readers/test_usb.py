"""What hangs on USB controllers."""

from __future__ import annotations

import pytest
from hand_made import ROOT, World, at, uses

from backend.node.blast_radius import blast_radius
from backend.node.node import Node

FIRST, SECOND = "00:14.0", "06:00.0"


class UsbWorld(World):
    def usb(self, controller: str, port: str, driver: str | None, product: str | None = None, **more: str) -> None:
        """A device with one interface at ``1-4`` or deeper."""
        real = f"{ROOT}/0000:{controller}/usb{port[0]}/{port}"
        self.links[f"/sys/bus/usb/devices/{port}"] = f"../../../{real[5:]}"
        self.links[f"/sys/bus/usb/devices/{port}:1.0"] = f"../../../{real[5:]}/{port}:1.0"
        texts = {"idVendor": "046d", "idProduct": "c31c", "product": product, **more}
        for name, text in texts.items():
            if text is not None:
                below = f"{port}:1.0/" if name.startswith("bInterface") else ""
                self.files[f"{real}/{below}{name}"] = text.encode() + b"\n"
        if driver:
            self.links[f"{real}/{port}:1.0/driver"] = f"/sys/bus/usb/drivers/{driver}"

    def keyboard(self, controller: str, port: str) -> None:
        kind = {"bInterfaceClass": "03", "bInterfaceSubClass": "01", "bInterfaceProtocol": "01"}
        self.usb(controller, port, "usbhid", "USB Keyboard", **kind)


@pytest.fixture
def world() -> UsbWorld:
    world = UsbWorld()
    world.device(FIRST, "", "0x0c0330", 1, driver="xhci_hcd")
    world.device(SECOND, "", "0x0c0330", 2, driver="xhci_hcd")
    for number, controller in ((1, FIRST), (3, SECOND)):
        real = f"{ROOT}/0000:{controller}/usb{number}"
        world.links[f"/sys/bus/usb/devices/usb{number}"] = f"../../../{real[5:]}"
        world.links[f"/sys/bus/usb/devices/{number}-0:1.0"] = f"../../../{real[5:]}/{number}-0:1.0"
        world.links[f"{real}/{number}-0:1.0/driver"] = "/sys/bus/usb/drivers/hub"
    return world


def spared(node: Node, address: str) -> list[tuple[str, bool]]:
    return [(loss.use.kind, loss.is_spared) for loss in blast_radius(node, at(address)).losses]


def test_a_controller_with_nothing_on_it_is_free(world: UsbWorld) -> None:
    world.usb(FIRST, "1-1", "hub", "4-Port Hub")
    world.usb(FIRST, "1-2", None, "RGB lights")
    world.usb(FIRST, "1-3", "usbfs", "a stick that a VM has")
    assert uses(world.node(), FIRST) == set()


def test_devices_that_drivers_work_with(world: UsbWorld) -> None:
    world.usb(FIRST, "1-1.4", "cdc_acm", "ConBee II")
    world.usb(FIRST, "1-2", "btusb")
    node = world.node()
    assert uses(node, FIRST) == {("usb", ("1-1.4", "ConBee II")), ("usb", ("1-2", "046d:c31c"))}
    assert uses(node, SECOND) == set()
    assert blast_radius(node, at(FIRST)).verdict == "costs"


@pytest.mark.parametrize(
    ("line", "is_given"),
    [
        ("usb0: host=1-4.2", True),
        ("usb0: host=046D:C31C,usb3=1", True),
        ("usb0: 046d:c31c", True),
        ("usb0: host=1-4", False),
        ("usb0: host=1-4.20", False),
        ("usb0: host=046d:c31d", False),
        ("usb0: spice", False),
        ("args: 1-4.2", False),
    ],
)
def test_devices_of_guests(world: UsbWorld, line: str, is_given: bool) -> None:
    world.usb(FIRST, "1-4.2", "usbfs", "Zigbee")
    world.files["/etc/pve/qemu-server/101.conf"] = f"onboot: 1\n{line}\n".encode()
    expected = {("lent", ("101", "usb0", "1-4.2", "Zigbee"))} if is_given else set()
    assert uses(world.node(), FIRST) == expected
    assert blast_radius(world.node(), at(FIRST)).verdict == ("costs" if is_given else "free")


def test_the_only_keyboard_and_one_of_two(world: UsbWorld) -> None:
    world.keyboard(FIRST, "1-3")
    node = world.node()
    assert uses(node, FIRST) == {("keyboard", ("1-3", "USB Keyboard"))}
    assert spared(node, FIRST) == [("keyboard", False)]
    assert blast_radius(node, at(FIRST)).verdict == "costs"
    world.keyboard(SECOND, "3-1")
    assert spared(world.node(), FIRST) == [("keyboard", True)]


def test_a_mouse_is_no_keyboard(world: UsbWorld) -> None:
    mouse = {"bInterfaceClass": "03", "bInterfaceSubClass": "01", "bInterfaceProtocol": "02"}
    world.usb(FIRST, "1-3", "usbhid", "Mouse", **mouse)
    assert uses(world.node(), FIRST) == {("usb", ("1-3", "Mouse"))}


def test_what_a_management_controller_shows(world: UsbWorld) -> None:
    world.usb(FIRST, "1-9.1", "usbhid", "Virtual Keyboard and Mouse", idVendor="046b", idProduct="ff10")
    world.usb(FIRST, "1-9.2", "cdc_ether", "Virtual NIC", idVendor="413c", idProduct="a102")
    world.usb(FIRST, "1-9.3", "usbhid", "Dell mouse", idVendor="413c", idProduct="301a")
    assert uses(world.node(), FIRST) == {
        ("bmc", ("1-9.1", "Virtual Keyboard and Mouse")),
        ("bmc", ("1-9.2", "Virtual NIC")),
        ("usb", ("1-9.3", "Dell mouse")),
    }
