"""Symptoms: every row of the failures known, as the kernel, QEMU and PVE put it, and texts that are none of them."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from pathlib import Path
from types import MappingProxyType

import pytest
from rule_cases import cases

from backend.doctor.examine import RULES
from backend.doctor.finding import Finding, Rule, Severity, Subject, Told
from backend.doctor.own_causes import OWN_CAUSES
from backend.doctor.symptoms import KEPT, SYMPTOMS, Fit, Recognised, log_lines, recognise, with_log
from backend.node.address import PciAddress
from backend.node.function import Function
from backend.node.node import Group, Guest, Iommu, Node
from resources.doctor import sentences

GPU = PciAddress.parse("0000:01:00.0")
AUDIO = PciAddress.parse("0000:01:00.1")
NIC = PciAddress.parse("0000:02:00.0")
NODE = Node(
    kernel="6.8.12-4-pve",
    iommu=Iommu(active=True),
    files=MappingProxyType({"/etc/hostname": b"pve1"}),
    log=log_lines("journalctl -k -b", "Linux version 6.8.12-4-pve"),
    functions=(
        Function(GPU, class_code=0x030000, group=1, sriov_total=16, sriov_vfs=0),
        Function(AUDIO, group=1),
        Function(NIC, group=7),
    ),
    groups=(Group(1, (GPU, AUDIO)), Group(7, (NIC,))),
    guests=(Guest(101, "win11", True, MappingProxyType({"hostpci0": "mapping=gpu,mdev=nvidia-63,pcie=1"})),),
)


@dataclass(frozen=True)
class Row:
    """A row of the table of failures: what a log says, the symptom, the cause it must lead to; and a text that must not
    match, as near as one comes."""

    number: int
    text: str
    symptom: str
    cause: str
    other: str
    address: PciAddress | None = None
    vmid: int | None = None


ROWS = (
    Row(
        1,
        "TASK ERROR: cannot prepare PCI pass-through, IOMMU not present",
        "symptom-iommu-not-present",
        "iommu-firmware-off",
        "AMD-Vi: AMD IOMMUv2 functionality not available on this system",
    ),
    Row(
        1,
        "kvm: -device vfio-pci,host=0000:01:00.0,id=hostpci0: vfio 0000:01:00.0: no iommu_group found: No such file",
        "symptom-iommu-not-present",
        "intel-iommu-parameter-missing",
        "pci 0000:01:00.0: Adding to iommu group 1",
        GPU,
    ),
    Row(
        2,
        "[    0.065368] Kernel command line: BOOT_IMAGE=/boot/vmlinuz-6.8.12-4-pve root=/dev/mapper/pve-root ro quiet",
        "symptom-parameter-lost",
        "wrong-loader-file",
        "[    0.065368] Kernel command line: root=/dev/mapper/pve-root ro quiet intel_iommu=on",
    ),
    Row(
        2,
        "WARN: /dev/disk/by-uuid/1A2B-3C4D does not exist - clean '/etc/kernel/proxmox-boot-uuids'! - skipping",
        "symptom-parameter-lost",
        "cause-esp-missing",
        "No /etc/kernel/proxmox-boot-uuids found, skipping ESP sync.",
    ),
    Row(
        3,
        "No root= parameter in /etc/kernel/cmdline found!",
        "symptom-cmdline-no-root",
        "cmdline-no-root",
        "Using root= parameter of /etc/kernel/cmdline",
    ),
    Row(
        4,
        "kvm: -device vfio-pci,host=0000:01:00.0,id=hostpci0.0: vfio 0000:01:00.0: group 1 is not viable\n"
        "Please ensure all devices within the iommu_group are bound to their vfio bus driver.",
        "symptom-group-not-viable",
        "group-member-on-host-driver",
        "pci 0000:01:00.0: Adding to iommu group 1",
        GPU,
    ),
    Row(
        5,
        "kvm: -device vfio-pci,host=0000:01:00.0: vfio 0000:01:00.0: error getting device from group 1: "
        "Invalid argument\n"
        "Verify all devices in group 1 are bound to vfio-<bus> or pci-stub and not already in use",
        "symptom-group-gives-no-device",
        "device-d3cold",
        "kvm: -device vfio-pci,host=0000:01:00.0: vfio 0000:01:00.0: group 1 is viable",
        GPU,
    ),
    Row(
        6,
        "kvm: -device vfio-pci,host=0000:01:00.1: vfio 0000:01:00.1: failed to open /dev/vfio/1: "
        "Device or resource busy",
        "symptom-group-busy",
        "group-split-over-guests",
        "mount: /mnt: failed to open /dev/sda1: Device or resource busy",
        AUDIO,
    ),
    Row(
        7,
        "TASK ERROR: start failed: PCI device '0000:01:00.0' already in use by VMID '102'",
        "symptom-device-in-use",
        "guest-devices-shared",
        "VM 102 is already in use by a template",
        GPU,
    ),
    Row(
        7,
        "PCI device '0000:01:00.0' is currently reserved for use by VMID '102'",
        "symptom-device-in-use",
        "cause-reservation-left",
        "PCI device '0000:01:00.0' is free",
        GPU,
    ),
    Row(
        8,
        "Feb 26 10:12:18 pve kernel: igb 0000:02:00.0 eno1 (unregistering): left promiscuous mode",
        "symptom-host-loses-device",
        "group-takes-host-device",
        "Feb 26 10:12:18 pve kernel: tap101i0 (unregistering): left allmulticast mode",
        NIC,
    ),
    Row(
        8,
        "[  100.1] vmbr0: port 1(eno1) entered disabled state",
        "symptom-host-loses-device",
        "group-takes-host-device",
        "[  100.1] vmbr0: port 2(tap101i0) entered disabled state",
    ),
    Row(
        8,
        "WARNING: Pool 'rpool' has encountered an uncorrectable I/O failure and has been suspended.",
        "symptom-host-loses-device",
        "cause-host-disk-failing",
        "Pool 'rpool' scrub finished",
    ),
    Row(
        9,
        "Feb 26 10:12:17 pve pve-guests[1690]: <root@pam> starting task "
        "UPID:pve:000014BA:000211EA:67BECCE1:qmstart:101:root@pam:",
        "symptom-onboot-takes-host",
        "guest-onboot-dangerous",
        "Feb 26 10:12:17 pve qm[5305]: <root@pam> starting task "
        "UPID:pve:000014BA:000211EA:67BECCE1:qmstart:101:root@pam:",
        None,
        101,
    ),
    Row(
        10,
        "kvm: Failed to mmap 0000:01:00.0 BAR 1. Performance may be slow",
        "symptom-bar-mmap",
        "bar-held-by-framebuffer",
        "nouveau 0000:01:00.0: Failed to load firmware. Performance may be slow",
        GPU,
    ),
    Row(
        11,
        "[   88.1] vfio-pci 0000:01:00.0: BAR 1: can't reserve [mem 0xc0000000-0xcfffffff 64bit pref]",
        "symptom-bar-reserve",
        "bar-cannot-reserve",
        "[    0.8] pci 0000:01:00.0: BAR 1: assigned [mem 0xc0000000-0xcfffffff 64bit pref]",
        GPU,
    ),
    Row(
        11,
        "[   88.1] vfio-pci 0000:01:00.0: BAR 1 [mem 0xc0000000-0xcfffffff 64bit pref]: can't reserve",
        "symptom-bar-reserve",
        "bar-held-by-framebuffer",
        "[    0.8] pci 0000:01:00.0: BAR 1 [mem 0xc0000000-0xcfffffff 64bit pref]",
        GPU,
    ),
    Row(
        12,
        "vfio-pci 0000:01:00.0: Invalid PCI ROM header signature: expecting 0xaa55, got 0xffff",
        "symptom-rom-invalid",
        "rom-shadowed",
        "pci 0000:01:00.0: ROM [mem 0x000c0000-0x000dffff]",
        GPU,
    ),
    Row(
        12,
        "Device option ROM contents are probably invalid (check dmesg).",
        "symptom-rom-invalid",
        "rom-none",
        "loading option ROM of the network card",
    ),
    Row(
        13,
        "[    7.1] vfio-pci 0000:01:00.0: vgaarb: deactivate vga console",
        "symptom-no-picture",
        "guest-ovmf-needs-efi-rom",
        "[    2.6] i915 0000:00:02.0: vgaarb: deactivate vga console",
        GPU,
    ),
    Row(
        13,
        "kvm: -device vfio-pci,host=0000:01:00.0,x-vga=on: vfio 0000:01:00.0: failed getting region info for VGA "
        "region index 8: Invalid argument",
        "symptom-no-picture",
        "guest-xvga-vga-set",
        "kvm: -device vfio-pci,host=0000:01:00.0,x-vga=on",
        GPU,
    ),
    Row(
        14,
        "Windows has stopped this device because it has reported problems. (Code 43)",
        "symptom-code-43",
        "cause-kvm-not-hidden",
        "command '/usr/bin/kvm' failed with exit code 43",
    ),
    Row(
        15,
        "kvm: vfio: Cannot reset device 0000:01:00.0, no available reset mechanism.",
        "symptom-no-reset",
        "device-no-reset",
        "usb 1-2: cannot reset port 2",
        GPU,
    ),
    Row(
        16,
        "error writing '1' to '/sys/bus/pci/devices/0000:01:00.0/reset': Inappropriate ioctl for device\n"
        "failed to reset PCI device '0000:01:00.0', but trying to continue as not all devices need a reset",
        "symptom-reset-refused",
        "cause-reset-refused",
        "error writing '1' to '/sys/bus/pci/devices/0000:01:00.0/enable': Permission denied",
        GPU,
    ),
    Row(
        17,
        "vfio-pci 0000:01:00.0: not ready 65535ms after FLR; giving up",
        "symptom-flr-stalls",
        "device-flr-broken",
        "vfio-pci 0000:01:00.0: not ready 1023ms after FLR; waiting",
        GPU,
    ),
    Row(
        18,
        "kvm: vfio: Unknown PCI header type '127' for device '0000:01:00.0'",
        "symptom-config-unreadable",
        "device-dead",
        "pci 0000:01:00.0: [10de:2204] type 00 class 0x030000 PCIe Legacy Endpoint",
        GPU,
    ),
    Row(
        18,
        "\t!!! Unknown header type 7f",
        "symptom-config-unreadable",
        "device-d3cold",
        "\tHeader type 70",
    ),
    Row(
        19,
        "vfio-pci 0000:01:00.0: can't change power state from D3cold to D0 (config space inaccessible)",
        "symptom-stuck-in-d3",
        "device-d3cold",
        "vfio-pci 0000:01:00.0: enabling device (0002 -> 0003)",
        GPU,
    ),
    Row(
        19,
        "vfio-pci 0000:01:00.0: Unable to power on device, stuck in D3",
        "symptom-stuck-in-d3",
        "device-dead",
        "vfio-pci 0000:01:00.0: power state changed by ACPI to D3cold",
        GPU,
    ),
    Row(
        20,
        "kvm: ../hw/pci/pci.c:1637: pci_irq_handler: Assertion `0 <= irq_num && irq_num < PCI_NUM_PINS' failed.",
        "symptom-interrupt-pin",
        "device-dead",
        "kvm: ../hw/pci/pci.c:99: pci_bus_init: Assertion `bus' failed.",
    ),
    Row(
        21,
        "kvm: vfio 0000:02:00.0: Failed to set up TRIGGER eventfd signaling for interrupt INTX-0: "
        "VFIO_DEVICE_SET_IRQS failure: Device or resource busy",
        "symptom-intx-busy",
        "intx-shared",
        "kvm: vfio 0000:02:00.0: Failed to set up TRIGGER eventfd signaling for interrupt MSI-0",
        NIC,
    ),
    Row(
        22,
        '[ 1000.0] irq 16: nobody cared (try booting with the "irqpoll" option)',
        "symptom-irq-nobody-cared",
        "intx-shared",
        "[    0.4] ACPI: PCI: Interrupt link LNKA configured for IRQ 16",
    ),
    Row(
        23,
        "vfio-pci 0000:02:00.0: DMAR: Device is ineligible for IOMMU domain attach due to platform RMRR requirement.  "
        "Contact your platform vendor.",
        "symptom-rmrr",
        "rmrr",
        "DMAR: RMRR base: 0x000000a7c33000 end: 0x000000a7c52fff",
        NIC,
    ),
    Row(
        24,
        "vfio_iommu_type1_attach_group: No interrupt remapping support.  Use the module param "
        '"allow_unsafe_interrupts" to enable VFIO IOMMU support on this platform',
        "symptom-no-interrupt-remapping",
        "interrupt-remapping-off",
        "DMAR-IR: Enabled IRQ remapping in x2apic mode",
    ),
    Row(
        25,
        "TASK ERROR: start failed: command '/usr/bin/kvm -id 101 -name win11' failed: got timeout",
        "symptom-start-timeout",
        "cause-memory-pinning",
        "TASK ERROR: start failed: QEMU exited with code 1",
    ),
    Row(
        25,
        "pvestatd[1234]: VM 101 qmp command failed - VM 101 qmp command 'query-proxmox-support' failed - unable to "
        "connect to VM 101 qmp socket - timeout after 51 retries",
        "symptom-start-timeout",
        "cause-memory-pinning",
        "VM 101 qmp command 'device_add' failed - Bus 'pci.9' not found",
        None,
        101,
    ),
    Row(
        26,
        "kvm: -device vfio-pci,host=0000:01:00.0: VFIO_MAP_DMA failed: Cannot allocate memory",
        "symptom-no-memory",
        "cause-memory-short",
        "kvm: -device vfio-pci,host=0000:01:00.0: VFIO_MAP_DMA failed: Bad address",
        GPU,
    ),
    Row(
        26,
        "kvm: vfio_container_dma_map(0x55d0c0ffee00, 0x100000000, 0x780000000, 0x7f0000000000) = -12 "
        "(Cannot allocate memory)",
        "symptom-no-memory",
        "cause-memory-short",
        "kvm: vfio_dma_unmap(0x55d0c0ffee00, 0x100000000) = -12",
    ),
    Row(
        27,
        "kvm: vfio_container_dma_map(0x55d0c0ffee00, 0x381800000000, 0x10000000, 0x7f0000000000) = -22 "
        "(Invalid argument)\n"
        "0000:01:00.0: PCI peer-to-peer transactions on BARs are not supported.",
        "symptom-address-width",
        "large-bar-iommu-width",
        "DMAR: Host address width 39",
        GPU,
    ),
    Row(
        28,
        "TASK ERROR: q35 machine model is not enabled at /usr/share/perl5/PVE/QemuServer/PCI.pm line 541.",
        "symptom-needs-q35",
        "guest-pcie-needs-q35",
        "machine: pc-q35-8.1+pve0",
    ),
    Row(
        29,
        "TASK ERROR: no PCI device found for '09:00.0'",
        "symptom-device-not-found",
        "guest-device-missing",
        "no PCI device selected",
        PciAddress.parse("09:00.0"),
    ),
    Row(
        30,
        "TASK ERROR: PCI device mapping invalid (hardware probably changed): 'id' does not match for 'gpu' "
        "(8086:1533 != 10de:2204)",
        "symptom-other-device",
        "cause-addresses-moved",
        "digest does not match for 'gpu'",
    ),
    Row(
        31,
        "error: vmbr0: bridge port enp4s0 does not exist",
        "symptom-bridge-without-port",
        "nic-name-gone",
        "error: vmbr0: bridge port enp4s0 has no carrier",
    ),
    Row(
        31,
        "[    2.1] igb 0000:02:00.0 enp2s0: renamed from eth0",
        "symptom-bridge-without-port",
        "nic-name-by-bus",
        "[    2.1] igb 0000:02:00.0: added PHC on eth0",
        NIC,
    ),
    Row(
        32,
        "TASK ERROR: PCI device mapping invalid (hardware probably changed): missing expected property 'iommugroup' "
        "for device '0000:01:00.0'",
        "symptom-mapping-incomplete",
        "mapping-invalid",
        "missing expected property 'name' for device '0000:01:00.0'",
        GPU,
    ),
    Row(
        33,
        "PCI device mapping invalid (hardware probably changed): 'iommugroup' does not match for 'gpu' (14 != 12)",
        "symptom-mapping-group",
        "mapping-group-moved",
        "PCI device mapping 'gpu' has iommugroup 14",
    ),
    Row(
        34,
        "PCI device mapping invalid (hardware probably changed): 'mdev' does not match for 'gpu' (0 != 1)",
        "symptom-mapping-mdev",
        "cause-mdev-driver-late",
        "PCI device mapping 'gpu' has mdev 1",
    ),
    Row(
        35,
        "only root can set 'hostpci0' config for non-mapped devices",
        "symptom-only-root",
        "cause-not-root",
        "only root can set 'args' config",
    ),
    Row(
        36,
        "TASK ERROR: could not find a free device for 'hostpci0'",
        "symptom-no-free-device",
        "cause-alternatives-used",
        "could not find a free port for 'vnc'",
    ),
    Row(
        37,
        "TASK ERROR: device '0000:01:00.1' assigned more than once",
        "symptom-device-twice",
        "guest-device-twice",
        "address 10.0.0.1 assigned more than once",
        AUDIO,
    ),
    Row(
        38,
        "igb 0000:02:00.0: PCIe Bus Error: severity=Corrected, type=Physical Layer, (Receiver ID)",
        "symptom-aer",
        "aer-flood",
        "pcieport 0000:00:1c.0: AER: enabled with IRQ 122",
        NIC,
    ),
    Row(
        39,
        "DMAR: [DMA Read NO_PASID] Request device [01:00.0] fault addr 0xdeadb000 [fault reason 0x06] PTE Read access "
        "is not set",
        "symptom-dma-fault",
        "dma-faults",
        "DMAR: Intel(R) Virtualization Technology for Directed I/O",
        GPU,
    ),
    Row(
        39,
        "vfio-pci 0000:01:00.0: AMD-Vi: Event logged [IO_PAGE_FAULT domain=0x0042 address=0xfff9b300 flags=0x0020]",
        "symptom-dma-fault",
        "dma-faults",
        "pci 0000:00:00.2: AMD-Vi: Found IOMMU cap 0x40",
        GPU,
    ),
    Row(
        40,
        "vfio-pci 0000:01:00.0: vfio_bar_restore: reset recovery - restoring BARs",
        "symptom-amd-reset-bug",
        "device-amd-reset-bug",
        "vfio-pci 0000:01:00.0: AMD_POLARIS10: performing post-reset",
        GPU,
    ),
    Row(
        40,
        "vfio-pci 0000:01:00.0: not ready 65535ms after bus reset; giving up",
        "symptom-amd-reset-bug",
        "device-amd-reset-bug",
        "vfio-pci 0000:01:00.0: not ready 1023ms after bus reset; waiting",
        GPU,
    ),
    Row(
        41,
        "systemd-modules-load[403]: Failed to find module 'vfio_virqfd'",
        "symptom-virqfd",
        "vfio-virqfd-gone",
        "systemd-modules-load[403]: Inserted module 'vfio_pci'",
    ),
    Row(
        42,
        "vfio-pci: probe of 0000:01:00.0 failed with error -22",
        "symptom-vfio-probe",
        "bridge-named",
        "vfio-pci 0000:01:00.0: enabling device (0000 -> 0003)",
        GPU,
    ),
    Row(
        42,
        "vfio-pci 0000:01:00.0: vfio_pci: 8086:37c9 exists in vfio-pci device denylist, driver probing disallowed.",
        "symptom-vfio-probe",
        "vfio-denylist",
        "vfio_pci: add [10de:128b[ffffffff:ffffffff]] class 0x000000/00000000",
        GPU,
    ),
    Row(
        43,
        "pve kernel: nouveau 0000:01:00.0: NVIDIA GA102 (b72000a1)",
        "symptom-on-host-driver",
        "softdep-missing",
        "pve kernel: vfio-pci 0000:01:00.0: enabling device (0002 -> 0003)",
        GPU,
    ),
    Row(
        43,
        "[    3.1] amdgpu 0000:01:00.0: amdgpu: Fetched VBIOS from VFCT",
        "symptom-on-host-driver",
        "initramfs-old",
        "[    3.1] amdgpu: Topology: Add CPU node",
        GPU,
    ),
    Row(
        44,
        "TASK ERROR: legacy IGD assignment requires VGA mode to be 'none'",
        "symptom-legacy-igd",
        "guest-legacy-igd",
        "i915 0000:00:02.0: legacy context support",
    ),
    Row(
        45,
        "pve kernel: INFO: task task UPID:pve:0:12345 blocked for more than 122 seconds.",
        "symptom-unbind-hangs",
        "kernel-regression",
        "pve kernel: INFO: task txg_sync:812 blocked for more than 122 seconds.",
    ),
    Row(
        46,
        "vgpu type 'nvidia-63' not available for '0000:01:00.0'",
        "symptom-vgpu",
        "cause-vgpu-functions-missing",
        "vgpu type 'nvidia-63' created",
        GPU,
    ),
    Row(
        47,
        "TASK ERROR: can't migrate VM which uses local devices: hostpci0",
        "symptom-not-movable",
        "cause-local-device",
        "can't migrate VM which uses local disks",
    ),
    Row(
        47,
        "pve-ha-lrm[77]: can't migrate VM which uses local devices: hostpci0",
        "symptom-not-movable",
        "guest-ha-raw-device",
        "pve-ha-lrm[77]: watchdog active",
    ),
    Row(48, "TASK ERROR: VM is locked (backup)", "symptom-locked", "cause-locked", "VM is running"),
    Row(
        49,
        "modprobe: ERROR: could not insert 'vendor_reset': Key was rejected by service",
        "symptom-module-rejected",
        "dkms-secure-boot",
        "modprobe: ERROR: could not insert 'vendor_reset': No such device",
    ),
)
# Beyond the table: other texts of PVE and the kernel that point at one thing.
MORE = (
    Row(
        0,
        "[    0.065427] AMD-Vi: Unknown option - 'on'",
        "symptom-amd-option-unknown",
        "amd-iommu-on",
        "AMD-Vi: Interrupt remapping enabled",
    ),
    Row(
        0,
        "[    0.1] Warning: PCIe ACS overrides enabled; This may allow non-IOMMU protected peer-to-peer DMA",
        "symptom-acs-overridden",
        "acs-override-on",
        "[    0.5] pci 0000:00:1c.0: Intel PCH root port ACS workaround enabled",
    ),
    Row(
        0,
        "can't unbind/bind PCI group to VFIO '0000:01:00.0'",
        "symptom-cannot-bind",
        "vfio-probe-failed",
        "can't bind socket",
        GPU,
    ),
    Row(
        0,
        "TASK ERROR: PCI device mapping invalid (hardware probably changed): a reason of a newer PVE",
        "symptom-mapping-refused",
        "mapping-invalid",
        "TASK ERROR: PCI device mapping invalid (hardware probably changed): 'mdev' does not match for 'gpu' (0 != 1)",
    ),
    Row(
        0,
        "TASK ERROR: PCI device mapping not found for 'gpu'",
        "symptom-mapping-not-found",
        "mapping-unknown",
        "USB device mapping not found for 'stick'",
    ),
    Row(
        0,
        "TASK ERROR: cannot use mediated device with multifunction device",
        "symptom-mdev-multifunction",
        "guest-mdev-multifunction",
        "multifunction=on",
    ),
)


def ids(row: Row) -> str:
    return f"{row.number}-{row.cause}"


ALL = pytest.mark.parametrize("row", [*ROWS, *MORE], ids=ids)


def finding(code: str, address: PciAddress | None = None, vmid: int | None = None) -> Finding:
    return Finding(Rule(code, Severity.ERROR, Subject.DEVICES, lambda _node: iter(())), Told((), address, vmid))


def seen(text: str, *findings: Finding, node: Node = NODE) -> dict[str, Recognised]:
    return {one.symptom.code: one for one in recognise(log_lines("task.log", text), node, findings)}


def test_every_row_of_the_table_is_here() -> None:
    assert {row.number for row in ROWS} == set(range(1, 50))


@ALL
@pytest.mark.parametrize("front", ["", "Feb 26 10:12:18 pve kernel: ", "2022-07-12T22:08:31.781466Z "])
def test_message_is_recognised_and_leads_to_its_cause(row: Row, front: str) -> None:
    told = () if row.cause in OWN_CAUSES else (finding(row.cause, row.address, row.vmid),)
    one = seen(front + row.text, *told)[row.symptom]
    causes = [cause.code for cause in one.causes if cause.fit is not Fit.NOT_SEEN]
    assert row.cause in causes
    if told:
        likelier = causes[: causes.index(row.cause)]
        assert all(code in OWN_CAUSES for code in likelier)
    assert [evidence.text for evidence in one.evidence] == (front + row.text).splitlines()
    assert one.evidence[0].line == 1
    assert one.address == row.address
    assert one.vmid == row.vmid


@ALL
def test_other_text_does_not_match(row: Row) -> None:
    """Not even where the snapshot shows the cause."""
    assert row.symptom not in seen(row.other, finding(row.cause))


@ALL
def test_cause_that_this_node_does_not_have_is_no_first_guess(row: Row) -> None:
    """Another cause of the same symptom that the node shows comes before."""
    symptom = next(symptom for symptom in SYMPTOMS if symptom.code == row.symptom)
    rules = [code for code in symptom.causes if code not in OWN_CAUSES]
    for code in rules:
        one = seen(row.text, finding(code))[row.symptom]
        first = next(cause for cause in one.causes if cause.code not in OWN_CAUSES)
        assert (first.code, first.fit) == (code, Fit.SEEN)
        assert all(cause.fit is not Fit.SEEN for cause in one.causes if cause.code in set(rules) - {code})


def test_hints_count_only_where_the_node_shows_a_cause() -> None:
    hints = [row for row in ROWS if not seen(row.text)]
    assert {row.number for row in hints} == {2, 8, 9, 13, 31, 43}
    assert not [one for row in hints for one in recognise(log_lines("x", row.text))]


def test_without_a_node_every_cause_is_open() -> None:
    (one,) = recognise(log_lines("x", "TASK ERROR: cannot prepare PCI pass-through, IOMMU not present"))
    assert {cause.fit for cause in one.causes} == {Fit.OPEN}
    assert [cause.code for cause in one.causes] == list(one.symptom.causes)


@pytest.mark.parametrize(
    ("text", "node"),
    [
        ("vfio-pci 0000:09:00.0: not ready 65535ms after FLR; giving up", NODE),  # no such device here
        ("vfio-pci 0000:02:00.0: not ready 65535ms after FLR; giving up", replace(NODE, log=())),
        ("kvm: vfio 0000:02:00.0: group 7 is not viable", replace(NODE, groups=())),
    ],
    ids=["device", "log", "groups"],
)
def test_what_a_snapshot_lacks_rules_nothing_out(text: str, node: Node) -> None:
    (one,) = seen(text, node=node).values()
    assert {cause.fit for cause in one.causes if cause.code in {rule.code for rule in RULES}} == {Fit.OPEN}


def test_finding_about_another_device_is_no_cause() -> None:
    text = "vfio-pci 0000:02:00.0: not ready 65535ms after FLR; giving up"
    code = "device-flr-broken"
    assert seen(text, finding(code, NIC))["symptom-flr-stalls"].causes[0].fit is Fit.SEEN
    one = seen(text, finding(code, GPU))["symptom-flr-stalls"]
    assert {cause.code: cause.fit for cause in one.causes}[code] is Fit.NOT_SEEN


def test_finding_about_a_group_mate_is_a_cause() -> None:
    text = "kvm: vfio 0000:01:00.0: group 1 is not viable"
    code = "group-member-on-host-driver"
    assert seen(text, finding(code, AUDIO))["symptom-group-not-viable"].causes[0].fit is Fit.SEEN
    assert seen(text, finding(code, NIC))["symptom-group-not-viable"].causes[0].fit is Fit.NOT_SEEN


def test_two_devices_are_two_and_a_flood_is_one() -> None:
    line = "pcieport 0000:00:1c.{}: PCIe Bus Error: severity=Corrected, type=Physical Layer"
    text = "\n".join(line.format(n % 2) for n in range(1000))
    found = recognise(log_lines("journal", text))
    assert [(str(one.address), one.count, len(one.evidence)) for one in found] == [
        ("0000:00:1c.0", 500, KEPT),
        ("0000:00:1c.1", 500, KEPT),
    ]


def test_journal_tells_whose_task_it_is() -> None:
    upid = "UPID:pve:000014BA:000211EA:67BECCE1:qmstart:{}:root@pam:"
    text = "\n".join(
        f"Feb 26 10:12:17 pve qm[1]: start VM {vmid}: {upid.format(vmid)}\n"
        "Feb 26 10:12:17 pve qm[1]: cannot prepare PCI pass-through, IOMMU not present\n"
        f"Feb 26 10:12:17 pve qm[1]: <root@pam> end task {upid.format(vmid)} failed\n"
        for vmid in (101, 102)
    )
    assert [one.vmid for one in recognise(log_lines("journal", text))] == [101, 102]


def test_name_of_a_task_log_tells_its_guest() -> None:
    name = "UPID:pve:000014BA:000211EA:67BECCE1:qmstart:103:root@pam:"
    (one,) = recognise(log_lines(name, "TASK ERROR: VM is locked (backup)"))
    assert (one.vmid, one.values["lock"]) == (103, "backup")


def test_log_is_added_to_the_nodes_own_once() -> None:
    lines = log_lines("journal", "a\nb")
    both = with_log(Node(log=lines[:1]), lines)
    assert [line.text for line in both.log] == ["a", "b"]
    assert with_log(both, lines) == both


def test_time_of_day_is_no_address() -> None:
    (one,) = recognise(log_lines("x", "2022-07-12T22:08:31.7Z pve: VM is locked (backup)"))
    assert one.address is None


def test_symptoms_and_own_causes_have_their_sentences_and_no_others() -> None:
    known = sentences()
    assert {code for code in known if code.startswith("symptom-")} == {symptom.code for symptom in SYMPTOMS}
    assert {code for code in known if code.startswith("cause-")} == set(OWN_CAUSES)
    for code in OWN_CAUSES:
        assert known[code].do
    assert len({symptom.code for symptom in SYMPTOMS}) == len(SYMPTOMS)


def test_every_own_cause_is_named_by_a_symptom() -> None:
    named = {code for symptom in SYMPTOMS for code in symptom.causes}
    assert set(OWN_CAUSES) <= named
    assert all(re.fullmatch(r"[a-z0-9-]+", code) for code in named)


def test_every_cause_is_a_rule_or_one_of_our_own() -> None:
    named = {code for symptom in SYMPTOMS for code in symptom.causes}
    assert named - {rule.code for rule in RULES} == set(OWN_CAUSES)


# With the doctor's own rules, on the nodes that show each of them


NODES = cases()


@pytest.mark.parametrize("row", [row for row in (*ROWS, *MORE) if row.cause not in OWN_CAUSES], ids=ids)
def test_message_leads_to_the_cause_that_a_node_shows(row: Row) -> None:
    """The message names the device, group or guest that the rule finds on that node."""
    node = NODES[row.cause].yes
    (rule,) = (rule for rule in RULES if rule.code == row.cause)
    told = next(rule.check(node))
    text = row.text
    function = None if told.address is None else node.by_address.get(told.address)
    if row.address is not None and told.address is not None:
        text = text.replace(str(row.address), str(told.address))
    if function is not None and function.group is not None:
        text = text.replace("group 1", f"group {function.group}").replace("/dev/vfio/1", f"/dev/vfio/{function.group}")
    if told.vmid is not None:
        text = text.replace("101", str(told.vmid))
    (one,) = (one for one in recognise(log_lines("task.log", text), node) if one.symptom.code == row.symptom)
    (cause,) = (cause for cause in one.causes if cause.code == row.cause)
    assert cause.fit is Fit.SEEN
    # The rule hears the message too, so it may tell more than before; of the same device or guest it must.
    assert (told.address, told.vmid) in [(finding.told.address, finding.told.vmid) for finding in cause.findings]
    assert one.causes[0].fit is Fit.SEEN


# The lines of real machines


@pytest.mark.corpus
def test_real_messages_of_a_group_that_is_not_viable(corpus: Path) -> None:
    text = (corpus / "errors" / "vfio-group-not-viable.txt").read_text()
    found = [one for one in recognise(log_lines("x", text)) if one.symptom.code == "symptom-group-not-viable"]
    assert [(one.address and str(one.address), one.values["group"]) for one in found] == [
        ("0000:01:00.0", "1"),
        ("0000:09:00.0", "4"),
        ("0000:06:00.0", "7"),
    ]
    assert sum(one.count for one in found) == len(text.splitlines())


@pytest.mark.corpus
@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("errors/beelink-ser8_qm-start-journal.txt", {("symptom-stuck-in-d3", "0000:66:00.4")}),
        ("dmesg/intel-rmrr-ineligible_vfio.txt", {("symptom-rmrr", "0000:0b:00.0")}),
        ("dmesg/intel-hp_rmrr_journal-and-relaxed-kernel.txt", {("symptom-rmrr", "0000:04:00.1")}),
        ("dmesg/amd-fx_no-remapping_passthrough_pci-stub.txt", {("symptom-no-interrupt-remapping", "None")}),
        (
            "dmesg/amd-kdump_io-page-fault-ahci.txt",
            {("symptom-dma-fault", "0000:63:00.0"), ("symptom-dma-fault", "0000:61:00.0")},
        ),
        ("dmesg/intel-e5-2650v4_xapic-remap.txt", set()),
        ("dmesg/intel-surfacepro7_translation-off.txt", set()),
        ("dmesg/amd-ryzen-msi_vfio-lines.txt", set()),
        ("dmesg/intel-b150m_skylake_ovmf_vfio.txt", set()),
        ("dmesg/intel-optiplex-q370_pve8_tail.txt", set()),
        ("dmesg/amd-x570-5900x_k5.17.txt", set()),
        ("dmesg/amd-epyc-naples-8iommu.txt", set()),
    ],
)
def test_real_logs(corpus: Path, path: str, expected: set[tuple[str, str]]) -> None:
    found = recognise(log_lines(path, (corpus / path).read_text(errors="replace")))
    assert {(one.symptom.code, str(one.address)) for one in found} == expected
