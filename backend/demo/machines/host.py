"""The rest of /sys and /proc of a simulated machine: network, disks, firmware.

And what the usual commands print.
"""

from __future__ import annotations

import ipaddress
import json
from collections.abc import Iterator

from backend.demo.machines.parts import Disk, Machine, Nic, Part
from backend.demo.machines.pci import Boot, device_directory
from backend.demo.machines.tree import Tree

_GATEWAY = "10.77.0.1"


def live_nics(machine: Machine, boot: Boot) -> Iterator[tuple[Part, Nic]]:
    """Interfaces that exist in this boot: those whose function has its own driver."""
    for part in machine.parts:
        if part.nic and part.driver and boot.drivers.get(part.at) == part.driver:
            yield part, part.nic


def live_disks(machine: Machine, boot: Boot) -> Iterator[tuple[Part, Disk]]:
    for part in machine.parts:
        if part.driver and boot.drivers.get(part.at) == part.driver:
            for disk in part.disks:
                yield part, disk


def reachable(machine: Machine, boot: Boot) -> bool:
    """Whether the node comes up and answers: its root disk and a port of its bridge must be the host's."""
    root = any(
        use == "ext4:/" or use.startswith("pv:pve") for _, d in live_disks(machine, boot) for _, use in d.partitions
    )
    return root and any(nic.master == "vmbr0" for _, nic in live_nics(machine, boot))


def render_host(machine: Machine, boot: Boot, tree: Tree) -> None:
    _network(machine, boot, tree)
    _storage(machine, boot, tree)
    _usb(machine, boot, tree)
    modules = sorted({driver for driver in boot.drivers.values() if driver and driver != "pcieport"})
    if "vfio-pci" in modules:
        modules = sorted({*modules, "vfio", "vfio_iommu_type1", "vfio_pci_core"} - {"vfio-pci"} | {"vfio_pci"})
    for module in modules:
        tree.file(f"/sys/module/{module.replace('-', '_')}/initstate", "live")
    tree.file(
        "/proc/modules",
        "\n".join(f"{m.replace('-', '_')} 16384 1 - Live 0x0000000000000000" for m in modules),
    )
    tree.file("/proc/cmdline", boot.cmdline)
    tree.file("/proc/sys/kernel/random/boot_id", boot.boot_id)
    tree.file("/proc/sys/kernel/hostname", machine.name)
    tree.file("/proc/sys/kernel/osrelease", machine.kernel)
    tree.file("/proc/sys/kernel/ostype", "Linux")
    tree.file("/proc/uptime", "0.00 0.00")  # goes on: World.read
    tree.file(
        "/proc/version",
        f"Linux version {machine.kernel} (build@proxmox) #1 SMP PREEMPT_DYNAMIC PMX {machine.kernel}",
    )
    vendor_id = "GenuineIntel" if machine.vendor == "intel" else "AuthenticAMD"
    tree.file("/proc/cpuinfo", f"processor\t: 0\nvendor_id\t: {vendor_id}\nmodel name\t: {machine.cpu}\n")
    made_by = "0000fam0006mod009E" if machine.vendor == "intel" else "0002fam0019mod0021"
    tree.file("/sys/devices/system/cpu/modalias", f"cpu:type:x86,ven{made_by}:feature:,0000,0001,0002")
    tree.file("/sys/class/dmi/id/board_name", machine.board)
    console = next((p for p in machine.parts if p.boot_vga and boot.drivers.get(p.at) == p.driver), None)
    names = {"i915": "i915drmfb", "ast": "astdrmfb"}
    tree.file("/proc/fb", f"0 {names.get(console.driver or '', 'simpledrmdrmfb')}" if console else "0 EFI VGA")
    if console and console.driver:
        fb = f"{device_directory(machine, console)}/graphics/fb0"
        tree.file(f"{fb}/name", names.get(console.driver, "simpledrmdrmfb"))
        tree.link(f"{fb}/device", device_directory(machine, console))
        tree.link("/sys/class/graphics/fb0", fb)
    table = "DMAR" if machine.vendor == "intel" else "IVRS"
    tree.file(f"/sys/firmware/acpi/tables/{table}", table.encode() + bytes(44))
    tree.directory("/sys/firmware/efi/efivars")
    tree.file("/sys/firmware/efi/fw_platform_size", 64)
    secure = "/sys/firmware/efi/efivars/SecureBoot-8be4df61-93ca-11d2-aa0d-00e098032b8c"
    tree.file(secure, b"\x06\x00\x00\x00\x00")
    for node in range(machine.numa_nodes):
        tree.directory(f"/sys/devices/system/node/node{node}")


