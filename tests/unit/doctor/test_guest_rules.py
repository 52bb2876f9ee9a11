"""Rules of VMs and mappings: each once where it belongs, and silent beside it."""

from __future__ import annotations

from dataclasses import replace
from types import MappingProxyType
from typing import Any

import pytest
from rule_cases import Case, at, check, function, node, told, vars_of

from backend.doctor import guests, machines, mappings, roms
from backend.doctor.finding import Severity
from backend.node.mapping import PATH, parse_mappings
from backend.node.node import Guest, Iommu, Node
from backend.node.option_rom import OptionRom, RomImage
from backend.node.vm_start import will_start
from backend.snapshot.readers.guests import guest_uses
from resources.doctor import sentences

IDS = {"vendor": 0x10DE, "device": 0x2204, "subsystem_vendor": 0x1043, "subsystem_device": 0x8000}
GPU = function("01:00.0", 0x030000, group=1, **IDS)
AUDIO = function("01:00.1", 0x040300, group=1, **{**IDS, "device": 0x1AEF})
IGPU = function("00:02.0", 0x030000, group=0, **{**IDS, "vendor": 0x8086, "device": 0x4680})
NIC = function("02:00.0", 0x020000, group=2, **{**IDS, "vendor": 0x8086, "device": 0x15F3})
TWIN = function("03:00.0", 0x020000, group=3, **{**IDS, "vendor": 0x8086, "device": 0x15F3})


def machine(*confs: str, **more: Any) -> Node:
    """VMs 101, 102, ... on a node with all the devices."""
    numbered = dict(enumerate(confs, 101))
    return node(GPU, AUDIO, IGPU, NIC, TWIN, guests=numbered, hostname="n1", **more)


def mapped(conf: str, *entries: str, mdev: bool = False, version: str | None = None) -> Node:
    """A node whose cluster has the mapping "gpu"."""
    text = "gpu\n" + "".join(f"\tmap {entry}\n" for entry in entries) + ("\tmdev 1\n" if mdev else "")
    found = machine(conf, files={PATH: text}, mappings=parse_mappings(text)[0], pve_version=version)
    return replace(found, uses=tuple(guest_uses(found)))


def with_rom(conf: str, *images: RomImage, problem: str | None = None) -> Node:
    size = sum(image.size for image in images) or (0 if problem == "empty" else 100)
    found = {"/usr/share/kvm/a.rom": OptionRom(images, size, problem)}
    return machine(conf, roms=MappingProxyType(found))


def whole(path: str = "0000:01:00.0", id_: str = "10de:2204", group: int | None = 1, of: str = "n1") -> str:
    told_group = "" if group is None else f",iommugroup={group}"
    return f"node={of},path={path},id={id_},subsystem-id=1043:8000{told_group}"


BIOS = RomImage(0, 1024, 0, 0x10DE, (0x2204,), None, False, True)
EFI = RomImage(0, 1024, 3, 0x10DE, (0x2204,), "x64", True, None)
ROM = "hostpci0: 01:00,romfile=a.rom\n"
USES = "hostpci0: mapping=gpu\n"
HA = "/etc/pve/ha/resources.cfg"
IGD = "machine: pc\nvga: none\nhostpci0: 00:02.0,legacy-igd=1\n"

