"""The doctor's page: the guide's steps, what stands in their way, and what one may do about it."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from gui_findings import finding
from machines import at, workstation
from PySide6.QtGui import QGuiApplication
from PySide6.QtWidgets import QLabel

from backend.doctor.checklist import State, checklist
from backend.doctor.finding import Severity, Subject
from backend.doctor.symptoms import SYMPTOMS, Cause, Fit, Recognised, log_lines, recognise
from backend.errors import LanewrightError, SnapshotError
from backend.node.evidence import Evidence
from backend.node.node import Node
from backend.plan.intents.iommu_on import IommuOn
from gui import doctor_words
from gui.dialogs.log_dialog import LogDialog
from gui.errors import ErrorWording
from gui.pages.doctor_page import DoctorPage
from gui.pages.node_page import NodePage
from gui.widgets.step_row import AT_ONCE
from gui.widgets.symptom_card import SymptomCard
from resources.doctor import sentences


@pytest.fixture
def page(qtbot) -> DoctorPage:
    made = DoctorPage()
    qtbot.addWidget(made)
    made.resize(700, 800)
    made.show()
    return made


def row_with_findings(page: DoctorPage):
    return next(row for row in page.rows if row.step.findings)


def test_every_step_of_the_guide_is_there_with_its_state(page: DoctorPage) -> None:
    node = workstation()
    page.show_findings(node, ())
    assert [(row.section.head.text(), row.chip.look.word) for row in page.rows] == [
        (sentences()[step.code].title, doctor_words.state_look(step.state).word) for step in checklist(node, ())
    ]


def test_while_the_doctor_looks_it_says_so(page: DoctorPage) -> None:
    page.show_findings(workstation(), None)
    assert page.next.title.text() == "Examining…"
    assert page.rows == []
    assert not page.copy_button.isEnabled()
    page.show_findings(workstation(), ())
    assert page.next.title.text() != "Examining…"
    assert page.copy_button.isEnabled()


def test_nothing_in_the_way_is_said(page: DoctorPage, monkeypatch: pytest.MonkeyPatch) -> None:
    steps = [step for step in checklist(workstation(), ()) if step.state is State.DONE]
    assert steps
    monkeypatch.setattr("gui.pages.doctor_page.checklist", lambda node, findings: tuple(steps))
    page.show_findings(workstation(), ())
    assert page.next.title.text() == "Nothing stands in the way"
    page.show_findings(workstation(), (finding(Severity.NOTE),))
    assert page.next.text.text() == "Worth a look below: 1 note."


def test_the_gravest_finding_comes_first_then_the_next_step(page: DoctorPage) -> None:
    worst = finding()
    page.show_findings(workstation(), (worst,))
    assert page.next.title.text() == f"First: {doctor_words.said(worst).title}"
    page.show_findings(workstation(groups=False), ())
    step = next(step for step in checklist(workstation(groups=False), ()) if step.state is State.TODO)
    assert page.next.title.text() == f"Next step: {sentences()[step.code].title}"


def test_what_comes_first_can_be_gone_to(page: DoctorPage) -> None:
    worst = finding(Severity.ERROR, Subject.GUESTS)
    page.show_findings(workstation(), (*(finding(Severity.WARNING, Subject.HARDWARE) for _ in range(9)), worst))
    row = next(row for row in page.rows if worst in row.step.findings)
    row.section.set_opened(False)
    page.activateWindow()
    page.go.click()
    assert row.section.opened
    card = row.cards[0]
    top = card.mapTo(page, card.rect().topLeft()).y()
    assert 0 <= top < page.height()


def test_a_card_shows_evidence_and_leads_to_its_device(page: DoctorPage, qtbot) -> None:
    page.show_findings(workstation(), (finding(address=at("01:00.0")),))
    card = row_with_findings(page).cards[0]
    assert card.evidence.toPlainText() == (
        '/etc/default/grub:6: GRUB_CMDLINE_LINUX_DEFAULT="quiet"\n/sys/class/iommu: not there'
    )
    assert card.device.text() == "GeForce RTX 3090 · 01:00.0"
    with qtbot.waitSignal(page.device_chosen) as chosen:
        card.device.click()
    assert chosen.args == [at("01:00.0")]
    assert card.stage.isHidden()


def test_the_fix_is_staged_once(page: DoctorPage, qtbot) -> None:
    page.show_findings(workstation(), (finding(mends=True),))
    card = row_with_findings(page).cards[0]
    with qtbot.waitSignal(page.stage_requested) as asked:
        card.stage.click()
    assert asked.args == [IommuOn()]
    page.set_staged((IommuOn(),))
    assert not card.stage.isEnabled()
    assert card.stage.text() == "Fix is staged"
    page.set_staged(())
    assert card.stage.isEnabled()


def test_the_filter_hides_what_is_not_wanted(page: DoctorPage) -> None:
    page.show_findings(workstation(), (finding(Severity.ERROR), finding(Severity.NOTE)))
    assert page.filters[Severity.ERROR].text() == "Error: 1"
    page.filters[Severity.NOTE].click()
    shown = [card.finding.severity for card in row_with_findings(page).cards if not card.isHidden()]
    assert shown == [Severity.ERROR]
    page.filters[Severity.NOTE].click()
    assert sum(not card.isHidden() for card in row_with_findings(page).cards) == 2


def test_a_flood_is_shown_in_parts(page: DoctorPage) -> None:
    page.show_findings(workstation(), tuple(finding(address=at("01:00.0")) for _ in range(AT_ONCE + 3)))
    row = row_with_findings(page)
    assert len(row.cards) == AT_ONCE
    assert not row.more.isHidden()
    row.more.click()
    assert len(row.cards) == AT_ONCE + 3
    assert row.more.isHidden()


def test_nothing_is_clipped_in_a_narrow_page(page: DoctorPage, qtbot) -> None:
    page.resize(440, 600)
    page.show_findings(workstation(), (finding(address=at("03:00.0"), vmid=101, mends=True),))
    body = page._area.widget()
    qtbot.waitUntil(lambda: body.width() <= page._area.viewport().width())
    assert body.minimumSizeHint().width() <= page._area.viewport().width()


def test_all_is_copied_as_text(page: DoctorPage) -> None:
    one = finding(address=at("01:00.0"), vmid=101)
    page.show_findings(workstation(), (one,))
    page.copy()
    text = QGuiApplication.clipboard().text()
    assert text.startswith("pve1")
    assert f"[{one.code}]" in text
    assert "/etc/default/grub:6: GRUB" in text
    assert "GeForce RTX 3090 · 01:00.0, VM 101" in text


def test_an_examination_that_fails_says_so(page: DoctorPage) -> None:
    page.show_findings(workstation(), None)
    page.show_trouble(ErrorWording().of(LanewrightError("whatever")))
    assert page.next.title.text() == "That did not work."


def test_the_tab_counts_errors_and_warnings(qtbot) -> None:
    page = NodePage()
    qtbot.addWidget(page)
    page.show_node(workstation(), live=True)
    place = page.tabs.indexOf(page.doctor)
    assert page.tabs.tabText(place) == "Doctor"
    page.show_findings([finding(severity, address=at("01:00.0")) for severity in Severity])
    assert page.tabs.tabText(place) == "Doctor (2)"
    page.tabs.setCurrentWidget(page.doctor)
    row_with_findings(page.doctor).cards[0].device.click()
    assert page.map.isVisibleTo(page)
    assert page.selection.current == at("01:00.0")
    assert page.inspector.cards[0].device.isHidden()
    page.selection.current = at("02:00.0")
    assert page.inspector.cards == []


@pytest.fixture
def dialog(qtbot, runner) -> LogDialog:
    def explain(lines):
        return recognise(lines, workstation(), ())

    made = LogDialog(workstation(), lambda work: runner.start("node", work), explain)
    qtbot.addWidget(made)
    made.show()
    return made


LOG = """vfio-pci 0000:01:00.0: something of no interest
vfio: error no iommu_group for device
kvm: -device vfio-pci,host=0000:01:00.0: vfio 0000:01:00.0: group 15 is not viable
"""


def test_a_log_is_explained(qtbot, dialog: LogDialog) -> None:
    assert not dialog.go.isEnabled()
    dialog.text.setPlainText(LOG)
    with qtbot.waitSignal(dialog.explain().finished):
        pass
    expected = recognise(log_lines("log", LOG), workstation(), ())
    assert expected
    assert [card.accessibleName() for card in dialog.cards] == [sentences()[one.symptom.code].title for one in expected]
    assert dialog.state.isHidden()
    dialog.copy()
    assert "log:3: kvm: -device" in QGuiApplication.clipboard().text()


def test_causes_that_the_node_shows_no_sign_of_are_folded_away(qtbot) -> None:
    line = Evidence("task.log", "group 15 is not viable", 1)
    symptom = SYMPTOMS[0]
    seen = finding(address=at("01:00.0"))
    causes = (Cause(seen.code, Fit.SEEN, (seen,)), Cause("cause-locked", Fit.NOT_SEEN))
    card = SymptomCard(workstation(), Recognised(symptom, (line,), 1, causes, at("01:00.0")))
    qtbot.addWidget(card)
    assert not card.rest.opened
    assert sentences()["cause-locked"].do not in [shown.text() for shown in card.findChildren(QLabel)]
    only = SymptomCard(workstation(), Recognised(symptom, (line,), 1, causes[1:]))
    qtbot.addWidget(only)
    assert only.rest.opened


def test_a_cause_without_a_finding_takes_its_values_from_the_log() -> None:
    code = next(code for code, text in sentences().items() if "vmid" in text.placeholders)
    cause = Cause(code, Fit.OPEN)
    text = doctor_words.cause_texts(cause, Recognised(SYMPTOMS[0], (), 0, (cause,), vmid=4711))
    assert "4711" in "".join((text.title, text.means, text.do))
    assert "{" not in text.title


def test_a_log_without_known_messages_says_what_to_take(qtbot, dialog: LogDialog) -> None:
    dialog.text.setPlainText("all is well\n")
    with qtbot.waitSignal(dialog.explain().finished):
        pass
    assert dialog.cards == []
    assert dialog.state.title.text() == "No known message is in this log"


def test_a_log_is_read_from_a_file(qtbot, dialog: LogDialog, tmp_path) -> None:
    path = tmp_path / "task.log"
    path.write_text(LOG)
    dialog.open_file(path)
    qtbot.waitUntil(lambda: bool(dialog.cards))
    dialog.copy()
    assert "task.log:3: kvm" in QGuiApplication.clipboard().text()


def test_a_file_that_cannot_be_read_is_told(qtbot, dialog: LogDialog, tmp_path) -> None:
    with qtbot.waitSignal(dialog.open_file(tmp_path / "none").finished):
        pass
    assert dialog.state.title.text() == ErrorWording().of(SnapshotError("file-unreadable")).happened


@pytest.mark.parametrize("look", [doctor_words.severity_look, doctor_words.state_look, doctor_words.fit_look])
def test_no_two_grades_look_or_sound_alike(look: Callable[..., doctor_words.Look]) -> None:
    kinds = {
        doctor_words.severity_look: tuple(Severity),
        doctor_words.state_look: tuple(State),
        doctor_words.fit_look: tuple(doctor_words.Fit),
    }[look]
    assert len({look(kind).icon for kind in kinds}) == len(kinds)
    assert len({look(kind).word for kind in kinds}) == len(kinds)


def test_subjects_have_words() -> None:
    assert len({doctor_words.subject_word(subject) for subject in Subject}) == len(Subject)
    assert doctor_words.guest_word(Node(), 7) == "VM 7"
