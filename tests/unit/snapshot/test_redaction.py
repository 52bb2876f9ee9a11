"""A redacted snapshot shows the same machine, and nobody's."""

from __future__ import annotations

import dataclasses
import json
import re
import zlib
from collections.abc import Callable

import pytest

from backend.demo.machines import catalogue
from backend.demo.machines.parts import Machine
from backend.demo.world import World
from backend.node.node import Node
from backend.snapshot.file import MAGIC, dumps
from backend.snapshot.readers import config_space, read_node
from backend.snapshot.redaction import redact
from backend.snapshot.snapshot import CommandOutput, Snapshot

MACHINES = [catalogue.workstation, catalogue.server, catalogue.small, catalogue.huge]
SECRETS = {
    "/etc/pve/qemu-server/7.conf": (
        b"#ask Jane for the door code\nname: payroll\ncipassword: $5$abc$defghijk\n"
        b"sshkeys: ssh-ed25519%20AAAAC3NzaC1lZDI1NTE5AAAA"
        b"%20jane%40home\nsmbios1: uuid=8f6a0bd5-0d9f-4b0e-a4f3-5d4b0a2c9a10,serial=Zm9v\n"
        b"net0: virtio=BC:24:11:AA:BB:CC,bridge=vmbr0\nhostpci0: 0000:01:00.0\n[snap]\nname: payroll-old\n"
    ),
    "/etc/network/interfaces": (
        b"iface wlan0 inet static\n\t# Jane's cellar\n\taddress 10.11.12.13/24\n\tgateway 10.11.12.1\n"
        b"\twpa-ssid CellarNet\n\twpa-psk correcthorse\n\tdns-search corp.example.org\n"
        b"iface wlan0 inet6 static\n\taddress fd12:3456:789a::17/64\n"
    ),
    "/etc/corosync/corosync.conf": (
        b"totem {\n  cluster_name: moonbase\n}\n"
        b"nodelist {\n  node {\n    name: gateau\n    ring0_addr: 10.11.12.13\n  }\n}\n"
    ),
    "/proc/sys/kernel/hostname": b"gateau\n",
    "/proc/net/route": b"Iface\tDestination\tGateway\tFlags\tRefCnt\tUse\tMetric\tMask\n"
    b"wlan0\t00000000\t010C0B0A\t0003\t0\t0\t0\t00000000\n",
    "/etc/modprobe.d/x.conf": b"options vfio-pci ids=10de:2786,10de:22bc\n",
}
OUTPUTS = {
    ("uname", "-a"): b"Linux gateau 6.8.12-4-pve #1 SMP x86_64 GNU/Linux\n",
    ("dmidecode", "-t", "0,1,2,9,41"): (
        b"System Information\n\tManufacturer: ASUS\n\tSerial Number: MX1234567\n"
        b"\tUUID: 4c4c4544-0042-3510-8051-b2c04f4d3232\n\tAsset Tag: INV-0815\n"
    ),
    ("ip", "-j", "addr"): json.dumps(
        [
            {
                "ifname": "wlan0",
                "address": "bc:24:11:aa:bb:cc",
                "ifalias": "Jane",
                "addr_info": [{"family": "inet", "local": "10.11.12.13", "scope": "global"}],
            }
        ]
    ).encode(),
    ("ssh-connection",): b"203.0.113.77 50022 10.11.12.13 22",
}
GONE = [
    "jane",
    "door",
    "payroll",
    "$5$abc",
    "AAAAC3",
    "8f6a0bd5",
    "Zm9v",
    "bc:24:11",
    "cellar",
    "10.11.12",
    "correcthorse",
    "corp.example",
    "fd12:3456",
    "moonbase",
    "gateau",
    "MX1234567",
    "4c4c4544",
    "INV-0815",
    "203.0.113.77",
    "010C0B0A",
    "50022",
]


def everything(snapshot: Snapshot) -> bytes:
    return zlib.decompress(dumps(snapshot)[len(MAGIC) :])


def shape(node: Node) -> list[object]:
    """What must stay: all of it but names, serials and files' words."""
    return [
        [dataclasses.replace(f, serial=None, config=b"") for f in node.functions],
        [len(f.config) for f in node.functions],
        node.groups,
        node.slots,
        node.uses,
        node.iommu,
        node.boot,
        node.interfaces,
        node.modules,
        node.cmdline,
        [(guest.vmid, guest.onboot, guest.hostpci) for guest in node.guests],
    ]


@pytest.mark.parametrize("make", MACHINES)
def test_the_same_machine(make: Callable[[], Machine]) -> None:
    snapshot = World(make()).snapshot()
    assert shape(read_node(redact(snapshot))) == shape(read_node(snapshot))