def _network(machine: Machine, boot: Boot, tree: Tree) -> None:
    bridge = "/sys/devices/virtual/net/vmbr0"
    index = 1
    for part, nic in live_nics(machine, boot):
        index += 1
        base = f"{device_directory(machine, part)}/net/{nic.name}"
        _interface(tree, base, nic.name, nic.mac, index, "up" if nic.speed else "down")
        tree.link(f"{base}/device", device_directory(machine, part))
        tree.file(f"{base}/speed", nic.speed or -1)
        if nic.master:
            tree.link(f"{base}/master", bridge)
            tree.link(f"{base}/upper_{nic.master}", bridge)
            tree.link(f"{bridge}/lower_{nic.name}", base)
            tree.link(f"{bridge}/brif/{nic.name}", f"{base}/brport")
            tree.directory(f"{base}/brport")
    _interface(tree, bridge, "vmbr0", _bridge_mac(machine), index + 1, "up")
    tree.file(f"{bridge}/bridge/stp_state", 0)
    _interface(tree, "/sys/devices/virtual/net/lo", "lo", "00:00:00:00:00:00", 1, "unknown")


def _interface(tree: Tree, base: str, name: str, mac: str, index: int, state: str) -> None:
    tree.link(f"/sys/class/net/{name}", base)
    tree.link(f"{base}/subsystem", "/sys/class/net")
    attributes: dict[str, str | int] = {
        "address": mac,
        "ifindex": index,
        "operstate": state,
        "mtu": 1500,
        "type": 1,
    }
    for key, value in attributes.items():
        tree.file(f"{base}/{key}", value)
    tree.file(f"{base}/uevent", f"INTERFACE={name}\nIFINDEX={index}")


def _bridge_mac(machine: Machine) -> str:
    return next((p.nic.mac for p in machine.parts if p.nic and p.nic.master == "vmbr0"), "02:00:00:00:00:01")


