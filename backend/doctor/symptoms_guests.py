"""What VMs and mappings make a log say: PVE (qemu-server, pve-guest-common) and QEMU as it starts."""

from __future__ import annotations

from backend.doctor.symptom import symptom

_INVALID = r"PCI device mapping invalid \(hardware probably changed\): "

GUESTS = (
    symptom(
        "symptom-device-in-use",
        (
            r"PCI device '(?P<address>[^']+)' (?:is )?already in use by VMID '(?P<holder>\d+)'",
            r"PCI device '(?P<address>[^']+)' is currently reserved for use by VMID '(?P<holder>\d+)'",
        ),
        causes=("guest-devices-shared-onboot", "guest-devices-shared", "cause-reservation-left"),
    ),
    symptom(
        "symptom-start-timeout",
        (
            r"start failed: .*got timeout",
            r"VM (?P<vmid>\d+) qmp command '[^']+' failed\b.*\btimeout\b",
            r"qmp command '[^']+' failed\b.*\btimeout after \d+ retries",
        ),
        causes=("cause-memory-pinning", "kernel-regression", "device-flr-broken"),
    ),
    symptom(
        "symptom-no-memory",
        (
            r"VFIO_MAP_DMA failed: Cannot allocate memory",
            r"vfio_(?:container_)?dma_map\(.*= -12\b",
            r"cannot set up guest memory '[^']*': Cannot allocate memory",
            r"RLIMIT_MEMLOCK \(\d+\) exceeded",
            r"unable to allocate\b",
        ),
        causes=("cause-memory-short",),
    ),
    symptom(
        "symptom-address-width",
        (
            r"vfio_(?:container_)?dma_map\(.*= -22\b",
            r"PCI peer-to-peer transactions on BARs are not supported",
        ),
        causes=("large-bar-iommu-width",),
    ),
    symptom(
        "symptom-needs-q35",
        (r"q35 machine model is not enabled",),
        causes=("guest-pcie-needs-q35",),
    ),
    symptom(
        "symptom-device-not-found",
        (
            r"no PCI device found for '(?P<device>[^']+)'",
            r"no pci device info for device '(?P<address>[^']+)'",
            _INVALID + r"pci device '(?P<device>[^']+)' not found",
        ),
        causes=(
            "guest-device-missing",
            "sriov-off-but-named",
            "sriov-vfs-not-persistent",
            "mapping-invalid",
            "cause-addresses-moved",
        ),
    ),
    symptom(
        "symptom-other-device",
        (r"'(?P<property>id|subsystem-id)' does not match\b(?: for '(?P<mapping>[^']+)')?(?: \((?P<real>\S+) != )?",),
        causes=("mapping-two-ids", "mapping-invalid", "cause-addresses-moved"),
    ),
    symptom(
        "symptom-mapping-incomplete",
        (_INVALID + r"(?:missing expected|unexpected) property '(?P<property>iommugroup|subsystem-id)'",),
        causes=("mapping-invalid",),
    ),
    symptom(
        "symptom-mapping-group",
        (r"'iommugroup' does not match\b(?:.*\((?P<real>-?\d+) != (?P<configured>-?\d+)\))?",),
        causes=("mapping-group-moved", "mapping-invalid"),
    ),
    symptom(
        "symptom-mapping-mdev",
        (r"'mdev' does not match",),
        causes=("mapping-invalid", "cause-mdev-driver-late"),
    ),
    symptom(
        "symptom-mapping-refused",
        (
            _INVALID
            + r"(?!pci device '|missing expected|unexpected property|'(?:id|subsystem-id|iommugroup|mdev)' does)",
        ),
        causes=("mapping-invalid", "cause-addresses-moved"),
    ),
    symptom(
        "symptom-mapping-not-found",
        (r"PCI device mapping not found for '(?P<mapping>[^']+)'",),
        causes=("mapping-unknown", "mapping-no-local-entry"),
    ),
    symptom(
        "symptom-only-root",
        (r"only root can set '(?P<slot>hostpci\d+)' config", r"only root@pam can set 'romfile' option"),
        causes=("cause-not-root",),
    ),
    symptom(
        "symptom-no-free-device",
        (r"could not find a free device for '(?P<slot>hostpci\d+)'",),
        causes=("guest-devices-shared-onboot", "guest-devices-shared", "cause-alternatives-used"),
    ),
    symptom(
        "symptom-device-twice",
        (r"device '(?P<address>[^']+)' assigned more than once",),
        causes=("guest-device-twice",),
    ),
    symptom(
        "symptom-code-43",
        (
            r"(?<!exit )(?<!error )(?<!status )(?<!return )[Cc]ode 43\b",
            r"Problem: 0x2B\b",
            r"CM_PROB_FAILED_POST_START",
        ),
        causes=(
            "rom-shadowed",
            "guest-rom-broken",
            "guest-legacy-igd",
            "device-amd-reset-bug",
            "cause-kvm-not-hidden",
            "cause-driver-in-guest",
        ),
    ),
    symptom(
        "symptom-legacy-igd",
        (
            r"legacy IGD assignment\b",
            r"only one device can be assigned in legacy-igd mode",
        ),
        causes=("guest-legacy-igd",),
    ),
    symptom(
        "symptom-mdev-multifunction",
        (r"cannot use mediated device with multifunction device",),
        causes=("guest-mdev-multifunction",),
    ),
    symptom(
        "symptom-vgpu",
        (
            r"vgpu type '(?P<type>[^']+)' not available\b",
            r"has no (?:type|available instances of) '(?P<type>[^']+)'",
            r"could not create mediated device",
        ),
        causes=(
            "cause-vgpu-functions-missing",
            "sriov-vfs-not-persistent",
            "sriov-off-but-named",
            "cause-vgpu-type-mixed",
        ),
    ),
    symptom(
        "symptom-not-movable",
        (
            r"can't migrate VM which uses local devices: .*hostpci",
            r"can't live migrate running VM which uses following mapped devices",
            r"can't migrate to '[^']+': missing mapped devices",
            r"cannot suspend VM to disk due to passed-through PCI device",
        ),
        causes=("guest-ha-raw-device", "cause-local-device"),
    ),
    symptom(
        "symptom-locked",
        (
            r"VM is locked \((?P<lock>[\w-]+)\)",
            r"can't lock file '/var/lock/qemu-server/lock-(?P<vmid>\d+)\.conf' - got timeout",
        ),
        causes=("cause-locked",),
    ),
)
