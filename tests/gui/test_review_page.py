"""The review: exact bytes, hazards first, a button that says what it does."""

from __future__ import annotations

import pytest
from gui_stand_ins import NIC, STEPS, Wish

from backend.plan.plan import Hazard, Plan
from gui.pages.review_page import ReviewPage


@pytest.fixture
def page(qtbot) -> ReviewPage:
    made = ReviewPage()
    qtbot.addWidget(made)
    made.show()
    return made


def plan(*hazards: Hazard) -> Plan:
    return Plan("pve1", "boot-1", (Wish(),), STEPS, hazards)


def test_steps_stand_in_order_and_each_shows_its_exact_change(page: ReviewPage) -> None:
    page.show_plan(plan())
    words = [page.steps.item(row).text() for row in range(page.steps.count())]
    assert words[0] == "1.  Change /etc/default/grub"
    assert words[1] == "2.  Create /etc/modprobe.d/lanewright.conf"
    assert words[-1] == "5.  Reboot pve1"
    assert '-A="quiet"\n+A="quiet intel_iommu=on"' in page.diff.toPlainText()
    page.steps.setCurrentRow(1)
    assert "+options vfio-pci ids=10de:2204,10de:1aef" in page.diff.toPlainText()
    page.steps.setCurrentRow(3)
    assert page.diff.toPlainText() == "$ update-initramfs -u -k all"


def test_the_button_says_what_it_will_do(qtbot, page: ReviewPage) -> None:
    shown = plan()
    page.show_plan(shown)
    assert page.push_button.text() == "Write 2 files, update the boot menu, rebuild initramfs, reboot pve1"
    with qtbot.waitSignal(page.push_requested) as asked:
        page.push_button.click()
    assert asked.args[0] is shown


def test_a_blocking_hazard_is_told_with_its_chain_and_closes_the_way(qtbot, page: ReviewPage) -> None:
    page.show_plan(plan(Hazard("this-connection", NIC, ("eno1", "vmbr0"))))
    banner = page.findChild(object, "hazards_blocking")
    assert "0000:02:00.0 → eno1 → vmbr0" in banner.text
    assert not page.push_button.isEnabled()
    with qtbot.assertNotEmitted(page.push_requested):
        page._push()


def test_a_notable_hazard_warns_but_lets_through(page: ReviewPage) -> None:
    page.show_plan(plan(Hazard("same-ids", NIC, blocks=False)))
    assert page.findChild(object, "hazards_notable") is not None
    assert page.findChild(object, "hazards_blocking") is None
    assert page.push_button.isEnabled()


def test_a_plan_without_steps_cannot_be_pushed(page: ReviewPage) -> None:
    page.show_plan(Plan("pve1", None, (Wish(),), (), ()))
    assert not page.push_button.isEnabled()
    assert page.diff.toPlainText() == ""