CASES = (
    Case(
        "iommu-off-with-guests",
        machine("hostpci0: 01:00\n", "hostpci0: 02:00.0\n", iommu=Iommu(active=False)),
        machine("hostpci0: 01:00\n", iommu=Iommu(active=None)),
    ),
    Case("guest-hostpci-unreadable", machine("hostpci0: 00:1F.2\n"), machine("hostpci0: 00:1f.2\n")),
    Case(
        "guest-hostpci-unreadable",
        machine("hostpci0: 01:00, pcie=1\n"),
        machine("template: 1\nhostpci0: 01:00, pcie=1\n"),
        "space",
    ),
    Case("guest-hostpci-empty", machine("hostpci0: pcie=1\n"), machine("hostpci0: pcie=1,01:00\n")),
    Case("guest-host-and-mapping", machine("hostpci0: 01:00,mapping=gpu\n"), machine("hostpci0: mapping=gpu\n")),
    Case("guest-hostpci-number", machine("hostpci16: 01:00\n"), machine("hostpci15: 01:00\n")),
    Case(
        "guest-hostpci-pending",
        machine(
            "name: a\n[PENDING]\nhostpci0: 01:00\n",
            files={"/etc/pve/qemu-server/101.conf": "name: a\n[PENDING]\nhostpci0: 01:00\n"},
        ),
        machine(
            "name: a\n[snap]\nhostpci0: 01:00\n",
            files={"/etc/pve/qemu-server/101.conf": "name: a\n[snap]\nhostpci0: 01:00\n"},
        ),
    ),
    Case("guest-device-missing", machine("hostpci0: 02:00;09:00\n"), machine("hostpci0: 02:00;03:00\n")),
    Case("guest-device-missing", machine("hostpci0: 01:00.5\n"), node(guests={101: "hostpci0: 01:00.5"}), "function"),
    Case(
        "guest-device-twice",
        machine("hostpci0: 01:00\nhostpci1: 0000:01:00.1\n"),
        machine("hostpci0: 01:00.0\nhostpci1: 0000:01:00.1\n"),
    ),
    Case(
        "guest-device-twice",
        machine("hostpci0: 02:00.0;02:00\n"),
        machine("hostpci0: 02:00.0,mdev=a\nhostpci1: 02:00.0,mdev=a\n"),
        "one line",
    ),
    Case(
        "guest-devices-shared",
        machine("onboot: 1\nhostpci0: 01:00\n", "hostpci0: 01:00\n"),
        machine("hostpci0: 01:00.0\n", "hostpci0: 01:00.1\n"),
    ),
    Case(
        "guest-devices-shared",
        machine("hostpci0: 01:00\n", "hostpci3: 01:00.0\n"),
        machine("hostpci0: 01:00.0,mdev=a\n", "hostpci0: 01:00.0,mdev=a\n"),
        "mediated",
    ),
    Case(
        "guest-devices-shared-onboot",
        machine("onboot: 1\nhostpci0: 01:00\n", "onboot: 1\nhostpci0: 01:00\n"),
        machine("onboot: 1\nhostpci0: 01:00\n", "onboot: 1\ntemplate: 1\nhostpci0: 01:00\n"),
    ),
    Case(
        "guest-onboot-dangerous",
        machine("onboot: 1\nhostpci0: 01:00.0\n", uses={"01:00.1": "network eno1"}),
        machine("onboot: 1\nhostpci0: 01:00.0,driver=keep\n", uses={"01:00.1": "network eno1"}),
    ),
    Case(
        "guest-onboot-dangerous",
        machine("onboot: 1\nhostpci0: 02:00.0\n", uses={"02:00.0": "root nvme0n1p3"}),
        machine("onboot: 0\nhostpci0: 02:00.0\n", uses={"02:00.0": "root nvme0n1p3"}),
        "the device itself",
    ),
    Case(
        "guest-onboot-dangerous",
        machine("onboot: 1\nhostpci0: 01:00\n", uses={"01:00.1": "this-connection eno1", "01:00.0": "swap"}),
        machine("onboot: 1\nhostpci0: 01:00\n", uses={"01:00.0": "console", "02:00.0": "root"}),
        "console",
    ),
    Case("guest-mdev-multifunction", machine("hostpci0: 01:00,mdev=a\n"), machine("hostpci0: 01:00.0,mdev=a\n")),
    Case(
        "guest-args-vfio",
        machine("args: -device 'vfio-pci,id=x,host=0000:01:00.0'\n"),
        machine("args: -set device.hostpci0.addr=02.0\nhostpci0: 01:00\n"),
    ),
    Case(
        "guest-ha-raw-device",
        machine("hostpci0: 01:00\n", files={HA: "ct: 100\n\nvm: 101\n\tstate started\n\nvm: 102\n\tstate ignored\n"}),
        machine("hostpci0: 01:00\n", files={HA: "vm: 101\n\tgroup a\n\tstate ignored\n\nvm: 102\n"}),
    ),
    Case(
        "guest-pcie-needs-q35",
        machine("machine: pc-i440fx-9.0\nhostpci0: 01:00,pcie=1\n"),
        machine("machine: type=pc-q35-8.1,viommu=intel\nhostpci0: 01:00,pcie=1\n"),
    ),
    Case(
        "guest-pcie-needs-q35", machine("hostpci0: 01:00,pcie=on\n"), machine("hostpci0: 01:00,pcie=off\n"), "default"
    ),
    Case("guest-legacy-igd", machine(IGD.replace("vga: none\n", "")), machine(IGD), "vga"),
    Case(
        "guest-legacy-igd", machine(IGD.replace("=1", "=1,rombar=0")), machine(IGD.replace("=1", "=1,rombar=1")), "rom"
    ),
    Case(
        "guest-legacy-igd", machine(IGD.replace("=1", "=1,x-vga=1")), machine(IGD.replace("=1", "=1,x-vga=0")), "x-vga"
    ),
    Case("guest-legacy-igd", machine(IGD.replace("=1", "=1,mdev=a")), machine(IGD.replace("=1", "=0,mdev=a")), "mdev"),
    Case(
        "guest-legacy-igd", machine(IGD.replace("pc", "q35", 1)), machine(IGD.replace("pc", "pc-i440fx-9.0", 1)), "q35"
    ),
    Case(
        "guest-legacy-igd",
        machine(IGD.replace("00:02.0", "02:00.0")),
        machine(IGD.replace("00:02.0", "0000:00:02")),
        "address",
    ),
    Case(
        "guest-legacy-igd",
        machine(IGD.replace("00:02.0", "00:02.0;02:00.0")),
        machine(f"{IGD}hostpci1: 02:00.0\n"),
        "functions",
    ),
    Case(
        "guest-legacy-igd",
        machine(f"{IGD}hostpci1: 00:02.0,legacy-igd=1\n"),
        machine(f"{IGD}hostpci1: 02:00.0,legacy-igd=0\n"),
        "second",
    ),
    Case(
        "guest-xvga-vga-set",
        machine("vga: virtio,memory=64\nhostpci0: 01:00,x-vga=1\n"),
        machine("vga: type=none\nhostpci0: 01:00,x-vga=1\n"),
    ),
    Case(
        "guest-xvga-vga-set",
        machine("vga: type=std\nhostpci0: 01:00,x-vga=1\n"),
        machine("vga: serial0\nhostpci0: 01:00,x-vga=1\n"),
        "serial",
    ),
    Case(
        "guest-memory-above-host",
        machine("memory: current=4097\nhostpci0: 01:00\nhostpci1: 02:00\n", memory=4096 << 20),
        machine("memory: 4096\nhostpci0: 01:00\n", memory=4096 << 20),
    ),
    Case(
        "guest-balloon-useless",
        machine("memory: 4096\nballoon: 2048\nhostpci0: 01:00\n"),
        machine("memory: 4096\nballoon: 0\nhostpci0: 01:00\n"),
    ),
    Case(
        "guest-balloon-useless",
        machine("balloon: 256\nhostpci0: 01:00\n"),
        machine("memory: 4096\nballoon: 4096\nhostpci0: 01:00\n"),
        "default",
    ),
    Case("guest-cpu-type", machine("hostpci0: 01:00\n"), machine("cpu: host,hidden=1\nhostpci0: 01:00\n")),
    Case(
        "guest-cpu-type",
        machine("cpu: cputype=x86-64-v2-AES\nhostpci0: 01:00\n"),
        machine("cpu: x86-64-v2-AES\nhostpci0: 02:00\n"),
        "no display",
    ),
    Case(
        "guest-cpu-type",
        machine("args: -smbios type=2\nhostpci0: 01:00\n"),
        machine("args: -cpu host,kvm=off\nhostpci0: 01:00\n"),
        "by hand",
    ),
    Case(
        "guest-rom-missing-file",
        machine(ROM, problems=("/usr/share/kvm/a.rom: missing",)),
        machine(ROM.replace("01:00", "01:00,rombar=0"), problems=("/usr/share/kvm/a.rom: missing",)),
    ),
    Case(
        "guest-rom-missing-file",
        machine(ROM.replace("a.rom", "s/b.rom"), problems=("/usr/share/kvm/s/b.rom: missing",)),
        machine(ROM, problems=("/usr/share/kvm/a.rom: denied",)),
        "not known",
    ),
    Case("guest-rom-empty", with_rom(ROM, problem="empty"), with_rom(ROM, problem="signature")),
    Case("guest-rom-broken", with_rom(ROM, BIOS, problem="checksum"), with_rom(ROM, BIOS)),
    Case("guest-rom-broken", with_rom(ROM, problem="signature"), with_rom(ROM, problem="empty"), "header"),
    Case("guest-rom-wrong-device", with_rom(ROM.replace("01:00", "02:00"), BIOS), with_rom(ROM, BIOS)),
    Case(
        "guest-rom-wrong-device",
        with_rom(ROM.replace("01:00", "01:00,device-id=0x2208"), BIOS),
        with_rom(ROM, replace(BIOS, devices=(0x2208, 0x2204))),
        "overridden",
    ),
    Case("guest-ovmf-needs-efi-rom", with_rom(f"bios: ovmf\n{ROM}", BIOS), with_rom(f"bios: ovmf\n{ROM}", BIOS, EFI)),
    Case(
        "guest-ovmf-needs-efi-rom",
        with_rom(f"bios: ovmf\n{ROM}", replace(EFI, machine="aa64")),
        with_rom(ROM, BIOS),
        "machine",
    ),
    Case("guest-seabios-needs-bios-rom", with_rom(ROM, EFI), with_rom(f"bios: ovmf\n{ROM}", EFI)),
    Case(
        "guest-seabios-needs-bios-rom",
        with_rom(f"bios: seabios\n{ROM}", EFI),
        with_rom(ROM.replace("01:00", "02:00"), EFI),
        "no display",
    ),
    Case("guest-rom-not-shown", machine(ROM.replace("01:00", "01:00,rombar=0")), machine(ROM)),
    Case("mapping-unknown", machine(USES), mapped(USES)),
    Case(
        "mapping-unknown",
        machine(USES, problems=(f"{PATH}: missing",)),
        machine(USES, problems=(f"{PATH}: denied",)),
        "not known",
    ),
    Case("mapping-no-local-entry", mapped(USES, whole(of="n2")), mapped(USES, whole(of="n2"), whole())),
    Case(
        "mapping-two-ids",
        mapped(USES, whole("0000:01:00.0;0000:01:00.1")),
        mapped(USES, whole("0000:02:00.0;0000:03:00.0", "8086:15f3", 2)),
    ),
    Case("mapping-group-moved", mapped(USES, whole(group=7)), mapped(USES, whole())),
    Case(
        "mapping-group-moved",
        mapped(USES, whole(group=7)),
        mapped("name: a\n", whole(group=7)),
        "used",
    ),
    Case("mapping-invalid", mapped(USES, whole("0000:09:00.0")), mapped(USES, whole("0000:01:00")), "not found"),
    Case("mapping-invalid", mapped(USES, whole(group=None)), mapped(USES, whole(group=7)), "missing iommugroup"),
    Case("mapping-invalid", mapped(USES, whole(id_="10de:2205")), mapped(USES, whole(id_="10de:2204")), "id"),
    Case(
        "mapping-invalid",
        mapped(USES, whole().replace(",subsystem-id=1043:8000", "")),
        mapped(USES, whole(of="n2").replace(",subsystem-id=1043:8000", "")),
        "missing subsystem-id",
    ),
    Case(
        "mapping-invalid",
        mapped(USES, whole(), mdev=True),
        mapped(USES, whole(), mdev=True, version="8.3.5"),
        "mdev, not before 8.4",
    ),
    Case("mapping-stale", mapped("name: a\n", whole(group=7)), mapped("name: a\n", whole())),
    Case("mapping-unreadable", mapped(USES, whole(), "node=n1,path=01:00,id=10de:2204"), mapped(USES, whole())),
)


