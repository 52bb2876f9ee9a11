"""What the lab's base image is made of. A changed byte here makes a new image."""

from __future__ import annotations

SUITE = "bookworm"

PACKAGES = (
    "dbus",
    "dmidecode",
    "grub-pc",
    "ifupdown",
    "initramfs-tools",
    "iproute2",
    "kmod",
    "linux-image-amd64",
    "lvm2",
    "openssh-server",
    "pciutils",
    "perl",
    "python3",
    "sudo",
    "systemd-sysv",
    "udev",
    "zstd",
)

HOSTNAME = "lab"
USERS = ("root", "admin")  # admin may use sudo without a password
SIZE = "4G"
FIRST_BYTE = 1 << 20  # of the file system; GRUB lives in the gap before it
FILE_SYSTEM_UUID = "6c616e65-7772-6967-6874-000000000001"

# The machine's own card: QEMU's first argument for it and the name Linux gives it there.
OWN_NIC_SLOT = "0x2"
OWN_NIC_NAME = "enp0s2"

FINISHED = "lab image finished"

# Both tokens, so that one image starts with the IOMMU off on either platform.
GRUB_DEFAULT = """\
GRUB_DEFAULT=0
GRUB_TIMEOUT=0
GRUB_DISTRIBUTOR=`lsb_release -i -s 2> /dev/null || echo Debian`
GRUB_CMDLINE_LINUX_DEFAULT="quiet intel_iommu=off amd_iommu=off"
GRUB_CMDLINE_LINUX="console=tty0 console=ttyS0,115200"
GRUB_TERMINAL="serial console"
GRUB_SERIAL_COMMAND="serial --unit=0 --speed=115200"
GRUB_DISABLE_OS_PROBER=true
"""

# systemd runs this once, in the first boot. Its last line is what the build looks for on the serial console.
FINISH_SCRIPT = f"""\
#!/bin/sh -e
rm /etc/systemd/system/multi-user.target.wants/lab-finish.service
rm /etc/systemd/system/lab-finish.service /usr/local/sbin/lab-finish
update-initramfs -u -k all
grub-install /dev/vda
update-grub
sync
echo "{FINISHED}"
"""

FINISH_UNIT = """\
[Unit]
After=multi-user.target
SuccessAction=poweroff-force
FailureAction=poweroff-force

[Service]
Type=oneshot
ExecStart=/usr/local/sbin/lab-finish
StandardOutput=tty
StandardError=tty
TTYPath=/dev/ttyS0
"""

NETWORK = f"""\
auto lo
iface lo inet loopback

auto {OWN_NIC_NAME}
iface {OWN_NIC_NAME} inet static
\taddress 10.0.2.15/24
\tgateway 10.0.2.2
"""

# path: (mode, text). Keys and passwords are added by the build.
FILES = {
    "etc/hostname": (0o644, f"{HOSTNAME}\n"),
    "etc/hosts": (0o644, f"127.0.0.1 localhost\n10.0.2.15 {HOSTNAME}\n"),
    "etc/fstab": (0o644, f"UUID={FILE_SYSTEM_UUID} / ext4 errors=remount-ro 0 1\n"),
    "etc/default/grub": (0o644, GRUB_DEFAULT),
    "etc/network/interfaces": (0o644, NETWORK),
    "etc/initramfs-tools/conf.d/lab": (0o644, "MODULES=dep\nCOMPRESS=zstd\n"),
    "etc/ssh/sshd_config.d/lab.conf": (0o644, "UseDNS no\nPermitRootLogin yes\nMaxStartups 100\n"),
    "etc/sudoers.d/lab": (0o440, "admin ALL=(ALL:ALL) NOPASSWD: ALL\n"),
    "etc/systemd/system/lab-finish.service": (0o644, FINISH_UNIT),
    "usr/local/sbin/lab-finish": (0o755, FINISH_SCRIPT),
}

# Run by mmdebstrap outside of the new root, which is "$1", after FILES are in it.
HOOKS = (
    'chroot "$1" useradd --create-home --shell /bin/bash admin',
    'install -d -m 700 "$1/root/.ssh" "$1/home/admin/.ssh"',
    'install -m 600 "$1/etc/lab-authorized-keys" "$1/root/.ssh/authorized_keys"',
    'install -m 600 "$1/etc/lab-authorized-keys" "$1/home/admin/.ssh/authorized_keys"',
    'chroot "$1" chown -R admin:admin /home/admin',
    'chroot "$1" chpasswd <"$1/etc/lab-passwords"',
    'rm "$1/etc/lab-authorized-keys" "$1/etc/lab-passwords"',
    'ln -s ../lab-finish.service "$1/etc/systemd/system/multi-user.target.wants/lab-finish.service"',
    # Nothing may wake up in the middle of a test.
    'chroot "$1" systemctl mask apt-daily.timer apt-daily-upgrade.timer dpkg-db-backup.timer'
    " e2scrub_all.timer e2scrub_reap.service fstrim.timer man-db.timer",
)
