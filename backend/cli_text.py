"""What the command line says of errors, hazards and verdicts: English sentences, made of codes and details."""

from __future__ import annotations

from string import Formatter
from typing import Any

from backend.errors import ConnectError, LanewrightError

ERRORS = {
    "error": "That did not work. Try again; if it stays so, report it with what is printed here.",
    # reaching it
    "refused": "{node} refused the connection. Check the port, and on the node: systemctl status ssh",
    "timeout": "{node} did not answer in time. Check the address, and that no firewall drops the packets.",
    "name-unknown": "No machine is known by the name in {node}. Check the spelling, or give its IP address.",
    "unreachable": "{node} cannot be reached. Check your network or VPN, then try again.",
    "not-ssh": "What answers at {node} is not an SSH server. Give the port of sshd: HOST:PORT.",
    "lost": "The connection to {node} was lost. Try again.",
    "not-back": "The node did not come back after its restart (last try: {last}). Look at its console; when it "
    "answers, run 'lanewright-cli verify'.",
    "not-live": "{node} was opened from a file. Give the address of the node itself.",
    # host keys
    "host-key-unknown": "The host key of {host} port {port} is not known: {key_type} {fingerprint}. Compare it with "
    "'ssh-keygen -lf /etc/ssh/ssh_host_ed25519_key.pub' at the node's console; if it is the same, add "
    "--accept-host-key {fingerprint}",
    "host-key-changed": "{host} port {port} shows another host key ({key_type} {fingerprint}) than the trusted one "
    "({expected}). Nothing was sent. Compare at the node's console; if the node was installed anew, take its old "
    "line out of the known_hosts file.",
    "host-key-revoked": "The host key of {host} port {port} ({fingerprint}) is marked as revoked. Nothing was sent. "
    "Give the node a new host key.",
    # logging in
    "login-refused": "{node} refused the log-in. Check the user, and that the public key is in its authorized_keys on "
    "the node.",
    "login-more-needed": "{node} asks for more than one way to log in. Allow this user a single one in sshd_config.",
    "key-unreadable": "The key file {path} cannot be read. Give the private key (without .pub) and check its rights.",
    "key-passphrase": "The key {path} is protected by a passphrase. Add --password-stdin and give it on stdin.",
    "key-wrong-passphrase": "The passphrase does not open the key {path}. Give the right one.",
    "agent-empty": "No key was given and the SSH agent holds none. Give --identity FILE, or run ssh-add.",
    # on the node
    "no-python": "There is no python3 on {node}. On the node: apt install python3-minimal",
    "no-root": "The user may not become root on {node}. Log in as root, or allow it sudo without a password (sudo -n).",
    "agent-failed": "The program that reads and changes {node} ended with an error: {found} Try again, then report it.",
    "agent-garbled": "The answer of {node} cannot be understood. Look for commands that print in .bashrc or "
    "/etc/profile.d of that user.",
    "agent-refused": "{node} would not do it: {reason} {path}{detail}. Nothing was changed; look at that on the node.",
    "timeout-command": "A command on {node} did not end in time. Whether it took effect is unknown: look at the node "
    "again before going on.",
    # files
    "not-a-snapshot": "{path} is no snapshot. Give a snapshot file, a copy of /sys, or the text of lspci -nnk.",
    "snapshot-cut": "{path} ends in the middle. Copy or take the snapshot again.",
    "snapshot-newer": "{path} was made by a newer Lanewright. Update this one to open it.",
    "listing-empty": "There is no PCI device in {path}. Save the output of lspci -nnk, and give that.",
    "listing-cut": "{path} ends in the middle (line {line}). Save the whole listing again.",
    "file-unreadable": "{path} cannot be read: {found}. Check that it is there and that you may read it.",
    "file-unwritable": "{path} cannot be written: {found}. Nothing was left there; choose another place.",
    "no-snapshot": "Only a snapshot of a node can be saved. Take one with 'lanewright-cli snapshot'.",
    "not-text": "{path} is not UTF-8 text. Save it as UTF-8.",
    "demo-not-installed": "The demo is not installed ({module} is missing). Install it: pip install 'lanewright[demo]'",
    # intents, plans, pushes
    "intent-file": "The intents cannot be read: {path}: {detail} {where}. Correct that; docs/cli.md shows the form.",
    "no-such-device": "There is no device {address} in this node. Look for its address with 'lanewright-cli show'.",
    "boot-loader-unknown": "It is not clear which boot loader starts this node, so its command line was left alone. "
    "Compare with 'proxmox-boot-tool status' on the node.",
    "boot-loader-unsupported": "This node is started by {loader}, whose command line this version cannot write. Set "
    "intel_iommu=on there by hand, then verify.",
    "no-root-parameter": "{path} names no root= on its first line, which proxmox-boot-tool would refuse. Put it back "
    "first; on ZFS it is root=ZFS=rpool/ROOT/pve-1 boot=zfs.",
    "iommu-vendor-unknown": "It is not clear whether this is an Intel or an AMD machine. Take the snapshot on the node "
    "itself, as root.",
    "grub-file-not-understood": "{path} is written in a way that is not understood (line {line}), and was left "
    "alone. Write GRUB_CMDLINE_LINUX_DEFAULT as one quoted text there.",
    "is-a-bridge": "{address} is a bridge; it cannot be passed through. Name a device below it.",
    "is-a-virtual-function": "{address} is a virtual function; its ids are those of its siblings. Name a whole card.",
    "device-moved": "Another card than the one meant is at {address}. Look with 'lanewright-cli show' and correct it.",
    "ids-unknown": "The ids of {address} are not known. Take the snapshot on the node itself.",
    "original-missing": "The copy that the last push kept of {path} is not there. Restore that file by hand.",
    "nothing-to-roll-back": "There is no push on this node to roll back. Nothing was changed.",
    "hazards": "Refused, because the host needs what the plan would take from it: {hazards}. Leave that device out, or "
    "move what uses it first.",
    "locked": "Another push is working on {node}. Wait for its end, then try again.",
    "stale-plan": "{path} changed between review and push. Nothing was written; review the new plan and push that.",
    "step-failed": "Step {step} failed: {what} ({reason} {exit}). The steps before it stand: correct it and push "
    "again, or run 'lanewright-cli rollback'. {output}",
    "outcome-unknown": "The connection was lost in the middle of a change; the node goes on by itself. Look again with "
    "'lanewright-cli verify' before changing more.",
    "no-common-algorithm": "{node} and this program share no algorithm to speak SSH with. Update OpenSSH on the "
    "node, or allow its default algorithms in sshd_config.",
    "cancelled": "Stopped.",
    "not-confirmed": "Not pushed: there is no one to ask. Look at the plan, then add --yes.",
    "no-secret": "Nothing came on stdin. Give the password or passphrase there, or leave --password-stdin out.",
}