def _storage(machine: Machine, boot: Boot, tree: Tree) -> None:
    mounts = ["sysfs /sys sysfs rw,nosuid,nodev,noexec,relatime 0 0", "proc /proc proc rw,relatime 0 0"]
    major_minor = 0
    pvs: dict[str, list[str]] = {}  # volume group -> directories of the partitions it lies on
    swaps = []
    for part, disk in live_disks(machine, boot):
        base = _disk_directory(machine, part, disk, tree)
        major = 259 if disk.name.startswith("nvme") else 8
        _block(tree, base, disk.name, disk.size, f"{major}:{major_minor}")
        for number, (size, use) in enumerate(disk.partitions, 1):
            name = f"{disk.name}{'p' if disk.name[-1].isdigit() else ''}{number}"
            where = f"{base}/{name}"
            _block(tree, where, name, size, f"{major}:{major_minor + number}")
            tree.file(f"{where}/partition", number)
            kind, _, rest = use.partition(":")
            if kind == "pv":
                pvs.setdefault(rest, []).append(where)
            elif kind == "swap":
                swaps.append(f"/dev/{name}")
            elif kind == "efi":
                mounts.append(f"/dev/{name} /boot/efi vfat rw,relatime,fmask=0022,dmask=0022 0 0")
            elif kind == "ext4":
                mounts.append(f"/dev/{name} {rest} ext4 rw,relatime,errors=remount-ro 0 0")
        major_minor += 16
    for minor, (volume, group) in enumerate(_volumes(pvs)):
        name = f"dm-{minor}"
        base = f"/sys/devices/virtual/block/{name}"
        _block(tree, base, name, 96 << 30, f"252:{minor}")
        mapped = f"{group}-{volume}"
        tree.file(f"{base}/dm/name", mapped)
        tree.file(f"{base}/dm/uuid", f"LVM-demo{group}{volume}")
        for where in pvs[group]:
            tree.link(f"{base}/slaves/{where.rsplit('/', 1)[1]}", where)
            tree.link(f"{where}/holders/{name}", base)
        tree.link(f"/dev/mapper/{mapped}", f"/dev/{name}")
        if volume == "root":
            mounts.append(f"/dev/mapper/{mapped} / ext4 rw,relatime,errors=remount-ro 0 0")
        else:
            swaps.append(f"/dev/{name}")
    for pool in {use[4:] for _, d in live_disks(machine, boot) for _, use in d.partitions if use.startswith("zfs:")}:
        mounts.append(f"{pool} /{pool} zfs rw,relatime,xattr,noacl 0 0")
    mounts.append("/dev/fuse /etc/pve fuse rw,nosuid,nodev,relatime,user_id=0,group_id=0 0 0")
    tree.file("/proc/mounts", "\n".join(mounts))
    tree.file("/proc/self/mounts", "\n".join(mounts))
    tree.file("/proc/self/mountinfo", "\n".join(_mountinfo(line, number) for number, line in enumerate(mounts, 22)))
    lines = ["Filename\t\t\t\tType\t\tSize\t\tUsed\t\tPriority"]
    lines += [f"{swap}                               partition\t8388604\t\t0\t\t-2" for swap in swaps]
    tree.file("/proc/swaps", "\n".join(lines))


def _usb(machine: Machine, boot: Boot, tree: Tree) -> None:
    """Devices whose controller has its own driver; port 1-4 lies on the root hub usb1."""
    devices = "/sys/bus/usb/devices"
    tree.directory(devices)
    for part in machine.parts:
        for device in part.usb if part.driver and boot.drivers.get(part.at) == part.driver else ():
            base = f"{device_directory(machine, part)}/usb{device.port[0]}/{device.port}"
            interface = f"{base}/{device.port}:1.0"
            tree.link(f"{devices}/{device.port}", base)
            tree.link(f"{devices}/{device.port}:1.0", interface)
            tree.file(f"{base}/idVendor", device.ids[:4])
            tree.file(f"{base}/idProduct", device.ids[5:])
            tree.file(f"{base}/product", device.product)
            tree.directory(f"/sys/bus/usb/drivers/{device.driver}")
            tree.link(f"{interface}/driver", f"/sys/bus/usb/drivers/{device.driver}")
            names = ("bInterfaceClass", "bInterfaceSubClass", "bInterfaceProtocol")
            for name, value in zip(names, device.kind, strict=True):
                tree.file(f"{interface}/{name}", f"{value:02x}")


def _volumes(pvs: dict[str, list[str]]) -> list[tuple[str, str]]:
    return [(volume, group) for group in pvs for volume in ("swap", "root")]


def _mountinfo(line: str, number: int) -> str:
    device, where, kind, options = line.split()[:4]
    return f"{number} 1 0:{number} / {where} {options} - {kind} {device} {options}"