@pytest.mark.parametrize("case", CASES, ids=str)
def test_rule(case: Case) -> None:
    check(case)


def test_every_rule_has_a_case() -> None:
    codes = {rule.code for module in (guests, machines, mappings, roms) for rule in module.RULES}
    assert {case.code for case in CASES} == codes


def test_values_are_told() -> None:
    (found,) = told("guest-legacy-igd", machine(IGD.replace("vga: none", "vga: std")))
    assert found.values["condition"] == "legacy IGD assignment requires VGA mode to be 'none'"
    assert [str(line) for line in found.evidence] == [
        "/etc/pve/qemu-server/101.conf:3: hostpci0: 00:02.0,legacy-igd=1",
        "/etc/pve/qemu-server/101.conf:2: vga: std",
        "/etc/pve/qemu-server/101.conf:1: machine: pc",
    ]
    (found,) = told("mapping-group-moved", mapped(USES, whole(group=7)))
    assert (found.values["real"], found.values["configured"], found.values["guests"]) == ("1", "7", "VM 101")
    assert found.address == at("01:00.0")
    assert str(found.evidence[0]).startswith(f"{PATH}:2: map node=n1")
    (found,) = told("guest-devices-shared-onboot", machine(*["onboot: 1\nhostpci0: 01:00\n"] * 3))
    assert found.values["guests"] == "VM 101, VM 102, VM 103"


