"""A push on its page: states, cancel, verdicts with evidence, unknown outcomes."""

from __future__ import annotations

import pytest
from gui_stand_ins import STEPS, StandInNode, Wish

from backend.errors import LoginError, OutcomeUnknown
from backend.plan.plan import Plan
from backend.progress import Progress
from gui.pages.push_page import PushPage
from gui.tasks import TaskRunner

PLAN = Plan("pve1", "boot-1", (Wish(),), STEPS, ())


@pytest.fixture
def page(qtbot) -> PushPage:
    made = PushPage()
    qtbot.addWidget(made)
    made.show()
    return made


def begin(page: PushPage, runner: TaskRunner, node: StandInNode) -> None:
    task = runner.start("pve1", lambda token, report: node.push(PLAN, reboot=True, token=token, report=report))
    page.begin(PLAN, task)


def states(page: PushPage) -> list[str]:
    return [page.state(row) for row in range(len(STEPS))]


def test_states_while_it_runs_and_when_it_holds(qtbot, page, runner) -> None:
    node = StandInNode()
    begin(page, runner, node)
    qtbot.waitUntil(lambda: page.state(0) == "running")
    assert states(page)[1:] == ["waiting"] * 4
    assert "running" in page.steps.topLevelItem(0).text(1)
    assert page.cancel_button.isVisible()
    assert not page.done_button.isVisible()
    with qtbot.waitSignal(page.ended):
        node.gate.set()
    assert states(page) == ["done"] * 5
    assert [verdict.holds for verdict in page.verdicts] == [True]
    wish = page.verdict_list.topLevelItem(0)
    assert "holds" in wish.text(1)
    assert "/sys/bus/pci/devices/0000:01:00.0/driver" in wish.child(0).text(0)
    assert "../vfio-pci" in wish.child(0).text(0)
    assert page.undo_button.isVisible()


def test_a_verdict_that_fails_is_not_called_done(qtbot, page, runner) -> None:
    node = StandInNode(holds=False)
    node.gate.set()
    begin(page, runner, node)
    qtbot.waitUntil(lambda: not page.running)
    assert "not everything holds" in page.banner.text
    wish = page.verdict_list.topLevelItem(0)
    assert "does not hold" in wish.text(1)
    assert "Another driver" in wish.child(0).text(0)


def test_a_file_that_is_not_as_written_is_told(qtbot, page, runner) -> None:
    node = StandInNode(differing=("/etc/default/grub",))
    node.gate.set()
    begin(page, runner, node)
    qtbot.waitUntil(lambda: not page.running)
    assert page.banner.is_error
    assert "/etc/default/grub" in page.banner.text


def test_output_that_comes_in_pieces_is_one_text(qtbot, page, runner) -> None:
    def work(token, report) -> None:
        report(Progress("run", 3, 5, "update-initramfs"))
        report(Progress("run", 3, 5, "update-initramfs", "Generating /boot/ini"))
        report(Progress("run", 3, 5, "update-initramfs", "trd.img\ndone\n"))

    page.begin(PLAN, runner.start("pve1", work))
    qtbot.waitUntil(lambda: not page.running)
    assert "Generating /boot/initrd.img\ndone\n" in page.output.toPlainText()


@pytest.mark.parametrize(("error", "state"), [(OutcomeUnknown(), "unknown"), (LoginError(), "failed")])
def test_the_running_step_of_a_push_that_broke(qtbot, page, runner, error, state) -> None:
    node = StandInNode(fails=error)
    begin(page, runner, node)
    qtbot.waitUntil(lambda: page.state(0) == "running")
    with qtbot.waitSignal(page.ended):
        node.gate.set()
    assert states(page) == [state, *["waiting"] * 4]
    assert page.banner.is_error
    assert page.verdicts == ()


def test_cancel_says_what_was_done(qtbot, page, runner) -> None:
    begin(page, runner, StandInNode())
    qtbot.waitUntil(lambda: page.state(0) == "running")
    with qtbot.waitSignal(page.ended):
        page.cancel_button.click()
    assert page.state(0) == "unknown"
    assert page.banner.text.startswith("Stopped")
    assert page.done_button.isVisible()
