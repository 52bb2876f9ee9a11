"""What can go wrong, typed. Texts for people are made in the GUI and in the CLI's text module from code and details.

`code` is stable and lower-case-with-dashes; `details` never hold a secret.
"""

from __future__ import annotations


class LanewrightError(Exception):
    """Base of every error that the product raises on purpose."""

    code = "error"

    def __init__(self, code: str | None = None, *, node: str | None = None, **details: str) -> None:
        self.code = code or type(self).code
        self.node = node
        self.details = details
        super().__init__(self.code, *(f"{key}={value}" for key, value in details.items()))


class ConnectError(LanewrightError):
    """Could not reach it. Codes: "refused", "timeout", "name-unknown", "unreachable", "not-ssh", "lost"."""

    code = "unreachable"


class HostKeyUnknown(LanewrightError):
    """Host key never seen. Details: host, port, key_type, fingerprint (SHA256:...), key (OpenSSH line)."""

    code = "host-key-unknown"


class HostKeyChanged(LanewrightError):
    """Another host key than the trusted one. Details: host, port, key_type, fingerprint, expected."""

    code = "host-key-changed"


class LoginError(LanewrightError):
    """Log-in refused. Codes: "login-refused", "key-unreadable", "key-passphrase", "key-wrong-passphrase"."""

    code = "login-refused"


class NodeError(LanewrightError):
    """The node cannot do what is asked. Codes: "no-python", "no-root", "agent-failed", "agent-garbled"."""

    code = "agent-failed"


class CommandTimeout(LanewrightError):
    """A remote command did not end in time; whether it took effect is unknown."""

    code = "timeout-command"


class SnapshotError(LanewrightError):
    """A file is no snapshot, or only half of one. Codes: "not-a-snapshot", "snapshot-cut", "snapshot-newer",
    "listing-empty", "listing-cut", "file-unreadable". Details: path, line (where known), found."""

    code = "not-a-snapshot"


class IntentError(LanewrightError):
    """A wish that cannot be read or planned. Codes: "intent-file", "no-such-device", "boot-loader-unknown", ..."""

    code = "intent-file"


class Refused(LanewrightError):
    """Refused for safety. Details name the hazards."""

    code = "refused"


class StalePlan(LanewrightError):
    """A file changed between review and push; nothing was written. Details: path."""

    code = "stale-plan"


class StepFailed(LanewrightError):
    """A step of a push did not succeed; the steps before it stand. Details: step (index), what (path or command),
    reason (code of the agent), exit, output (its end)."""

    code = "step-failed"


class OutcomeUnknown(LanewrightError):
    """The connection was lost in the middle of a change: look again before saying more."""

    code = "outcome-unknown"


class Cancelled(LanewrightError):
    """The user stopped it. Not an error to show."""

    code = "cancelled"
