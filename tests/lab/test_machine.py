"""A lab machine boots by GRUB, lets an admin in who is not root, loses what it had not written when its power goes, and
obeys the edited command line."""

from __future__ import annotations

from collections.abc import Callable

from backend.node.address import PciAddress
from backend.progress import CancelToken
from backend.remote.address import Target
from backend.remote.host_keys import HostKeys
from backend.remote.ssh import Credentials
from backend.workspace import open_live

from .machine import Machine
from .topologies import OWN_NIC, TWO_NICS_AND_CARD


def test_nothing_done_yet_then_grub_edit_power_cut_and_reboot(lab_machine: Callable[..., Machine]) -> None:
    machine = lab_machine(TWO_NICS_AND_CARD)
    assert not machine.groups()

    target = Target(machine.host, machine.port, "admin")
    opened = open_live(target, Credentials(identity=machine.identity), HostKeys(machine.known_hosts), CancelToken())
    opened.close()
    node = opened.node
    assert {str(f.address) for f in node.functions} >= TWO_NICS_AND_CARD.cards.keys()
    assert all(len(f.config) >= 256 for f in node.functions)  # more than 64 bytes: read as root
    assert {use.kind for use in node.uses_of[PciAddress.parse(OWN_NIC)]} >= {"this-connection"}

    # The kernel writes by itself after a while; on a slow computer that would be before the power is cut.
    machine.says("sysctl", "-q", "-w", "vm.dirty_writeback_centisecs=0")
    machine.says("sed", "-i", "s/intel_iommu=off/intel_iommu=on/", "/etc/default/grub")
    machine.says("update-grub")
    machine.says("sh", "-c", "echo kept >/root/kept; sync; echo lost >/root/lost")
    before = machine.boot_id()
    machine.power_cut()
    machine.start()
    assert machine.boot_id() != before
    assert machine.says("cat", "/root/kept") == "kept\n"
    assert not machine.run(["cat", "/root/lost"]).stdout
    assert "intel_iommu=on" in machine.says("cat", "/proc/cmdline")
    assert set(machine.groups().values()) >= set(TWO_NICS_AND_CARD.groups)

    before = machine.boot_id()
    machine.run(["systemctl", "reboot"])
    machine.wait_for_ssh(after=before)
    assert machine.boot_id() != before
