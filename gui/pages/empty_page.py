"""What to do first."""

from __future__ import annotations

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import QHBoxLayout, QLabel, QPushButton, QVBoxLayout, QWidget

from gui.named import named
from gui.pages.primary_button import PrimaryButton
from gui.theme import scaled


class EmptyPage(QWidget):
    """Shown while no node is open."""

    connect_requested = Signal()
    open_requested = Signal()
    demo_requested = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("empty_page")
        title = QLabel(self.tr("Pass a card through to a virtual machine"))
        title.setFont(scaled(self.font(), 1.7, bold=True))
        text = QLabel(
            self.tr(
                "1.  Connect to a Proxmox VE node. It is read over one SSH connection; nothing is "
                "installed and nothing changed.\n"
                "2.  Choose a card on the map of the machine and reserve it.\n"
                "3.  Review every byte of the change, push it, and see proof that it holds after the reboot."
            )
        )
        text.setWordWrap(True)
        text.setMaximumWidth(620)
        text.setMinimumWidth(420)
        connect = named(PrimaryButton(self.tr("Connect to a node…")), "empty_connect")
        connect.clicked.connect(self.connect_requested)
        opened = named(QPushButton(self.tr("Open a file…")), "empty_open")
        opened.setToolTip(self.tr("A snapshot, a copy of /sys, or the text of lspci -nnk"))
        opened.clicked.connect(self.open_requested)
        self.demo = named(QPushButton(self.tr("Try the demo")), "empty_demo")
        self.demo.setToolTip(self.tr("A simulated cluster on this computer; no node is touched"))
        self.demo.clicked.connect(self.demo_requested)
        buttons = QHBoxLayout()
        buttons.setSpacing(10)
        for button in (connect, opened, self.demo):
            buttons.addWidget(button)
        buttons.addStretch(1)
        column = QVBoxLayout()
        column.setSpacing(18)
        column.addWidget(title)
        column.addWidget(text)
        column.addLayout(buttons)
        outer = QHBoxLayout(self)
        outer.addStretch(1)
        outer.addLayout(column)
        outer.addStretch(1)
        outer.setAlignment(column, Qt.AlignmentFlag.AlignVCenter)
