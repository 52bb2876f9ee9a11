"""The connect dialog: host keys, refusals, cancel, and what it remembers."""

from __future__ import annotations

from pathlib import Path

import pytest
from gui_stand_ins import StandInOpening
from PySide6.QtCore import QSettings
from PySide6.QtWidgets import QPushButton

from backend.errors import ConnectError, HostKeyChanged, HostKeyUnknown, LoginError
from gui.dialogs.connect_dialog import ConnectDialog
from gui.dialogs.host_key_dialog import HostKeyDialog
from gui.tasks import TaskRunner

PRINT = "SHA256:0ykwTgGhZ2zqA0dJnmVuY8n0b3b8u1H5rQw3b6Q5v1E"
UNKNOWN = {"host": "192.0.2.10", "port": "22", "key_type": "ssh-ed25519", "fingerprint": PRINT, "key": "k"}


@pytest.fixture
def opening() -> StandInOpening:
    return StandInOpening()


@pytest.fixture
def dialog(qtbot, runner: TaskRunner, opening: StandInOpening, settings: QSettings) -> ConnectDialog:
    made = ConnectDialog(runner, opening.connect, opening.trust, settings)
    qtbot.addWidget(made)
    made.host.setText("192.0.2.10")
    made.key_file.setText("/keys/id")
    made.show()
    return made


def question(dialog: ConnectDialog) -> HostKeyDialog | None:
    return next((box for box in dialog.findChildren(HostKeyDialog) if box.isVisible()), None)


def test_an_unknown_key_is_asked_about_and_then_trusted(qtbot, dialog, opening) -> None:
    opening.answers = [HostKeyUnknown(**UNKNOWN), "the node"]
    dialog._go.click()
    qtbot.waitUntil(lambda: question(dialog) is not None)
    box = question(dialog)
    shown = "\n".join(label.text() for label in box.findChildren(type(dialog._phase)))
    assert PRINT in shown
    assert "ssh-keygen -lf /etc/ssh/ssh_host_ed25519_key.pub" in shown
    assert box.findChild(QPushButton, "host_key_cancel").isDefault()
    assert opening.trusted == []
    with qtbot.waitSignal(dialog.opened) as opened:
        box.findChild(QPushButton, "host_key_trust").click()
    assert opened.args == ["the node"]
    assert [error.details["fingerprint"] for error in opening.trusted] == [PRINT]
    assert not dialog.isVisible()


def test_declining_the_key_sends_nothing_more(qtbot, dialog, opening) -> None:
    opening.answers = [HostKeyUnknown(**UNKNOWN)]
    dialog._go.click()
    qtbot.waitUntil(lambda: question(dialog) is not None)
    question(dialog).findChild(QPushButton, "host_key_cancel").click()
    qtbot.waitUntil(dialog.banner.isVisible)
    assert opening.trusted == []
    assert len(opening.asked) == 1
    assert "not confirmed" in dialog.banner.text


def test_a_changed_key_shows_both_prints_and_no_way_to_accept(qtbot, dialog, opening) -> None:
    opening.answers = [
        HostKeyChanged(host="h", port="22", key_type="ssh-rsa", fingerprint=PRINT, expected="SHA256:old")
    ]
    dialog._go.click()
    qtbot.waitUntil(lambda: question(dialog) is not None)
    box = question(dialog)
    assert box.findChild(object, "key_expected").text() == "SHA256:old"
    assert box.findChild(object, "key_fingerprint").text() == PRINT
    assert [button.objectName() for button in box.findChildren(QPushButton)] == ["host_key_cancel"]
    box.findChild(QPushButton, "host_key_cancel").click()
    assert opening.trusted == []
    assert "another host key" in dialog.banner.text


def test_a_refusal_is_worded_at_its_field_and_can_be_mended(qtbot, dialog, opening) -> None:
    opening.answers = [LoginError(user="root"), "the node"]
    dialog._go.click()
    qtbot.waitUntil(dialog.banner.isVisible)
    assert "refused to log in root" in dialog.banner.text
    assert "authorized_keys" in dialog.banner.text
    assert dialog.focusWidget() is dialog.user
    with qtbot.waitSignal(dialog.opened):
        dialog._go.click()


def test_cancel_stops_the_attempt_and_keeps_the_dialog(qtbot, dialog, opening) -> None:
    opening.answers = ["wait"]
    dialog._go.click()
    qtbot.waitUntil(lambda: len(opening.asked) == 1)
    assert not dialog._go.isEnabled()
    dialog._cancel.click()
    qtbot.waitUntil(dialog._go.isEnabled)
    assert dialog.isVisible()
    assert dialog.banner.text.startswith("Stopped")
    dialog._cancel.click()
    assert not dialog.isVisible()


def test_nothing_is_tried_without_a_host(qtbot, dialog, opening) -> None:
    dialog.host.clear()
    dialog._go.click()
    assert dialog.banner.isVisible()
    assert opening.asked == []


def test_values_are_remembered_but_no_secret(qtbot, runner, opening, settings, tmp_path: Path) -> None:
    def make() -> ConnectDialog:
        made = ConnectDialog(runner, opening.connect, opening.trust, settings)
        qtbot.addWidget(made)
        return made

    first = make()
    first.host.setText("pve7")
    first.port.setValue(2222)
    first.user.setText("admin")
    first.method.setCurrentIndex(1)
    first.password.setText("hunter2-secret")
    opening.answers = [ConnectError("timeout", host="pve7"), "the node"]
    first._go.click()
    qtbot.waitUntil(lambda: not first.banner.isHidden())
    with qtbot.waitSignal(first.opened):
        first._go.click()
    assert opening.asked[-1].password == "hunter2-secret"
    assert "hunter2" not in repr(opening.asked[-1])
    again = make()
    assert (again.host.text(), again.port.value(), again.user.text()) == ("pve7", 2222, "admin")
    assert again.request().method == "password"
    assert again.password.text() == ""
    settings.sync()
    assert "hunter2" not in Path(settings.fileName()).read_text()


def test_the_box_grows_for_a_message_instead_of_squeezing_fields(qtbot, dialog, opening) -> None:
    before = dialog.host.height()
    opening.answers = [LoginError(user="root")]
    dialog._go.click()
    qtbot.waitUntil(dialog.banner.isVisible)
    qtbot.waitUntil(lambda: dialog.host.height() >= before)
