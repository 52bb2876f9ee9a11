"""No real machine is called broken that is not: every finding of severity error was looked at, and is right."""

from __future__ import annotations

from collections import Counter

import pytest
from test_corpus_readers import files

from backend.doctor.examine import examine
from backend.doctor.finding import Finding, Severity
from backend.doctor.symptoms import log_lines, with_log
from backend.node.node import Node
from backend.snapshot.foreign import open_any
from tests.conftest import CORPUS

pytestmark = pytest.mark.corpus

# Both logs say that VFIO was refused the device.
RIGHT = {
    ("dmesg/intel-hp_rmrr_journal-and-relaxed-kernel.txt", "rmrr"),
    ("dmesg/intel-rmrr-ineligible_vfio.txt", "rmrr"),
}
LOGS = files("dmesg", "errors")


def examined(name: str) -> tuple[Finding, ...]:
    if name in LOGS:
        text = (CORPUS / name).read_text(encoding="utf-8", errors="replace")
        return examine(with_log(Node(), log_lines(name, text)))
    return examine(open_any(CORPUS / name))


@pytest.mark.usefixtures("corpus")
def test_errors_are_right() -> None:
    """Prints what the doctor says of all machines together."""
    machines = [*files("sysfs", "sysfs-rebuilt", "lspci", "groups"), *LOGS]
    found = [(name, finding) for name in machines for finding in examined(name)]
    errors = {(name, finding.code) for name, finding in found if finding.severity is Severity.ERROR}
    print(f"{len(machines)} machines and logs; false alarms: {len(errors - RIGHT)}")
    for (severity, code), count in sorted(Counter((f.severity.value, f.code) for _, f in found).items()):
        print(f"{count:4} {severity:8} {code}")
    assert errors == RIGHT
