"""Rules of single kernels' faults: each once where it belongs, and silent beside it."""

from __future__ import annotations

from types import MappingProxyType
from typing import Any

import pytest
from rule_cases import Case, check, function, node

from backend.node.function import Function
from backend.node.node import BootChain, Node

RADEON = function("03:00.0", 0x030000, group=3, driver="amdgpu", vendor=0x1002, device=0x744C)
BOUND = function("03:00.0", 0x030000, group=3, driver="vfio-pci", vendor=0x1002, device=0x744C)
SKYLAKE = function("00:02.0", 0x030000, driver="i915", vendor=0x8086, device=0x1912)
KABY_LAKE = function("00:02.0", 0x030000, driver="i915", vendor=0x8086, device=0x5912)
NIC = function("01:00.0", group=1, driver="e1000e")
VM = {101: "hostpci0: 0000:03:00,pcie=1\n"}
VGPU = {101: "hostpci0: 0000:03:00.4,mdev=nvidia-63\n"}
CONFIG = "/boot/config-6.5.11-4-pve"
REJECTED = "[  5.1] Loading of unsigned module is rejected"
SIGNED, OFF = BootChain("grub", secure_boot=True), BootChain("grub", secure_boot=False)
VFIO = {"vfio": "/usr/lib/modules/6.8.12-4-pve/kernel/drivers/vfio/vfio.ko"}
RESET = {**VFIO, "vendor_reset": "/usr/lib/modules/6.8.12-4-pve/updates/dkms/vendor-reset.ko"}


def space(*capabilities: int) -> bytes:
    """Config space of a device with these capabilities, one behind the other from 40h."""
    config = bytearray(256)
    config[0x06] = 0x10 if capabilities else 0
    config[0x34] = 0x40
    for number, id_ in enumerate(capabilities):
        here = 0x40 + 16 * number
        config[here : here + 2] = bytes((id_, here + 16 if number + 1 < len(capabilities) else 0))
    return bytes(config)


def on(kernel: str, *functions: Function, **more: Any) -> Node:
    return node(*functions, kernel=kernel, **more)


def holding(config: bytes) -> Function:
    return function("04:00.0", 0x040300, group=4, driver="vfio-pci", config=config)


def modules(files: dict[str, str], **more: Any) -> Node:
    return on("6.8.12-4-pve", module_files=MappingProxyType(files), **more)


CASES = (
    Case("kernel-regression", on("7.0.14-2-pve", RADEON, guests=VM), on("7.0.14-3-pve", RADEON, guests=VM)),
    Case("kernel-regression", on("7.0.2-1-pve", RADEON, guests=VM), on("6.17.4-1-pve", RADEON, guests=VM), "older"),
    Case("kernel-regression", on("7.0.14-2-pve", RADEON, guests=VM), on("7.0.14-2-pve", BOUND, guests=VM), "vfio"),
    Case("kernel-regression", on("7.0.14-2-pve", RADEON, guests=VM), on("7.0.14-2-pve", RADEON), "no VM wants it"),
    Case(
        "kernel-without-power-management",
        on("6.14.8-1-bpo12-pve", holding(space(0x05, 0x10))),
        on("6.14.8-2-bpo12-pve", holding(space(0x05, 0x10))),
    ),
    Case(
        "kernel-without-power-management",
        on("6.14.8-1-pve", holding(space())),
        on("6.14.8-1-pve", holding(space(0x05, 0x01)), function("05:00.0", driver="vfio-pci", config=bytes(64))),
        "has it; not told",
    ),
    Case(
        "kernel-without-power-management",
        on("6.14.8-1-pve", holding(space())),
        on("6.14.5-1-pve", holding(space())),
        "before it came in",
    ),
    Case("kernel-skylake-graphics", on("6.11.0-1-pve", SKYLAKE, NIC), on("6.11.0-2-pve", SKYLAKE, NIC)),
    Case("kernel-skylake-graphics", on("6.11.0-1-pve", SKYLAKE, NIC), on("6.11.0-1-pve", KABY_LAKE, NIC), "another"),
    Case("kernel-skylake-graphics", on("6.11.0-1-pve", SKYLAKE, NIC), on("6.11.0-1-pve", SKYLAKE), "no groups at all"),
    Case(
        "kernel-without-irqfd",
        on("6.5.11-4-pve", BOUND, files={CONFIG: "CONFIG_VFIO=m\n# CONFIG_VFIO_VIRQFD is not set\n"}),
        on("6.5.11-4-pve", BOUND, files={CONFIG: "CONFIG_VFIO=m\nCONFIG_VFIO_VIRQFD=y\n"}),
    ),
    Case(
        "kernel-newer-than-vgpu",
        on("6.8.4-2-pve", guests=VGPU, pve_version="8.1.4"),
        on("6.8.4-2-pve", guests=VGPU, pve_version="8.2.4"),
    ),
    Case(
        "kernel-newer-than-vgpu",
        on("6.8.4-2-pve", guests=VGPU, pve_version="8.1.4"),
        on("6.5.13-5-pve", guests=VGPU, pve_version="8.1.4"),
        "older kernel",
    ),
    Case("dkms-secure-boot", modules(RESET, boot=SIGNED), modules(RESET, boot=SIGNED, modules=("vendor_reset",))),
    Case("dkms-secure-boot", modules(RESET, boot=SIGNED), modules(RESET, boot=OFF), "off"),
    Case("dkms-secure-boot", modules(RESET, boot=SIGNED), modules(VFIO, boot=SIGNED), "nothing was built here"),
    Case("dkms-secure-boot", on("6.8.12-4-pve", log=REJECTED), on("6.8.12-4-pve"), "log"),
)


@pytest.mark.parametrize("case", CASES, ids=str)
def test_once_and_never(case: Case) -> None:
    check(case)