def test_all_conditions_of_legacy_igd_at_once() -> None:
    conf = "machine: q35\nhostpci0: 01:00,legacy-igd=1,x-vga=1,rombar=0\n"
    assert len(told("guest-legacy-igd", machine(conf))) == 6


def test_two_vms_on_a_mapping_with_alternatives_share_nothing() -> None:
    text = "gpu\n\tmap " + whole("0000:02:00.0", "8086:15f3", 2) + "\n\tmap " + whole("0000:03:00.0", "8086:15f3", 3)
    both = machine(USES, USES, mappings=parse_mappings(text)[0])
    assert told("guest-devices-shared", both) == []
    one = machine(USES, USES, mappings=parse_mappings(text.rpartition("\n")[0])[0])
    assert len(told("guest-devices-shared", one)) == 1


def test_sentences_say_what_to_do() -> None:
    for module in (guests, machines, mappings, roms):
        for rule in module.RULES:
            assert sentences()[rule.code].do, rule.code
    (found,) = told("guest-rom-broken", with_rom(ROM, problem="signature"))
    assert "55 AA" in vars_of("guest-rom-broken", found)[1]


def test_error_where_pve_refuses_and_nowhere_else(start_cases: list[tuple[dict[str, Any], Node, Guest]]) -> None:
    """What PVE's own code says of 500 VMs: each that does not start has the error that says why, none that starts has
    any."""
    grave = [
        rule
        for module in (guests, machines, mappings, roms)
        for rule in module.RULES
        if rule.severity is Severity.ERROR and rule.code != "guest-hostpci-unreadable"
    ]
    for case, one, guest in start_cases:
        said = {rule.code for rule in grave for _ in rule.check(one)}
        refusal = will_start(one, guest, {}).refusal
        if refusal is None:
            assert said == set(), case
        elif refusal.code not in ("unreadable", "no-free-alternative"):
            assert said & _TOLD_BY[refusal.code], (case, refusal)


_TOLD_BY = {
    "host-and-mapping": {"guest-host-and-mapping"},
    "empty": {"guest-hostpci-empty"},
    "mapping-unknown": {"mapping-unknown", "mapping-no-local-entry"},
    "mapping-invalid": {"mapping-invalid", "mapping-group-moved", "mapping-two-ids"},
    "missing": {"guest-device-missing"},
    "mdev-multifunction": {"guest-mdev-multifunction"},
    "needs-q35": {"guest-pcie-needs-q35"},
    "twice": {"guest-device-twice"},
    **{
        f"igd-{condition}": {"guest-legacy-igd"}
        for condition in (
            "second",
            "vga",
            "rombar",
            "x-vga",
            "mdev",
            "q35",
            "multifunction",
            "alternatives",
            "address",
        )
    },
}