@pytest.mark.parametrize("make", MACHINES)
def test_nothing_personal_is_left(make: Callable[[], Machine]) -> None:
    machine = make()
    snapshot = World(machine).snapshot()
    raw, left = everything(snapshot), everything(redact(snapshot))
    node = read_node(snapshot)
    secrets = {part.nic.mac for part in machine.parts if part.nic} | {machine.ip.split("/")[0], machine.name}
    secrets |= {f"name: {guest.name}" for guest in node.guests}
    for secret in secrets:
        found = rf"(?i)(?<![A-Za-z0-9]){re.escape(secret)}(?![A-Za-z0-9])".encode()
        assert re.search(found, raw), secret
        assert not re.search(found, left), secret
    for function in node.functions:
        if function.serial:
            assert bytes.fromhex(function.serial.replace("-", ""))[::-1] not in left


def small() -> Snapshot:
    return Snapshot(files=dict(SECRETS), commands={argv: CommandOutput(0, text, b"") for argv, text in OUTPUTS.items()})


@pytest.mark.parametrize("secret", GONE)
def test_a_secret_is_gone(secret: str) -> None:
    assert secret.lower().encode() in everything(small()).lower()
    assert secret.lower().encode() not in everything(redact(small())).lower()


def test_the_same_value_gets_the_same_placeholder() -> None:
    found = redact(small())
    interfaces = (found.text("/etc/network/interfaces") or "").split()
    address, gateway = interfaces[interfaces.index("address") + 1], interfaces[interfaces.index("gateway") + 1]
    assert re.fullmatch(r"192\.0\.2\.\d+/24", address)
    assert re.fullmatch(r"192\.0\.2\.\d+", gateway)  # still in one net
    assert f"ring0_addr: {address[:-3]}" in (found.text("/etc/corosync/corosync.conf") or "")
    (entry,) = json.loads(found.output("ip", "-j", "addr") or "")
    assert entry["addr_info"][0]["local"] == address[:-3]
    assert (found.output("ssh-connection") or "").split()[2] == address[:-3]
    assert re.fullmatch(r"02:00:00(:[0-9a-f]{2}){3}", entry["address"])
    assert entry["address"] in (found.text("/etc/pve/qemu-server/7.conf") or "")
    assert "address 2001:db8::" in (found.text("/etc/network/interfaces") or "")
    name = found.text("/proc/sys/kernel/hostname")
    assert (found.output("uname", "-a") or "").split()[1] == name
    table = (found.text("/proc/net/route") or "").splitlines()[1].split("\t")
    assert bytes.fromhex(table[2])[::-1] == bytes(map(int, gateway.split(".")))
    assert table[1] == "00000000"


def test_times_are_kept_but_not_of_pushes() -> None:
    stats = {"/boot/initrd.img-6.8": (7, 8), "/var/lib/lanewright/pushes/1/journal.jsonl": (1, 2)}
    assert redact(Snapshot({}, stats=stats)).stats == {"/boot/initrd.img-6.8": (7, 8)}


def test_what_is_nobodys_stays() -> None:
    found = redact(small())
    assert found.read("/etc/modprobe.d/x.conf") == SECRETS["/etc/modprobe.d/x.conf"]
    assert "hostpci0: 0000:01:00.0" in (found.text("/etc/pve/qemu-server/7.conf") or "")
    assert "6.8.12-4-pve" in (found.output("uname", "-a") or "")
    assert "Manufacturer: ASUS" in (found.output("dmidecode", "-t", "0,1,2,9,41") or "")


def test_serial_in_config_space() -> None:
    config = bytearray(4096)
    config[0x100:0x104] = (0x0003 | 1 << 16 | 0x140 << 20).to_bytes(4, "little")
    config[0x104:0x10C] = b"\x0c\x0b\x6a\xff\xff\x21\x1b\x00"
    config[0x140:0x144] = (0x000B | 1 << 16).to_bytes(4, "little")
    path = "/sys/devices/pci0000:00/0000:00:01.0/config"
    found = redact(Snapshot(files={path: bytes(config)})).files[path]
    assert config_space.serial(bytes(config)) == "00-1b-21-ff-ff-6a-0b-0c"
    assert config_space.serial(found) is None
    assert found[0x104:0x10C] == bytes(8)
    assert found[:0x104] + found[0x10C:] == bytes(config[:0x104] + config[0x10C:])


def test_disks_by_their_serial_numbers() -> None:
    disk = "/dev/disk/by-id/ata-ASUS_SSD_S3Z2NB0K123456"
    found = redact(
        Snapshot(
            {"/etc/pve/qemu-server/7.conf": f"scsi1: {disk},size=1T\nscsi2: {disk}-part2\n".encode()},
            {disk: "../../sdb", f"{disk}-part2": "../../sdb2"},
        )
    )
    assert b"S3Z2NB0K" not in everything(found)
    lines = (found.text("/etc/pve/qemu-server/7.conf") or "").splitlines()
    assert [found.links[line.split(" ")[1].partition(",")[0]] for line in lines] == ["../../sdb", "../../sdb2"]


def test_pure_and_settled() -> None:
    snapshot = small()
    once = redact(snapshot)
    assert snapshot == small()
    assert redact(snapshot) == once
