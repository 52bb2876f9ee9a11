"""What a person reads about values of the model: sentences, labels, and the picture that goes with them.

The backend answers codes and values; what is worded here goes through Qt's translation.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from PySide6.QtCore import QCoreApplication

from backend.node.address import PciAddress
from backend.node.blast_radius import REFUSES, REFUSING
from backend.node.function import Bar, Function, Link
from backend.node.node import Node, Use

_DISPLAY = 0x03  # base class

# Uses that a badge is red for: what the host cannot do without, and what it hardly can.
GRAVE_USES = REFUSING | {"network", "console"}


def icon_of(function: Function) -> str:
    """Name of the picture (resources/icons) for the class code (pci.ids, list C)."""
    code = function.class_code
    if code is None:
        return "chip"
    by_subclass = {
        0x0108: "nvme",
        0x0401: "audio",
        0x0403: "audio",
        0x0280: "wireless",
        0x0D11: "wireless",
        0x0D80: "wireless",
        0x0C03: "usb",
        0x0700: "serial",
        0x0703: "serial",
    }
    by_base = {
        0x01: "storage",
        0x02: "network",
        0x03: "gpu",
        0x04: "audio",
        0x06: "bridge",
        0x0B: "accelerator",
        0x10: "lock",
        0x12: "accelerator",
    }
    return by_subclass.get(code >> 8) or by_base.get(code >> 16, "chip")


def class_word(function: Function) -> str:
    """A short word for what it is: "GPU", "Network"."""
    code = function.class_code
    if code is None:
        return QCoreApplication.translate("words", "Device")
    words = {
        0x0106: QCoreApplication.translate("words", "SATA"),
        0x0107: QCoreApplication.translate("words", "SAS"),
        0x0108: QCoreApplication.translate("words", "NVMe"),
        0x0104: QCoreApplication.translate("words", "RAID"),
        0x0280: QCoreApplication.translate("words", "Wireless"),
        0x0403: QCoreApplication.translate("words", "Audio"),
        0x0401: QCoreApplication.translate("words", "Audio"),
        0x0600: QCoreApplication.translate("words", "Host bridge"),
        0x0601: QCoreApplication.translate("words", "ISA bridge"),
        0x0604: QCoreApplication.translate("words", "PCI bridge"),
        0x0700: QCoreApplication.translate("words", "Serial port"),
        0x0806: QCoreApplication.translate("words", "IOMMU"),
        0x0C03: QCoreApplication.translate("words", "USB"),
        0x0C05: QCoreApplication.translate("words", "SMBus"),
        0x0C80: QCoreApplication.translate("words", "Serial bus"),
        0x1180: QCoreApplication.translate("words", "Signal processing"),
        0x1300: QCoreApplication.translate("words", "Dummy function"),
    }
    bases = {
        0x01: QCoreApplication.translate("words", "Storage"),
        0x02: QCoreApplication.translate("words", "Network"),
        0x03: QCoreApplication.translate("words", "GPU"),
        0x04: QCoreApplication.translate("words", "Multimedia"),
        0x05: QCoreApplication.translate("words", "Memory"),
        0x06: QCoreApplication.translate("words", "Bridge"),
        0x07: QCoreApplication.translate("words", "Communication"),
        0x08: QCoreApplication.translate("words", "System"),
        0x0B: QCoreApplication.translate("words", "Processor"),
        0x0C: QCoreApplication.translate("words", "Serial bus"),
        0x0D: QCoreApplication.translate("words", "Wireless"),
        0x10: QCoreApplication.translate("words", "Crypto"),
        0x11: QCoreApplication.translate("words", "Signal processing"),
        0x12: QCoreApplication.translate("words", "Accelerator"),
    }
    return words.get(code >> 8) or bases.get(code >> 16) or QCoreApplication.translate("words", "Device")


def short_name(function: Function) -> str:
    """The name, of a graphics card its product name in brackets ("GA102 [GeForce RTX 3090]"), else class and ids."""
    name = function.device_name
    if name:
        bracket = re.search(r"\[([^\[\]]{3,})\]\s*$", name)
        return bracket.group(1) if bracket and function.base_class == _DISPLAY else name
    word = function.class_name or class_word(function)
    return f"{word} {function.ids}" if function.ids else word


def short_address(address: PciAddress) -> str:
    """Without the domain where that is 0."""
    return str(address)[5:] if address.domain == 0 else str(address)


def interface_of(node: Node, address: PciAddress) -> str | None:
    return next((name for name, at in sorted(node.interfaces.items()) if at == address), None)


def addresses_of(node: Node, address: PciAddress) -> tuple[str, ...]:
    """The IP addresses that are reached through a function, each with its interface: "10.0.0.5 (vmbr0)"."""
    names = [name for name, at in node.interfaces.items() if at == address]
    for use in node.uses_of.get(address, ()):
        names += [name for name in use.chain if name in node.addresses]
    return tuple(f"{ip} ({name})" for name in dict.fromkeys(names) for ip in node.addresses.get(name, ()))


def use_word(use: Use) -> str:
    """What the host does with it: "carries this connection"."""
    words = {
        "this-connection": QCoreApplication.translate("words", "carries this connection"),
        "management": QCoreApplication.translate("words", "management network"),
        "network": QCoreApplication.translate("words", "network"),
        "root": QCoreApplication.translate("words", "root disk"),
        "boot": QCoreApplication.translate("words", "boot disk"),
        "swap": QCoreApplication.translate("words", "swap"),
        "mount": QCoreApplication.translate("words", "mounted"),
        "lvm": QCoreApplication.translate("words", "LVM"),
        "zfs": QCoreApplication.translate("words", "ZFS pool"),
        "md": QCoreApplication.translate("words", "RAID array"),
        "corosync": QCoreApplication.translate("words", "cluster network"),
        "ceph": QCoreApplication.translate("words", "Ceph network"),
        "console": QCoreApplication.translate("words", "console"),
        "bmc": QCoreApplication.translate("words", "remote management"),
        "keyboard": QCoreApplication.translate("words", "keyboard"),
        "usb": QCoreApplication.translate("words", "USB device"),
        "guest": QCoreApplication.translate("words", "guest"),
        "lent": QCoreApplication.translate("words", "lent to a VM"),
    }
    return words.get(use.kind, use.kind)


def use_badge(use: Use) -> str:
    """The end of the chain and what it is for: "vmbr0 · carries this connection"."""
    return f"{use.chain[-1]} · {use_word(use)}" if use.chain else use_word(use)


def use_chain(use: Use) -> str:
    """The whole way: "eno1 → vmbr0 → carries this connection", "VM 101 → hostpci0 → guest"."""
    chain = use.chain
    if use.kind in ("guest", "lent") and chain:
        chain = (QCoreApplication.translate("words", "VM {vmid}").format(vmid=chain[0]), *chain[1:])
    return " → ".join((*chain, use_word(use)))


def weightiest(uses: Sequence[Use]) -> Use | None:
    """The one to show where there is room for one."""
    order = list(REFUSES)
    return min(uses, key=lambda u: order.index(u.kind) if u.kind in order else len(order), default=None)


def driver_word(node: Node, function: Function) -> str:
    """Its driver; empty where the node tells no drivers at all (a listing)."""
    if not any(f.driver for f in node.functions):
        return ""
    return function.driver or QCoreApplication.translate("words", "no driver")


def at_reboot(driver: str) -> str:
    """On the badge of a staged change: "vfio at reboot"."""
    return QCoreApplication.translate("words", "{driver} at reboot").format(driver=driver.removesuffix("-pci"))


def speed(value: float) -> str:
    return f"{value:g} GT/s"


def link_line(link: Link | None) -> str:
    """Under a lane: "16 GT/s x16"."""
    if link is None:
        return ""
    parts = [speed(link.speed) if link.speed else "", f"x{link.width}" if link.width else ""]
    return " ".join(part for part in parts if part)


def link_below(link: Link | None, card_width: int | None, card_speed: float | None) -> str:
    """Where a link runs below what the card can: "x4, card can x8"."""
    if link is None:
        return ""
    if card_width is not None and link.width is not None:
        return QCoreApplication.translate("words", "x{now}, card can x{most}").format(now=link.width, most=card_width)
    if card_speed is not None and link.speed is not None:
        return QCoreApplication.translate("words", "{now:g}, card can {most:g} GT/s").format(
            now=link.speed, most=card_speed
        )
    return link_line(link)


def link_now_of_max(link: Link) -> str:
    """For the inspector: "16 GT/s x8 of 16 GT/s x16"."""
    most = " ".join(
        part
        for part in (
            speed(link.max_speed) if link.max_speed else "",
            f"x{link.max_width}" if link.max_width else "",
        )
        if part
    )
    now = link_line(link)
    if now and most:
        return QCoreApplication.translate("words", "{now} of {most}").format(now=now, most=most)
    if most:
        return QCoreApplication.translate("words", "up to {most}").format(most=most)
    return now


def empty_slot(link: Link | None) -> str:
    if link is not None and link.max_width:
        return QCoreApplication.translate("words", "empty · x{width}").format(width=link.max_width)
    return QCoreApplication.translate("words", "empty")


def count_vfs(count: int) -> str:
    if count == 1:
        return QCoreApplication.translate("words", "1 VF")
    return QCoreApplication.translate("words", "{count} VFs").format(count=f"{count:,}")


def system_row(count: int) -> str:
    if count == 1:
        return QCoreApplication.translate("words", "1 bridge or IOMMU: always the host's")
    return QCoreApplication.translate("words", "{count} bridges and IOMMUs: always the host's").format(count=count)


def bridges_row(addresses: Sequence[str], *, iommus: bool = False) -> str:
    """What is never passed through: "bridges 00:01.0, 00:01.1". `iommus`: some are no bridges."""
    if iommus:
        return QCoreApplication.translate("words", "{count} host bridges and IOMMUs").format(count=len(addresses))
    if len(addresses) == 1:
        return QCoreApplication.translate("words", "bridge {address}").format(address=addresses[0])
    if len(addresses) <= 3:
        return QCoreApplication.translate("words", "bridges {addresses}").format(addresses=", ".join(addresses))
    return QCoreApplication.translate("words", "{count} bridges: {first} … {last}").format(
        count=len(addresses), first=addresses[0], last=addresses[-1]
    )


def groups_of_vfs(groups: Sequence[int | None]) -> str:
    """Of a folded row: "in 4 groups, 40 to 43"."""
    known = sorted({group for group in groups if group is not None})
    if not known:
        return ""
    if len(known) == 1:
        return QCoreApplication.translate("words", "all in group {group}").format(group=known[0])
    return QCoreApplication.translate("words", "in {count} groups, {first} to {last}").format(
        count=len(known), first=known[0], last=known[-1]
    )


def vfs_owned(count: int) -> str:
    return QCoreApplication.translate("words", "{count} with VMs").format(count=count)


def owners(node: Node, address: PciAddress) -> tuple[str, ...]:
    """The guests that name it: 'VM 101 "win11" running'."""
    found: list[str] = []
    guests = {guest.vmid: guest for guest in node.guests}
    for use in node.uses_of.get(address, ()):
        if use.kind != "guest" or not use.chain:
            continue
        head, _, name = use.chain[0].partition(" ")
        guest = guests.get(int(head)) if head.isdigit() else None
        name = (guest.name if guest is not None else name) or ""
        text = f'VM {head} "{name}"' if name else f"VM {head}"
        if guest is not None and guest.running:
            text = QCoreApplication.translate("words", "{vm} running").format(vm=text)
        found.append(text)
    return tuple(dict.fromkeys(found))


def no_groups(active: bool | None) -> str:
    if active is False:
        return QCoreApplication.translate("words", "IOMMU off: no groups")
    if active is None:
        return QCoreApplication.translate("words", "groups not known")
    return QCoreApplication.translate("words", "in no group")


def names_of(node: Node, addresses: Sequence[PciAddress], most: int = 2) -> str:
    """Interface names where there are some, else short names; the rest counted: "eno1, X710 and 3 more"."""
    names = [interface_of(node, a) or short_name(node.by_address[a]) for a in addresses]
    shown = ", ".join(dict.fromkeys(names[:most]))
    if len(names) <= most:
        return shown
    return QCoreApplication.translate("words", "{names} and {count} more").format(names=shown, count=len(names) - most)


def frame_header(node: Node, groups: Sequence[int], own: Sequence[PciAddress], others: Sequence[PciAddress]) -> str:
    """Over a frame: "group 15 · isolated", "group 20 · shared with eno1". `others`: all who share."""
    if not groups:
        return no_groups(node.iommu.active)
    if len(groups) == 1:
        head = QCoreApplication.translate("words", "group {groups}").format(groups=groups[0])
    elif len(groups) > 3:
        head = QCoreApplication.translate("words", "{count} groups").format(count=len(groups))
    else:
        head = QCoreApplication.translate("words", "groups {groups}").format(groups=", ".join(map(str, groups)))
    if not others:
        return QCoreApplication.translate("words", "{group} · isolated").format(group=head)
    named = [a for a in others if a not in own] or [a for a in others if a in node.uses_of]
    if not named:
        cards = len({a.card for a in others})
        return QCoreApplication.translate("words", "{group} · shared by {count} cards").format(group=head, count=cards)
    return QCoreApplication.translate("words", "{group} · shared with {names}").format(
        group=head, names=names_of(node, named, 1)
    )


def room_header(node: Node, group: int, members: Sequence[PciAddress]) -> str:
    """Over a room: "group 15 · isolated", "group 20 · shares with eno1, which carries this connection"."""
    head = QCoreApplication.translate("words", "group {groups}").format(groups=group)
    cards = len({address.card for address in members})
    if cards <= 1:
        return QCoreApplication.translate("words", "{group} · isolated").format(group=head)
    uses = [use for address in members for use in node.uses_of.get(address, ()) if use.kind != "guest"]
    use = weightiest(uses)
    if use is None:
        return QCoreApplication.translate("words", "{group} · shared by {count} cards").format(group=head, count=cards)
    return QCoreApplication.translate("words", "{group} · shares with {name}, which {does}").format(
        group=head, name=names_of(node, (use.address,), 1), does=use_clause(use)
    )


def use_clause(use: Use) -> str:
    """After "which": "carries this connection"."""
    words = {
        "this-connection": QCoreApplication.translate("words", "carries this connection"),
        "management": QCoreApplication.translate("words", "carries the management network"),
        "network": QCoreApplication.translate("words", "carries a network"),
        "root": QCoreApplication.translate("words", "holds the root disk"),
        "boot": QCoreApplication.translate("words", "holds the boot disk"),
        "swap": QCoreApplication.translate("words", "holds swap"),
        "mount": QCoreApplication.translate("words", "holds a mounted disk"),
        "lvm": QCoreApplication.translate("words", "holds a disk of LVM"),
        "zfs": QCoreApplication.translate("words", "holds a disk of a ZFS pool"),
        "md": QCoreApplication.translate("words", "holds a disk of a RAID array"),
        "corosync": QCoreApplication.translate("words", "carries the cluster's network"),
        "ceph": QCoreApplication.translate("words", "carries Ceph's network"),
        "bmc": QCoreApplication.translate("words", "is for remote management"),
        "keyboard": QCoreApplication.translate("words", "has the keyboard"),
        "usb": QCoreApplication.translate("words", "has USB devices"),
        "lent": QCoreApplication.translate("words", "has what a VM uses"),
        "console": QCoreApplication.translate("words", "shows the console"),
    }
    return words.get(use.kind) or QCoreApplication.translate("words", "the host uses")


def zone_title(kind: str, numa: int | None, root: str | None) -> str:
    if kind == "board":
        head = QCoreApplication.translate("words", "On board, on the root bus itself")
    elif kind == "groups":
        head = QCoreApplication.translate("words", "IOMMU groups")
    elif kind == "apart":
        head = QCoreApplication.translate("words", "In no IOMMU group")
    elif kind == "bridges":
        head = QCoreApplication.translate("words", "Groups of bridges only: the host keeps them")
    else:
        head = QCoreApplication.translate("words", "Root complex {root}").format(root=root)
    if root is not None and len(root) > len("0000:00"):
        # Domains beyond 16 bits are those that the kernel makes for VMD (drivers/pci/controller/vmd.c).
        head = QCoreApplication.translate("words", "VMD, root complex {root}").format(root=root)
    if root is not None and ":" not in root:
        head = QCoreApplication.translate("words", "PCI domain {root}, by bus").format(root=root)
    if numa is None:
        return head
    return QCoreApplication.translate("words", "NUMA node {numa} · {rest}").format(numa=numa, rest=head)


def size(count: int) -> str:
    """Bytes in binary units: "32 GiB"."""
    value = float(count)
    for unit in ("B", "KiB", "MiB", "GiB", "TiB"):
        if value < 1024 or unit == "TiB":
            return f"{value:g} {unit}" if value == int(value) else f"{value:.1f} {unit}"
        value /= 1024
    raise AssertionError("unreachable")


def bar_line(bar: Bar) -> str:
    if bar.is_io:
        return QCoreApplication.translate("words", "{size} I/O ports").format(size=size(bar.size))
    if bar.is_prefetchable:
        return QCoreApplication.translate("words", "{size}, prefetchable").format(size=size(bar.size))
    return size(bar.size)


def group_sentence(node: Node, function: Function) -> str:
    """The group in words, with its mates."""
    if function.group is None:
        return no_groups(node.iommu.active)
    mates = [f for f in node.mates(function.address) if not f.is_bridge]
    if not mates:
        return QCoreApplication.translate("words", "{group}, alone").format(group=function.group)
    same = [f for f in mates if f.address.card == function.address.card]
    if len(same) == len(mates):
        return QCoreApplication.translate("words", "{group}, with its own functions only").format(group=function.group)
    other = [f.address for f in mates if f not in same]
    return QCoreApplication.translate("words", "{group}, with {names}").format(
        group=function.group, names=names_of(node, other, 4)
    )


def used_by(node: Node, address: PciAddress) -> str:
    """For a table cell: all uses, by comma."""
    return ", ".join(use_badge(use) for use in node.uses_of.get(address, ()))