DIFFERENCES = {
    "firmware": "firmware",
    "kernel": "kernel",
    "pve-version": "PVE",
    "loader": "boot loader",
    "iommu": "IOMMU",
    "interrupt-remapping": "interrupt remapping",
    "parameter": "kernel parameter",
    "module-options": "module options",
    "appeared": "appeared",
    "vanished": "vanished",
    "moved": "moved",
    "slot": "slot",
    "driver": "driver",
    "group": "shares its group with",
    "group-number": "group number",
    "link": "link",
    "interface": "interface",
    "vfs": "virtual functions",
    "reset": "reset methods",
    "bar": "BAR sizes",
    "guest": "named by",
}

VERDICTS = {True: "holds", False: "DOES NOT HOLD", None: "cannot be told"}


class _Lenient(Formatter):
    """A detail that an error does not carry is left out."""

    def get_value(self, key: int | str, args: Any, kwargs: Any) -> Any:
        return kwargs.get(str(key), "")


def sentence(error: LanewrightError) -> str:
    """One line for stderr. An error of the connection names its node even where nobody told it."""
    text = ERRORS.get(error.code)
    if text is None:
        told = ", ".join(f"{key}: {value}" for key, value in error.details.items())
        return printable(f"{ERRORS['error']} ({type(error).__name__} {error.code} {told})")
    node = error.node or error.details.get("host") or "the node"
    if error.code == "refused" and not isinstance(error, ConnectError):
        text = ERRORS["hazards"]
    return printable(" ".join(_Lenient().vformat(text, (), {**error.details, "node": node}).split()))


def printable(text: str) -> str:
    """Without what would move a terminal's cursor: names and output come from the node."""
    return "".join(c if c.isprintable() or c in "\n\t" else "\N{REPLACEMENT CHARACTER}" for c in text)
