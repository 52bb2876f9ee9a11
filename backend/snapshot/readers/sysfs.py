"""PCI functions, IOMMU groups and physical slots from /sys (Documentation/ABI/testing/sysfs-bus-pci).

A node may have thousands of virtual functions: every device folder is resolved once and its attributes are
plain dictionary look-ups; equal texts are parsed once.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from functools import lru_cache
from types import MappingProxyType

from backend.node.address import PciAddress
from backend.node.evidence import Evidence
from backend.node.function import Bar, Function, Link
from backend.node.node import Group, Region, Slot
from backend.snapshot.readers import config_space
from backend.snapshot.snapshot import Snapshot

_DEVICES = "/sys/bus/pci/devices"
_MEDIATED = "/sys/class/mdev_bus"  # partial copies of /sys may show a function only here
_GROUPS = "/sys/kernel/iommu_groups"
_SLOTS = "/sys/bus/pci/slots"


@lru_cache(maxsize=65536)
def address(text: str) -> PciAddress | None:
    """The address, or None where `text` is none."""
    try:
        return PciAddress.parse(text) if text.count(":") == 2 else None
    except ValueError:
        return None


def device_folders(snapshot: Snapshot) -> Mapping[PciAddress, str]:
    """Address -> real folder of every PCI function, in address order."""
    found: dict[PciAddress, str] = {}
    for folder in (_DEVICES, _MEDIATED):
        base = snapshot.resolve(folder)
        for name in snapshot.listdir(base):
            at = address(name)
            if at is not None and at not in found:
                found[at] = real_folder(snapshot, f"{base}/{name}")
    return MappingProxyType(dict(sorted(found.items())))


def real_folder(snapshot: Snapshot, path: str) -> str:
    """What Snapshot.resolve says, at once for links as the kernel writes them (no link is on their way)."""
    up, found, rest = snapshot.links.get(path, "").partition("../devices/")
    if found and up.strip("./") == "" and up.count("../") + 1 == path.count("/") - 2 and "/../" not in rest:
        return "/sys/devices/" + rest
    return snapshot.resolve(path)


def function_in(path: str) -> PciAddress | None:
    """The last PCI function on a path below /sys/devices: what a disk or an interface hangs on."""
    for part in reversed(path.split("/")):
        at = address(part)
        if at is not None:
            return at
    return None


def read_functions(snapshot: Snapshot, folders: Mapping[PciAddress, str]) -> tuple[Function, ...]:
    return tuple(_read_function(snapshot, at, folder) for at, folder in folders.items())


def _read_function(snapshot: Snapshot, at: PciAddress, folder: str) -> Function:
    files, links = snapshot.files, snapshot.links

    def text(name: str) -> str | None:
        found = files.get(f"{folder}/{name}")
        return None if found is None else _text(found)

    def number(name: str) -> int | None:
        found = files.get(f"{folder}/{name}")
        return None if found is None else _number(found)

    def target(name: str) -> str | None:
        found = links.get(f"{folder}/{name}")
        return None if found is None else found.rpartition("/")[2]

    config = files.get(f"{folder}/config", b"")
    ids = _ids(text("modalias")) | (config_space.ids(config) if text("vendor") is None else {})
    buses = config_space.buses(config)
    group = target("iommu_group")
    physical = target("physfn")
    override = text("driver_override")
    numa = number("numa_node")
    boot_vga = number("boot_vga")
    d3cold = number("d3cold_allowed")
    enable = number("enable")
    resets = text("reset_method")
    resource = files.get(f"{folder}/resource")

    def id_(name: str, attribute: str | None = None) -> int | None:
        found = number(attribute or name)
        return ids.get(name) if found is None else found

    return Function(
        address=at,
        class_code=id_("class_code", "class"),
        vendor=id_("vendor"),
        device=id_("device"),
        subsystem_vendor=id_("subsystem_vendor"),
        subsystem_device=id_("subsystem_device"),
        revision=id_("revision"),
        driver=target("driver"),
        driver_override=None if override in (None, "", "(null)") else override,
        group=int(group) if group is not None and group.isdecimal() else None,
        parent=_parent(folder),
        label=text("label") or None,
        numa_node=None if numa is None or numa < 0 else numa,
        link=_link(
            text("current_link_speed"),
            number("current_link_width"),
            text("max_link_speed"),
            number("max_link_width"),
        ),
        bars=() if resource is None else _bars(resource),
        reset_methods=None if resets is None else tuple(resets.split()),
        boot_vga=None if boot_vga is None else boot_vga != 0,
        power_state=text("power_state"),
        d3cold_allowed=None if d3cold is None else d3cold != 0,
        enabled=None if enable is None else enable > 0,
        sriov_total=number("sriov_totalvfs"),
        sriov_vfs=number("sriov_numvfs"),
        physical_function=None if physical is None else address(physical),
        secondary_bus=None if buses is None else buses[0],
        subordinate_bus=None if buses is None else buses[1],
        has_pci_bus="pci_bus" in (inside := snapshot.listdir(folder)),
        mdev="mdev_supported_types" in inside or "nvidia" in inside,
        port_type=config_space.port_type(config),
        multifunction=False if physical else at.function > 0 or config_space.multifunction(config),
        acs=config_space.acs(config),
        capabilities_known=config_space.is_whole(config),
        serial=config_space.serial(config) if len(config) > 256 else None,
        config=config,
        irq=number("irq") or None,
        removable={"removable": True, "fixed": False}.get(text("removable") or ""),
    )


def _parent(folder: str) -> PciAddress | None:
    """The folder above, if a function; behind a VMD controller a root bus (``pci10000:e0``) lies between."""
    above = folder.split("/")[:-1]
    if above and above[-1].startswith("pci"):
        above.pop()
    return address(above[-1]) if above else None


@lru_cache(maxsize=4096)
def _text(raw: bytes) -> str:
    return raw.decode("utf-8", "replace").strip("\0 \t\r\n")


@lru_cache(maxsize=4096)
def _number(raw: bytes) -> int | None:
    """Decimal, or hex with 0x, as sysfs prints numbers."""
    try:
        return int(_text(raw), 0)
    except ValueError:
        return None


@lru_cache(maxsize=4096)
def _ids(modalias: str | None) -> dict[str, int]:
    """Of ``pci:v00008086d00004621sv00001028sd00000B0Abc06sc00i00`` (file2alias.c): all some copies keep."""
    if modalias is None or not modalias.startswith("pci:v") or len(modalias) < 54:
        return {}
    try:
        return {
            "vendor": int(modalias[5:13], 16),
            "device": int(modalias[14:22], 16),
            "subsystem_vendor": int(modalias[24:32], 16),
            "subsystem_device": int(modalias[34:42], 16),
            "class_code": int(modalias[44:46] + modalias[48:50] + modalias[51:53], 16),
        }
    except ValueError:
        return {}


@lru_cache(maxsize=256)
def _link(speed: str | None, width: int | None, max_speed: str | None, max_width: int | None) -> Link | None:
    if speed is None and width is None and max_speed is None and max_width is None:
        return None
    # 255 is PCIE_LNK_WIDTH_UNKNOWN (include/linux/pci.h)
    known = Link(
        _speed(speed),
        None if width == 255 else width,
        _speed(max_speed),
        None if max_width == 255 else max_width,
    )
    return known if known.max_speed is not None or known.max_width else None


def _speed(text: str | None) -> float | None:
    """GT/s of ``8.0 GT/s PCIe``; None for ``Unknown``."""
    try:
        return float(text.split()[0]) if text else None
    except ValueError:
        return None


@lru_cache(maxsize=4096)
def _bars(resource: bytes) -> tuple[Bar, ...]:
    """The first seven lines: six BARs and the ROM; a line of zeros is a BAR that is not there."""
    found = []
    for index, line in enumerate(resource.split(b"\n")[:7]):
        try:
            start, end, flags = (int(part, 16) for part in line.split())
        except ValueError:
            continue
        if flags and end >= start:
            found.append(Bar(index, start, end - start + 1, flags))
    return tuple(found)


def read_groups(snapshot: Snapshot, functions: Sequence[Function]) -> tuple[Group, ...]:
    """In number order. Groups without a PCI function (platform devices) are there too, empty."""
    members: dict[int, list[PciAddress]] = {
        int(name): [] for name in snapshot.listdir(_GROUPS) if name.isascii() and name.isdecimal()
    }
    for function in functions:
        if function.group is not None:
            members.setdefault(function.group, []).append(function.address)
    return tuple(Group(id_, tuple(members[id_]), tuple(_reserved(snapshot, id_))) for id_ in sorted(members))


def _reserved(snapshot: Snapshot, group: int) -> Iterator[Region]:
    """Lines as ``0x00000000fee00000 0x00000000feefffff msi`` (Documentation/ABI/testing/sysfs-kernel-iommu_groups)."""
    path = f"{_GROUPS}/{group}/reserved_regions"
    for number, line in enumerate((snapshot.text(path) or "").splitlines(), 1):
        words = line.split()
        try:
            start, end = int(words[0], 16), int(words[1], 16)
        except (ValueError, IndexError):
            continue
        yield Region(" ".join(words[2:]), start, end, Evidence(path, line, number))


def read_slots(snapshot: Snapshot, functions: Sequence[Function]) -> tuple[Slot, ...]:
    """What the hot-plug and ACPI slot drivers registered: ``address`` is ``0000:01:00`` or ``0000:01``."""
    cards = {function.address.card for function in functions}
    found = []
    for name in snapshot.listdir(_SLOTS):
        text = snapshot.text(f"{_SLOTS}/{name}/address")
        card = None if not text else text if text.count(":") == 2 else f"{text}:00"
        found.append(Slot(name, card, None if card is None else card in cards))
    return tuple(found)