def _disk_directory(machine: Machine, part: Part, disk: Disk, tree: Tree) -> str:
    base = device_directory(machine, part)
    if disk.name.startswith("nvme"):
        controller = f"{base}/nvme/{disk.name.removesuffix('n1')}"
        tree.link(f"/sys/class/nvme/{disk.name.removesuffix('n1')}", controller)
        tree.link(f"{controller}/device", base)
        tree.file(f"{controller}/model", disk.model.ljust(40))
        tree.file(f"{controller}/serial", disk.serial.ljust(20))
        tree.link(f"{controller}/{disk.name}/device", controller)
        return f"{controller}/{disk.name}"
    host = [d.name for p in machine.parts for d in p.disks if not d.name.startswith("nvme")].index(disk.name)
    target = f"{base}/ata{host + 1}/host{host}/target{host}:0:0/{host}:0:0:0"
    if part.class_code >> 8 != 0x0106:
        target = f"{base}/host8/port-8:{host}/end_device-8:{host}/target8:0:{host}/8:0:{host}:0"
    tree.file(f"{target}/model", disk.model[:16].ljust(16))
    tree.link(f"{target}/block/{disk.name}/device", target)
    return f"{target}/block/{disk.name}"


def _block(tree: Tree, base: str, name: str, size: int, numbers: str) -> None:
    """`size` in bytes; sysfs counts sectors of 512."""
    tree.link(f"/sys/class/block/{name}", base)
    if not base.rsplit("/", 2)[1].startswith(("nvme0n", "nvme1n", "nvme2n", "sd")):
        tree.link(f"/sys/block/{name}", base)
    tree.link(f"/sys/dev/block/{numbers}", base)
    tree.link(f"{base}/subsystem", "/sys/class/block")
    tree.file(f"{base}/size", size // 512)
    tree.file(f"{base}/dev", numbers)
    tree.directory(f"{base}/holders")
    tree.directory(f"{base}/slaves")


# Commands. Each function gives standard output.


def dmidecode_slots(machine: Machine) -> str:
    """``dmidecode -t 9``."""
    parts = ["# dmidecode 3.4\nGetting SMBIOS data from sysfs.\nSMBIOS 3.5.0 present.\n"]
    for number, socket in enumerate(machine.sockets):
        lines = [
            f"Handle 0x{0x20 + number:04X}, DMI type 9, 17 bytes",
            "System Slot Information",
            f"\tDesignation: {socket.designation}",
            f"\tType: {socket.type}",
            f"\tCurrent Usage: {'In Use' if socket.in_use else 'Available'}",
            "\tLength: " + ("Long" if "x16" in socket.type else "Short"),
            f"\tID: {socket.number if socket.number is not None else number}",
            "\tCharacteristics:",
            "\t\t3.3 V is provided",
            "\t\tOpening is shared",
            "\t\tPME signal is supported",
        ]
        if socket.address:
            lines.append(f"\tBus Address: {socket.address}")
        parts.append("\n".join(lines) + "\n")
    return "\n".join(parts) + "\n"


def journal(machine: Machine, boot: Boot) -> str:
    """Kernel lines as ``journalctl -k -b -o short-monotonic --no-pager`` prints them."""
    lines = [f"Linux version {machine.kernel} (build@proxmox)", f"Command line: {boot.cmdline}"]
    if machine.vendor == "intel":
        lines.append("ACPI: DMAR 0x000000007B2C6000 000088 (v02 INTEL  EDK2     00000002      01000013)")
        lines.append("DMAR: Host address width 39")
        if "intel_iommu=on" in boot.cmdline:
            lines.append("DMAR: IOMMU enabled")
        lines.append("DMAR-IR: Enabled IRQ remapping in x2apic mode")
    else:
        lines.append("AMD-Vi: Interrupt remapping enabled")
        if boot.iommu:
            lines.append("pci 0000:00:00.2: AMD-Vi: IOMMU performance counters supported")
    if boot.iommu:
        lines.append("iommu: Default domain type: Translated")
        lines += [f"pci {p.at}: Adding to iommu group {p.group}" for p in machine.parts if p.group is not None]
        if machine.vendor == "intel":
            lines.append("DMAR: Intel(R) Virtualization Technology for Directed I/O")
    lines += [
        f"vfio_pci: add [{machine.by_address[at].ids}[ffffffff:ffffffff]] class 0x000000/00000000"
        for at, driver in boot.drivers.items()
        if driver == "vfio-pci"
    ]
    return "".join(f"[{n / 10:12.6f}] {machine.name} kernel: {line}\n" for n, line in enumerate(lines))


def ip_json(machine: Machine, boot: Boot, argv: tuple[str, ...]) -> str:
    """``ip -j ...``: link, addr and route, for IPv4 (the demo has no IPv6)."""
    what = next((word for word in argv[1:] if not word.startswith("-")), "")
    if what.startswith("r"):
        if "-6" in argv:
            return "[]"
        network = ipaddress.ip_interface(machine.ip).network
        routes: list[dict[str, object]] = [
            {
                "dst": "default",
                "gateway": _GATEWAY,
                "dev": "vmbr0",
                "protocol": "kernel",
                "flags": ["onlink"],
            },
            {
                "dst": str(network),
                "dev": "vmbr0",
                "protocol": "kernel",
                "scope": "link",
                "flags": [],
                "prefsrc": machine.ip.split("/")[0],
            },
        ]
        return json.dumps(routes)
    found: list[dict[str, object]] = [
        {
            "ifindex": 1,
            "ifname": "lo",
            "flags": ["LOOPBACK", "UP"],
            "link_type": "loopback",
            "operstate": "UNKNOWN",
            "address": "00:00:00:00:00:00",
            "addr_info": [{"family": "inet", "local": "127.0.0.1", "prefixlen": 8, "scope": "host"}],
        }
    ]
    index = 1
    for _, nic in live_nics(machine, boot):
        index += 1
        entry: dict[str, object] = {
            "ifindex": index,
            "ifname": nic.name,
            "flags": ["BROADCAST", "UP"],
            "mtu": 1500,
            "operstate": "UP" if nic.speed else "DOWN",
            "link_type": "ether",
            "address": nic.mac,
            "addr_info": [],
        }
        if nic.master:
            entry["master"] = nic.master
        found.append(entry)
    ip, _, prefix = machine.ip.partition("/")
    found.append(
        {
            "ifindex": index + 1,
            "ifname": "vmbr0",
            "flags": ["BROADCAST", "UP"],
            "mtu": 1500,
            "operstate": "UP",
            "link_type": "ether",
            "address": _bridge_mac(machine),
            "linkinfo": {"info_kind": "bridge"},
            "addr_info": [
                {"family": "inet", "local": ip, "prefixlen": int(prefix), "scope": "global", "label": "vmbr0"}
            ],
        }
    )
    if what.startswith("l"):
        for entry in found:
            entry.pop("addr_info")
    return json.dumps(found)


def zpool_status(machine: Machine, boot: Boot) -> str:
    """``zpool status -LP``."""
    pools: dict[str, list[str]] = {}
    for _, disk in live_disks(machine, boot):
        for number, (_, use) in enumerate(disk.partitions, 1):
            if use.startswith("zfs:"):
                pools.setdefault(use[4:], []).append(f"/dev/{disk.name}{number}")
    if not pools:
        return "no pools available\n"
    text = []
    for pool, devices in pools.items():
        rows = "".join(f"\t    {device}  ONLINE       0     0     0\n" for device in devices)
        text.append(
            f"  pool: {pool}\n state: ONLINE\nconfig:\n\n\tNAME           STATE     READ WRITE CKSUM\n"
            f"\t{pool}           ONLINE       0     0     0\n"
            f"\t  mirror-0     ONLINE       0     0     0\n{rows}\n"
            "errors: No known data errors\n"
        )
    return "\n".join(text)


def pvs(machine: Machine, boot: Boot) -> str:
    """``pvs --noheadings -o pv_name,vg_name``."""
    return "".join(
        f"  /dev/{disk.name}{'p' if disk.name[-1].isdigit() else ''}{number} {use[3:]}\n"
        for _, disk in live_disks(machine, boot)
        for number, (_, use) in enumerate(disk.partitions, 1)
        if use.startswith("pv:")
    )
