"""What is said of wishes that cannot be planned and pushes that did not go through."""

from __future__ import annotations

from PySide6.QtCore import QObject

from backend.errors import LanewrightError

Said = tuple[str, str, str, str]  # happened, meaning, advice, field


class PlanErrorWording(QObject):
    """Words errors of planning and pushing; None for others."""

    def of(self, error: LanewrightError) -> Said | None:
        said = error.details
        node = error.node or self.tr("the node")
        address = said.get("address", "")
        path = said.get("path", "")
        words: dict[str, Said] = {
            "agent-empty": (
                self.tr("Your SSH agent holds no key."),
                self.tr("There is nothing to log in with."),
                self.tr("Add one with ssh-add, or choose a key file or a password."),
                "key",
            ),
            "login-more-needed": (
                self.tr("{0} asks for more than this log-in gives.").format(node),
                self.tr("It took what was given and wants a second proof besides."),
                self.tr("Use a key that is allowed to log in by itself."),
                "key",
            ),
            "no-common-algorithm": (
                self.tr("{0} speaks no SSH that is safe today.").format(node),
                self.tr("Its SSH server offers only methods that were given up as broken."),
                self.tr("Update OpenSSH on the node."),
                "host",
            ),
            "host-key-revoked": (
                self.tr("The host key of {0} is marked as revoked.").format(said.get("host", node)),
                self.tr("Somebody declared that this key must not be trusted any more."),
                self.tr("Do not log in. Ask who revoked it, and compare on the node's own console."),
                "host",
            ),
            "agent-refused": (
                self.tr("{0} could not begin the change.").format(node),
                self.tr("Nothing was written. The reason it gave: {0}").format(said.get("reason", "")),
                self.tr("Look at that file or disk on the node, then review again."),
                "",
            ),
            "locked": (
                self.tr("Somebody else is changing {0} right now.").format(node),
                self.tr("{0} began {1} seconds ago. Nothing was written.").format(
                    said.get("owner") or self.tr("Another admin"), said.get("age", "?")
                ),
                self.tr("Wait until that is done, then review again."),
                "",
            ),
            "hazards": (
                self.tr("Refused, because it would hurt {0}.").format(node),
                self.tr("The plan takes something away that the node needs: {0}").format(said.get("hazards", "")),
                self.tr("Choose another device."),
                "",
            ),
            "not-back": (
                self.tr("{0} did not come back in time.").format(node),
                self.tr("The restart was ordered; since then nobody answered. The last try: {0}").format(
                    said.get("last", "")
                ),
                self.tr(
                    "Look at its console. If it hangs at boot: press e in the boot menu and take the new parameters "
                    "out of the line that begins with linux. Then connect again and undo the push."
                ),
                "",
            ),
            "not-live": (
                self.tr("{0} is a file, not a connection.").format(node),
                self.tr("A snapshot can be looked at, not changed."),
                self.tr("Connect to the node itself."),
                "",
            ),
            "no-snapshot": (
                self.tr("This cannot be saved as a snapshot."),
                self.tr("It was opened from another tool's file, which is a file already."),
                self.tr("Connect to the node and save that."),
                "",
            ),
            "boot-loader-unsupported": (
                self.tr("{0} is started by {1}.").format(node, said.get("loader", "")),
                self.tr("Kernel parameters are changed on GRUB and through proxmox-boot-tool, so nothing was written."),
                self.tr("Set the parameter by hand as the guide of Proxmox VE says; Lanewright will see it."),
                "",
            ),
            "no-root-parameter": (
                self.tr("{0} names no root= on its first line.").format(path),
                self.tr("proxmox-boot-tool would refuse it, and the node could not start."),
                self.tr("Put the root parameter back (on ZFS: root=ZFS=rpool/ROOT/pve-1 boot=zfs), then review again."),
                "",
            ),
            "grub-file-not-understood": (
                self.tr("{0} is written in a way that is not understood.").format(path),
                self.tr("Line {0} is more than an assignment. It was left alone.").format(said.get("line", "?")),
                self.tr("Write GRUB_CMDLINE_LINUX_DEFAULT there as one quoted text, then review again."),
                "",
            ),
            "iommu-vendor-unknown": (
                self.tr("It is not clear whether {0} is an Intel or an AMD machine.").format(node),
                self.tr("No host bridge of either was found, so no parameter was chosen."),
                self.tr("Refresh the node as root, and look whether the map shows a host bridge."),
                "",
            ),
            "is-a-bridge": (
                self.tr("{0} is a bridge.").format(address),
                self.tr("A bridge stays with the host; what is behind it can go to a guest."),
                self.tr("Choose a device below it."),
                "",
            ),
            "is-a-virtual-function": (
                self.tr("{0} is a virtual function.").format(address),
                self.tr("It exists only while its physical function makes it, so it cannot be reserved at boot."),
                self.tr("Give it to a VM as it is: Proxmox VE binds it when the VM starts."),
                "",
            ),
            "ids-unknown": (
                self.tr("The ids of {0} are not known.").format(address),
                self.tr("A card is reserved by its ids."),
                self.tr("Refresh the node, then choose the card again."),
                "",
            ),
            "device-moved": (
                self.tr("Another card is at {0} now.").format(address),
                self.tr("Reserved was one with the ids {0}. Nothing was changed.").format(said.get("expected", "")),
                self.tr("Find the card on the map, and reserve it where it is now."),
                "",
            ),
            "nothing-to-roll-back": (
                self.tr("There is nothing to undo on {0}.").format(node),
                self.tr("No push of Lanewright stands there."),
                self.tr("Refresh the node if you expected one."),
                "",
            ),
            "original-missing": (
                self.tr("The original of {0} is not on the node any more.").format(path),
                self.tr("Without it the file cannot be put back. Nothing was written."),
                self.tr("Look into /var/lib/lanewright/pushes on the node, or restore the file from a backup."),
                "",
            ),
        }
        return words.get(error.code)
