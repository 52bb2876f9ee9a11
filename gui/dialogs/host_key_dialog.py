"""Asks whether a host key is the node's own; tells that a known one changed."""

from __future__ import annotations

from PySide6.QtCore import Qt
from PySide6.QtGui import QFontDatabase
from PySide6.QtWidgets import (
    QDialog,
    QDialogButtonBox,
    QFormLayout,
    QLabel,
    QVBoxLayout,
    QWidget,
)

from backend.errors import HostKeyChanged, HostKeyUnknown

KEY_FILES = {
    "ssh-ed25519": "ssh_host_ed25519_key.pub",
    "ssh-rsa": "ssh_host_rsa_key.pub",
    "rsa-sha2-256": "ssh_host_rsa_key.pub",
    "rsa-sha2-512": "ssh_host_rsa_key.pub",
    "ecdsa-sha2-nistp256": "ssh_host_ecdsa_key.pub",
}


def _fixed(text: str, name: str) -> QLabel:
    label = QLabel(text)
    label.setObjectName(name)
    label.setFont(QFontDatabase.systemFont(QFontDatabase.SystemFont.FixedFont))
    label.setTextFormat(Qt.TextFormat.PlainText)
    label.setTextInteractionFlags(
        Qt.TextInteractionFlag.TextSelectableByMouse | Qt.TextInteractionFlag.TextSelectableByKeyboard
    )
    return label


class HostKeyDialog(QDialog):
    """Accepted only where the key is new and the user says that it is right; a changed one never is."""

    def __init__(self, error: HostKeyUnknown | HostKeyChanged, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("host_key_dialog")
        said = error.details
        changed = isinstance(error, HostKeyChanged)
        host, port = said.get("host", ""), said.get("port", "22")
        key_type = said.get("key_type", "ssh-ed25519")
        self.setWindowTitle(self.tr("The host key changed") if changed else self.tr("Is this your node?"))

        heading = QLabel(
            self.tr("{0} shows another key than the one you trusted.").format(host)
            if changed
            else self.tr("You connect to {0} for the first time.").format(host)
        )
        font = heading.font()
        font.setBold(True)
        font.setPointSizeF(font.pointSizeF() * 1.2)
        heading.setFont(font)
        heading.setWordWrap(True)

        meaning = QLabel(
            self.tr(
                "Either the node was installed anew, or something else answers at its address and would see "
                "your log-in. Nothing was sent to it. If you know why the key changed, remove the old line "
                "for this host from Lanewright's known_hosts file and connect again."
            )
            if changed
            else self.tr(
                "Compare the fingerprint below with the one that the node itself prints, at its console or "
                "in the shell of its web interface. Connect only if they are the same."
            )
        )
        meaning.setWordWrap(True)

        form = QFormLayout()
        form.setHorizontalSpacing(16)
        form.addRow(self.tr("Address"), _fixed(host if port == "22" else f"{host} port {port}", "key_host"))
        form.addRow(self.tr("Key type"), _fixed(key_type, "key_type"))
        if changed:
            form.addRow(self.tr("Trusted until now"), _fixed(said.get("expected", ""), "key_expected"))
            form.addRow(self.tr("Shown today"), _fixed(said.get("fingerprint", ""), "key_fingerprint"))
        else:
            form.addRow(self.tr("Fingerprint"), _fixed(said.get("fingerprint", ""), "key_fingerprint"))
        command = f"ssh-keygen -lf /etc/ssh/{KEY_FILES.get(key_type, 'ssh_host_ed25519_key.pub')}"
        form.addRow(self.tr("On the node"), _fixed(command, "key_command"))

        self._buttons = QDialogButtonBox()
        cancel = self._buttons.addButton(QDialogButtonBox.StandardButton.Cancel)
        cancel.setObjectName("host_key_cancel")
        cancel.setDefault(True)
        if changed:
            cancel.setText(self.tr("Close"))
        else:
            trust = self._buttons.addButton(self.tr("Trust and connect"), QDialogButtonBox.ButtonRole.AcceptRole)
            trust.setObjectName("host_key_trust")
            trust.setAutoDefault(False)
        self._buttons.accepted.connect(self.accept)
        self._buttons.rejected.connect(self.reject)

        layout = QVBoxLayout(self)
        layout.setSpacing(14)
        layout.setContentsMargins(20, 20, 20, 16)
        layout.addWidget(heading)
        layout.addWidget(meaning)
        layout.addLayout(form)
        layout.addStretch(1)
        layout.addWidget(self._buttons)
        self.setMinimumWidth(620)
        cancel.setFocus()
