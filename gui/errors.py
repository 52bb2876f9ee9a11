"""What an error is called before people: what happened, what it means, what to do."""

from __future__ import annotations

import traceback
from dataclasses import dataclass

from PySide6.QtCore import QObject

from backend.errors import LanewrightError
from gui.plan_errors import PlanErrorWording


@dataclass(frozen=True, slots=True)
class Wording:
    """`happened` is one line; `advice` says what to do next; `details` is for a bug report, untranslated."""

    happened: str
    meaning: str = ""
    advice: str = ""
    details: str = ""
    field: str = ""  # the field of the connect dialog that it belongs to: "host", "port", "user", "key", "password"

    @property
    def body(self) -> str:
        return "\n".join(part for part in (self.meaning, self.advice) if part)


class ErrorWording(QObject):
    """Words every error of the backend. An unknown code still gets a sentence, and its code as details."""

    def of(self, error: BaseException) -> Wording:
        if not isinstance(error, LanewrightError):
            return Wording(
                self.tr("Lanewright made a mistake."),
                self.tr("This is a fault of the program, not of your node."),
                self.tr("Copy the details and report them, please."),
                "".join(traceback.format_exception(error)),
            )
        known = (
            self._connecting(error)
            or self._logging_in(error)
            or self._on_node(error)
            or self._about_files(error)
            or PlanErrorWording().of(error)
        )
        if known is None:
            return Wording(
                self.tr("That did not work."),
                advice=self.tr("The details name the reason."),
                details=_details(error),
            )
        happened, meaning, advice, field = known
        return Wording(happened, meaning, advice, _details(error), field)

    def _connecting(self, error: LanewrightError) -> tuple[str, str, str, str] | None:
        said = error.details
        host = said.get("host") or error.node or self.tr("the node")
        port = said.get("port", "22")
        match error.code:
            case "refused" if type(error).__name__ == "ConnectError":
                return (
                    self.tr("{0} refused the connection on port {1}.").format(host, port),
                    self.tr("The machine is there, but no SSH server listens on that port."),
                    self.tr("Check the port, and on the node: systemctl status ssh"),
                    "port",
                )
            case "timeout":
                return (
                    self.tr("{0} did not answer in time.").format(host),
                    self.tr("It is switched off, still starting, or a firewall drops the packets."),
                    self.tr("Check the address and that port {0} can be reached from here.").format(port),
                    "host",
                )
            case "name-unknown":
                return (
                    self.tr("No machine is known by the name {0}.").format(host),
                    self.tr("The name could not be resolved to an address."),
                    self.tr("Check the spelling, or enter the IP address of the node."),
                    "host",
                )
            case "unreachable":
                return (
                    self.tr("{0} cannot be reached.").format(host),
                    self.tr("There is no route to it from this computer."),
                    self.tr("Check your network or VPN, then connect again."),
                    "host",
                )
            case "not-ssh":
                return (
                    self.tr("What answers on {0} port {1} is not an SSH server.").format(host, port),
                    self.tr("Another service listens there (8006 is the web interface of Proxmox VE)."),
                    self.tr("Enter the port of the SSH server; it is 22 where nobody changed it."),
                    "port",
                )
            case "lost":
                return (
                    self.tr("The connection to {0} was lost.").format(host),
                    self.tr("Nothing was being changed on the node."),
                    self.tr("Connect again."),
                    "",
                )
            case "host-key-unknown":
                return (
                    self.tr("The host key of {0} has not been confirmed.").format(host),
                    self.tr("Without it nobody can tell whether this really is your node."),
                    self.tr("Connect again and compare the fingerprint with the one on the node."),
                    "",
                )
            case "host-key-changed":
                return (
                    self.tr("{0} shows another host key than the one you trusted.").format(host),
                    self.tr("The node was installed anew, or something else answers at its address."),
                    self.tr("Nothing was sent. Compare the fingerprints at the node's own console first."),
                    "host",
                )
        return None

    def _logging_in(self, error: LanewrightError) -> tuple[str, str, str, str] | None:
        said = error.details
        user = said.get("user", "")
        key = said.get("path") or said.get("identity") or ""
        match error.code:
            case "login-refused":
                happened = (
                    self.tr("The node refused to log in {0}.").format(user)
                    if user
                    else self.tr("The node refused the log-in.")
                )
                return (
                    happened,
                    self.tr("The user name, or the key or password for it, is not accepted there."),
                    self.tr(
                        "Check the user. For a key, its public half must be in the user's authorized_keys on the node."
                    ),
                    "user",
                )
            case "key-unreadable":
                return (
                    self.tr("The key file cannot be read."),
                    key or self.tr("It is missing, or no private key in OpenSSH or PEM form."),
                    self.tr("Choose the private key (without .pub), or log in with a password."),
                    "key",
                )
            case "key-passphrase":
                return (
                    self.tr("This key is protected by a passphrase."),
                    key,
                    self.tr("Enter the passphrase below the key file."),
                    "passphrase",
                )
            case "key-wrong-passphrase":
                return (
                    self.tr("The passphrase does not open this key."),
                    key,
                    self.tr("Enter it again."),
                    "passphrase",
                )
        return None

    def _on_node(self, error: LanewrightError) -> tuple[str, str, str, str] | None:
        said = error.details
        path = said.get("path", "")
        node = error.node or said.get("host") or self.tr("the node")
        match error.code:
            case "no-python":
                return (
                    self.tr("There is no python3 on {0}.").format(node),
                    self.tr("Lanewright reads the node with it; nothing is installed on the node."),
                    self.tr("On the node: apt install python3-minimal"),
                    "",
                )
            case "no-root":
                return (
                    self.tr("This user may not become root on {0}.").format(node),
                    self.tr("Reading the boot loader and changing files needs root, directly or by sudo."),
                    self.tr("Log in as root, or allow the user sudo without a password (sudo -n)."),
                    "user",
                )
            case "agent-failed":
                return (
                    self.tr("Reading or changing {0} failed.").format(node),
                    self.tr("The part that runs on the node ended with an error."),
                    self.tr("The details hold what it said. Try again, then report it."),
                    "",
                )
            case "agent-garbled":
                return (
                    self.tr("The answer of {0} cannot be understood.").format(node),
                    self.tr("Something on the node prints text into non-interactive log-ins, or cut the answer."),
                    self.tr("Look for output in .bashrc or /etc/profile.d of that user."),
                    "",
                )
            case "timeout-command":
                return (
                    self.tr("A command on {0} did not end in time.").format(node),
                    said.get("command", ""),
                    self.tr("Whether it took effect is unknown. Refresh the node before going on."),
                    "",
                )
            case "stale-plan":
                return (
                    self.tr("The node changed since the review."),
                    self.tr("{0} is not as it was reviewed. Nothing was written.").format(path or node),
                    self.tr("Review again: the new plan starts from what is there now."),
                    "",
                )
            case "step-failed":
                return (
                    self.tr("A step did not succeed: {0}").format(said.get("what", node)),
                    self.tr("The steps before it stand; nothing after it was done. The node was not restarted."),
                    self.tr("Read what it printed. Undo the push, or mend the cause and review again."),
                    "",
                )
            case "outcome-unknown":
                return (
                    self.tr("The connection was lost in the middle of a change."),
                    self.tr("Some steps may have been done, and some not."),
                    self.tr("Connect again: the node's own journal says how far it came."),
                    "",
                )
            case "refused":
                return (
                    self.tr("Refused, because it would hurt the node."),
                    self.tr("The plan takes something away that the node needs: {0}").format(
                        ", ".join(f"{key}: {value}" for key, value in said.items())
                    ),
                    self.tr("Take the change back, or move what uses the device first."),
                    "",
                )
        return None

    def _about_files(self, error: LanewrightError) -> tuple[str, str, str, str] | None:
        said = error.details
        path = said.get("path", "")
        line = said.get("line", "")
        where = self.tr("{0}, line {1}").format(path, line) if path and line else path
        match error.code:
            case "not-a-snapshot":
                return (
                    self.tr("This file is no snapshot that Lanewright can read."),
                    where,
                    self.tr("Open a .lwsnap file, a copy of /sys, or the text of lspci -nnk."),
                    "",
                )
            case "snapshot-cut" | "listing-cut":
                return (
                    self.tr("The file ends in the middle."),
                    where,
                    self.tr("It was not copied in full. Copy or save it again."),
                    "",
                )
            case "snapshot-newer":
                return (
                    self.tr("The snapshot was made by a newer Lanewright."),
                    where,
                    self.tr("Update Lanewright to open it."),
                    "",
                )
            case "listing-empty":
                return (
                    self.tr("There is no PCI device in this file."),
                    where,
                    self.tr("Save the output of lspci -nnk, and open that."),
                    "",
                )
            case "file-unreadable":
                return (
                    self.tr("The file cannot be read."),
                    where,
                    self.tr("Check that it is there and that you may read it."),
                    "",
                )
            case "file-unwritable":
                return (
                    self.tr("The file could not be written."),
                    where,
                    self.tr("Choose another folder, or make room on the disk."),
                    "",
                )
            case "intent-file":
                return (
                    self.tr("The list of changes cannot be read."),
                    where,
                    self.tr("Correct that line; the user guide shows the form."),
                    "",
                )
            case "no-such-device":
                return (
                    self.tr("There is no device {0} in this node.").format(said.get("address", "")),
                    self.tr("It was taken out, or moved to another address."),
                    self.tr("Refresh the node and choose the device on the map."),
                    "",
                )
            case "demo-not-installed":
                return (
                    self.tr("The demo is not installed."),
                    self.tr("It is an optional part; {0} is missing.").format(said.get("module", "")),
                    self.tr("Install it with: pip install lanewright[demo]"),
                    "",
                )
            case "boot-loader-unknown":
                return (
                    self.tr("It is not clear which boot loader starts this node."),
                    said.get("reason", self.tr("The evidence disagrees, so no kernel parameter was changed.")),
                    self.tr("Run proxmox-boot-tool status on the node and compare."),
                    "",
                )
        return None


def _details(error: LanewrightError) -> str:
    lines = [f"{type(error).__name__} {error.code}"]
    if error.node:
        lines.append(f"node: {error.node}")
    lines += [f"{key}: {value}" for key, value in error.details.items()]
    return "\n".join(lines)
