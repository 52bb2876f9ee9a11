"""What firmware, kernel and boot files make a log say."""

from __future__ import annotations

from backend.doctor.symptom import symptom

HOST = (
    symptom(
        "symptom-iommu-not-present",
        (
            r"cannot prepare PCI pass-through, IOMMU not present",  # PVE::SysFSTools
            r"no iommu_group found",  # QEMU hw/vfio
        ),
        causes=(
            "iommu-firmware-off",
            "intel-iommu-parameter-missing",
            "parameter-not-booted",
            "wrong-loader-file",
            "cmdline-second-line",
            "grub-cfg-stale",
            "drop-in-overrides",
            "iommu-only-echoed",
            "iommu-not-active",
        ),
    ),
    symptom(
        "symptom-parameter-lost",
        (r"WARN: \S+ does not exist - clean '/etc/kernel/proxmox-boot-uuids'",),  # proxmox-boot-tool refresh
        causes=(
            "wrong-loader-file",
            "parameter-not-booted",
            "cmdline-second-line",
            "drop-in-overrides",
            "grub-cfg-stale",
            "cause-esp-missing",
            "boot-loader-unclear",
        ),
        hints=(r"(?:Kernel c|C)ommand line: (?!.*\biommu=|.*_iommu=)(?P<cmdline>.*)",),
    ),
    symptom(
        "symptom-cmdline-no-root",
        (r"No root= parameter in /etc/kernel/cmdline found!",),
        causes=("cmdline-no-root",),
    ),
    symptom(
        "symptom-amd-option-unknown",
        (r"AMD-Vi: Unknown option - '(?P<option>on)'",),
        causes=("amd-iommu-on",),
    ),
    symptom(
        "symptom-no-interrupt-remapping",
        (
            r"No interrupt remapping (?:support|for device)",
            r"Failed to enable irq remapping",
            r"Not enabling interrupt remapping",
            r"interrupt remapping will be disabled",
            r"AMD-Vi: Disabling interrupt remapping",
        ),
        causes=("interrupt-remapping-off", "iommu-firmware-off"),
    ),
    symptom(
        "symptom-rmrr",
        (r"Device is ineligible for IOMMU domain attach due to platform RMRR requirement",),
        causes=("rmrr",),
    ),
    symptom(
        "symptom-acs-overridden",
        (r"PCIe ACS overrides enabled; This may allow non-IOMMU protected peer-to-peer DMA",),
        causes=("acs-override-on",),
    ),
    symptom(
        "symptom-aer",
        (
            r"PCIe Bus Error: severity=(?P<severity>\w+)",
            r"AER: (?:Multiple )?Correct(?:ed|able) error (?:message )?received",
        ),
        causes=("aer-flood", "link-degraded-width", "link-degraded-speed", "cause-link-signal", "device-dead"),
    ),
    symptom(
        "symptom-dma-fault",
        (
            r"DMAR: \[(?:DMA Read|DMA Write|INTR-REMAP)[^\]]*\] Request device \[(?P<address>[0-9a-fx:.]+)\]",
            r"IO_PAGE_FAULT\b",
        ),
        causes=("dma-faults", "rmrr", "device-dead"),
    ),
    symptom(
        "symptom-virqfd",
        (r"Failed to find module 'vfio_virqfd'", r"Module vfio_virqfd not found"),
        causes=("vfio-virqfd-gone",),
    ),
    symptom(
        "symptom-module-rejected",
        (
            r"Loading of unsigned module is rejected",
            r"could not insert '(?P<module>[^']+)': (?:Key was rejected by service|Required key not available)",
            r"Lockdown: \S+: unsigned module loading is restricted",
            r"(?P<module>\w+): module verification failed: signature and/or required key missing",
        ),
        causes=("dkms-secure-boot",),
    ),
    symptom(
        "symptom-unbind-hangs",
        (
            r"INFO: task (?:qm|kvm|pvedaemon|task UPID)\S*:\d+ blocked for more than \d+ seconds",
            r"amdgpu_pci_remove\+0x",
        ),
        causes=("kernel-regression", "cause-driver-holds-on"),
    ),
    symptom(
        "symptom-host-loses-device",
        (
            # The driver of a network card was taken away. A VM's own interfaces come and go with it.
            r"\b(?P<nic>(?!tap|veth|fw|vmbr)\w+) \(unregistering\): left (?:promiscuous|allmulticast) mode",
            r"Pool '(?P<pool>[^']+)' has encountered an uncorrectable I/O failure and has been suspended",
            r"EXT4-fs \((?P<disk>[^)]+)\): Remounting filesystem read-only",
        ),
        causes=("group-takes-host-device", "ids-hit-more", "guest-onboot-dangerous", "cause-host-disk-failing"),
        hints=(r"vmbr\d+: port \d+\((?P<nic>(?!tap|veth|fw)\w+)\) entered disabled state",),
    ),
    symptom(
        "symptom-onboot-takes-host",
        (),
        causes=("guest-onboot-dangerous", "ids-hit-more"),
        hints=(
            r"pve-guests\[\d+\]: .*starting task UPID:\S+:qmstart:(?P<vmid>\d+):",
            r"pvesh\[\d+\]: Starting VM (?P<vmid>\d+)",
        ),
    ),
    symptom(
        "symptom-bridge-without-port",
        (
            r"bridge port (?P<nic>\w+) does not exist",  # ifupdown2
            r"Cannot find device \"(?P<nic>e(?:n|th)\w+)\"",  # iproute2
        ),
        causes=("nic-name-gone", "nic-name-by-bus", "group-takes-host-device"),
        hints=(r": renamed from eth\d+",),
    ),
)
