"""Every code that backend/errors.py names has its own sentence and an advice."""

from __future__ import annotations

import inspect
import re

import pytest

from backend import errors
from gui.errors import ErrorWording

CASES = [
    (kind, code)
    for kind in vars(errors).values()
    if inspect.isclass(kind) and issubclass(kind, errors.LanewrightError)
    if kind not in (errors.LanewrightError, errors.Cancelled)
    for code in sorted({kind.code, *re.findall(r'"([a-z-]+)"', kind.__doc__ or "")})
]


@pytest.mark.parametrize(("kind", "code"), CASES, ids=lambda value: getattr(value, "__name__", value))
def test_every_code_is_worded(qapp, kind: type[errors.LanewrightError], code: str) -> None:
    wording = ErrorWording().of(kind(code, node="pve1", path="/etc/x"))
    fallback = ErrorWording().of(errors.LanewrightError("no-such-code"))
    assert wording.happened != fallback.happened
    assert wording.advice
    assert "{" not in wording.happened + wording.body
    assert code in wording.details


def test_a_mistake_of_the_program_keeps_its_traceback_for_the_report(qapp) -> None:
    try:
        raise ZeroDivisionError("by hand")
    except ZeroDivisionError as error:
        wording = ErrorWording().of(error)
    assert "not of your node" in wording.meaning
    assert "test_connect_errors" in wording.details
