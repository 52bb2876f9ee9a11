"""What groups and devices make a log say: kernel (drivers/vfio, drivers/pci) and QEMU (hw/vfio)."""

from __future__ import annotations

from backend.doctor.symptom import symptom

_DEAD = ("device-dead", "device-d3cold", "device-flr-broken", "device-amd-reset-bug")
_DRIVERS = "nouveau|nvidia|amdgpu|radeon|i915|xe|snd_hda_intel"

DEVICES = (
    symptom(
        "symptom-group-not-viable",
        (
            r"group (?P<group>\d+) is not viable",
            r"[Pp]lease ensure all devices within the iommu_group are bound to their vfio bus driver",
        ),
        causes=(
            "group-member-on-host-driver",
            "group-split-over-guests",
            "group-takes-host-device",
            "group-not-isolated",
        ),
    ),
    symptom(
        "symptom-group-gives-no-device",
        (
            r"error getting device from group (?P<group>\d+)",
            r"Verify all devices in group (?P<group>\d+) are bound to vfio-<bus> or pci-stub",
        ),
        causes=(
            "device-dead",
            "device-d3cold",
            "bridge-named",
            "guest-devices-shared-onboot",
            "guest-devices-shared",
            "cause-mdev-gone",
            "cause-group-held-elsewhere",
        ),
    ),
    symptom(
        "symptom-group-busy",
        (r"failed to open /dev/vfio/(?P<group>\d+): Device or resource busy",),
        causes=(
            "group-split-over-guests",
            "guest-devices-shared-onboot",
            "guest-devices-shared",
            "cause-group-held-elsewhere",
        ),
    ),
    symptom(
        "symptom-cannot-bind",
        (
            r"Cannot bind \S+ to vfio",
            r"can't (?:unbind/bind|unbind|bind) PCI group to VFIO",
            r"Cannot open iommu_group:",
            r"Cannot find vfio-pci module!",
        ),
        causes=(
            "vfio-probe-failed",
            "vfio-denylist",
            "iommu-not-active",
            "kernel-regression",
            "cause-vfio-module-missing",
            "cause-driver-holds-on",
        ),
    ),
    symptom(
        "symptom-bar-mmap",
        (
            r"Failed to mmap \S+ BAR (?P<bar>\d)",
            r"vfio_region_(?:write|read)\(.*failed: Device or resource busy",
        ),
        causes=("bar-held-by-framebuffer", "bar-cannot-reserve", "efifb-off-without-effect", "boot-vga-passed"),
    ),
    symptom(
        "symptom-bar-reserve",
        (r"BAR (?P<bar>\d)(?: \[[^\]]*\])?: can't reserve",),
        causes=("bar-held-by-framebuffer", "bar-cannot-reserve", "efifb-off-without-effect", "boot-vga-passed"),
    ),
    symptom(
        "symptom-rom-invalid",
        (
            r"Invalid PCI ROM (?:header signature: expecting 0xaa55|data signature: expecting 0x52494350)",
            r"Device option ROM contents are probably invalid",
            r"Failed to read device rom|failed to find romfile",
        ),
        causes=(
            "rom-shadowed",
            "guest-rom-broken",
            "guest-rom-missing-file",
            "guest-rom-empty",
            "rom-none",
            "device-dead",
        ),
    ),
    symptom(
        "symptom-no-picture",
        (
            r"device does not support requested feature x-vga",
            r"failed getting region info for VGA region index",
        ),
        causes=(
            "guest-ovmf-needs-efi-rom",
            "guest-xvga-vga-set",
            "rom-shadowed",
            "rom-none",
            "boot-vga-passed",
            "only-console",
            "cause-screen-not-connected",
        ),
        hints=(r"Console: switching to colour dummy device", r"vfio-pci \S+: vgaarb: deactivate vga console"),
    ),
    symptom(
        "symptom-no-reset",
        (
            r"Cannot reset device (?P<address>[0-9a-f:.]+), (?:no available reset mechanism|depends on group)",
            r"vfio: Cannot reset device",
        ),
        causes=("device-no-reset", "device-reset-bus-only", "device-amd-reset-bug"),
    ),
    symptom(
        "symptom-reset-refused",
        (
            r"error writing '1' to '\S+/reset'",
            r"(?:failed to|can't) reset PCI device\b",
        ),
        causes=("device-no-reset", "device-reset-bus-only", "device-amd-reset-bug", "cause-reset-refused"),
    ),
    symptom(
        "symptom-flr-stalls",
        (r"not ready \d+ms after FLR; giving up",),
        causes=("device-flr-broken", "device-amd-reset-bug", "device-dead", "device-d3cold"),
    ),
    symptom(
        "symptom-amd-reset-bug",
        (
            r"reset recovery - restoring BARs",
            r"not ready \d+ms after (?!FLR)[\w ]+; giving up",
            r"AMD-Vi: Completion-Wait loop timed out",
        ),
        causes=(
            "device-amd-reset-bug",
            "vendor-reset-unused",
            "device-flr-broken",
            "device-no-reset",
            "device-reset-bus-only",
            "device-dead",
        ),
    ),
    symptom(
        "symptom-config-unreadable",
        (r"[Uu]nknown (?:PCI )?header type '?(?:127|0x7f|7f)\b",),
        causes=_DEAD,
    ),
    symptom(
        "symptom-stuck-in-d3",
        (
            r"Unable to power on device, stuck in D3",
            r"can't change power state from D3(?:cold|hot) to D0",
            r"Refused to change power state",
        ),
        causes=("device-d3cold", "d3cold-allowed", "device-dead", "device-flr-broken"),
    ),
    symptom(
        "symptom-interrupt-pin",
        (r"pci_irq_handler: Assertion `?'?0 <= irq_num && irq_num < PCI_NUM_PINS'? failed",),
        causes=_DEAD,
    ),
    symptom(
        "symptom-intx-busy",
        (
            r"Failed to set up TRIGGER eventfd signaling for interrupt INTX-0",
            r"genirq: Flags mismatch irq (?P<irq>\d+)\. .*vfio-intx",
        ),
        causes=("intx-shared",),
    ),
    symptom(
        "symptom-irq-nobody-cared",
        (r"irq (?P<irq>\d+): nobody cared",),
        causes=("intx-shared", "cause-interrupt-unclaimed"),
    ),
    symptom(
        "symptom-vfio-probe",
        (
            r"vfio-pci\b.*\bprobe\b.* failed with error -\d+",  # "probe of ADDRESS", since 6.11 "probe with driver"
            r"exists in vfio-pci device denylist, driver probing disallowed",
        ),
        causes=("vfio-denylist", "bridge-named", "iommu-not-active", "vfio-probe-failed"),
    ),
    symptom(
        "symptom-on-host-driver",
        (r"vfio_pci: invalid id string \"(?P<id>[^\"]*)\"",),
        causes=(
            "ids-wrong-form",
            "ids-match-nothing",
            "ids-overridden",
            "softdep-missing",
            "softdep-wrong-way",
            "softdep-unheard",
            "initramfs-old",
            "blacklist-without-effect",
        ),
        hints=(
            rf"(?:kernel: |\] |^)(?P<driver>{_DRIVERS}) (?P<address>[0-9a-f]{{4,}}:[0-9a-f:.]+): ",
            rf"Kernel driver in use: (?P<driver>{_DRIVERS})\b",
        ),
    ),
)
