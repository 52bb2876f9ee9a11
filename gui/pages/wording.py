"""What steps, hazards, intents and verdicts are called before people."""

from __future__ import annotations

import shlex

from PySide6.QtCore import QObject

from backend.node.node import Node
from backend.plan.plan import Hazard, Plan, Reboot, RunCommand, Step, Verdict, WriteFile
from gui import words


class PlanWording(QObject):
    """Sentences for the values of backend.plan. Unknown codes are shown as they are."""

    def step(self, step: Step, hostname: str) -> str:
        match step:
            case WriteFile(before=None):
                return self.tr("Create {0}").format(step.path)
            case WriteFile(after=None):
                return self.tr("Remove {0}").format(step.path)
            case WriteFile():
                return self.tr("Change {0}").format(step.path)
            case RunCommand(argv=("update-initramfs", *_)):
                return self.tr("Rebuild the initramfs")
            case RunCommand(argv=("update-grub", *_)):
                return self.tr("Write the boot menu (GRUB)")
            case RunCommand():
                return self.tr("Run {0}").format(shlex.join(step.argv))
            case Reboot():
                return self.tr("Reboot {0}").format(hostname)

    def step_note(self, step: Step) -> str:
        """What stands in the place of a diff for a step that is no file."""
        if isinstance(step, RunCommand):
            return f"$ {shlex.join(step.argv)}"
        if isinstance(step, Reboot):
            return self.tr(
                "The node restarts. Lanewright waits until it answers with another boot id, reads it "
                "again, and shows for each change whether it holds."
            )
        return ""

    def push_button(self, plan: Plan) -> str:
        """``Write 3 files, rebuild initramfs, reboot pve1``."""
        parts: list[str] = []
        if plan.writes:
            parts.append(
                self.tr("write 1 file") if len(plan.writes) == 1 else self.tr("write %n files", "", len(plan.writes))
            )
        commands = [step.argv[0].rsplit("/", 1)[-1] for step in plan.steps if isinstance(step, RunCommand)]
        if "update-grub" in commands:
            parts.append(self.tr("update the boot menu"))
        if "update-initramfs" in commands:
            parts.append(self.tr("rebuild initramfs"))
        others = len([name for name in commands if name not in ("update-grub", "update-initramfs")])
        if others:
            parts.append(self.tr("run 1 command") if others == 1 else self.tr("run %n commands", "", others))
        if plan.reboots:
            parts.append(self.tr("reboot {0}").format(plan.hostname))
        text = ", ".join(parts) or self.tr("nothing to do")
        return text[:1].upper() + text[1:]

    def intent(self, intent: object, node: Node | None = None) -> str:
        """`node` gives a card its name."""
        kind = getattr(intent, "kind", "")
        if kind == "iommu-on":
            return self.tr("IOMMU on")
        if kind == "reserve-card":
            address = getattr(intent, "address", None)
            function = node.by_address.get(address) if node is not None and address is not None else None
            if function is None:
                return self.tr("{0} reserved for passthrough").format(address)
            return self.tr("{0} ({1}) reserved for passthrough").format(
                words.short_name(function), words.short_address(function.address)
            )
        return str(kind)

    def reason(self, code: str) -> str:
        """Why an intent does not hold; empty where the evidence alone says it."""
        return {
            "firmware-off": self.tr("The firmware offers no IOMMU: switch it on in its setup (VT-d, AMD-Vi, IOMMU)."),
            "switched-off": self.tr("The kernel was started with the IOMMU turned off."),
            "not-active": self.tr("The kernel was not told otherwise, and still the IOMMU is not active."),
            "other-driver": self.tr("Another driver holds it. Look for what loads that driver before vfio-pci."),
            "no-such-device": self.tr("There is no device at this address any more."),
            "device-moved": self.tr("Another device is at this address now. Look for the card's new address."),
        }.get(code, "")

    def last_try(self, code: str) -> str:
        """Why a node that restarts could not be reached yet."""
        return {
            "same-boot": self.tr("it has not gone down yet"),
            "refused": self.tr("it is up, SSH is not"),
            "login-refused": self.tr("it is up, logins are not let in yet"),
        }.get(code, self.tr("no answer yet"))

    def hazard(self, hazard: Hazard) -> str:
        """What the host would lose, and by which way the device is used."""
        what = {
            "this-connection": self.tr("It carries this very connection"),
            "management": self.tr("The management address of the node is on it"),
            "network": self.tr("The host's network uses it"),
            "root": self.tr("The root file system is on it"),
            "boot": self.tr("The node boots from it"),
            "swap": self.tr("Swap is on it"),
            "mount": self.tr("A mounted file system is on it"),
            "lvm": self.tr("An LVM volume group is on it"),
            "zfs": self.tr("A ZFS pool is on it"),
            "md": self.tr("A RAID array is on it"),
            "corosync": self.tr("It carries a link of the cluster"),
            "ceph": self.tr("It carries a network of Ceph"),
            "bmc": self.tr("Remote management shows the node's console through it"),
            "keyboard": self.tr("The keyboard is on it"),
            "usb": self.tr("A USB device of the host is on it"),
            "storage": self.tr("Storage of the host is on it"),
            "console": self.tr("The node's own console is on it"),
            "same-ids": self.tr("It has the same ids as the chosen card, so vfio-pci takes it too"),
            "group-mate": self.tr("It shares the IOMMU group of the chosen card"),
            "guest": self.tr("A guest uses it"),
            "lent": self.tr("A guest uses a disk or a USB device on it"),
        }.get(hazard.code, hazard.code)
        way = " → ".join((str(hazard.address), *hazard.chain)) if hazard.address else " → ".join(hazard.chain)
        return self.tr("{0}: {1}").format(what, way) if way else what

    def verdict(self, verdict: Verdict) -> str:
        state = {True: self.tr("holds"), False: self.tr("does not hold"), None: self.tr("cannot be told")}
        return self.tr("{0}: {1}").format(self.intent(verdict.intent), state[verdict.holds])
