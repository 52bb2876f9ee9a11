"""A lab machine boots by GRUB, loses what it had not written when its power goes, and obeys the edited command line."""

from __future__ import annotations

from collections.abc import Callable

from .machine import Machine
from .topologies import TWO_NICS_AND_CARD


def test_nothing_done_yet_then_grub_edit_power_cut_and_reboot(lab_machine: Callable[..., Machine]) -> None:
    machine = lab_machine(TWO_NICS_AND_CARD)
    assert not machine.groups()
    assert machine.says("sudo", "-n", "id", "-u", user="admin").strip() == "0"

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
