"""Every code that backend/errors.py names has its own sentence and an advice."""

from __future__ import annotations

import ast
import inspect
import re
from pathlib import Path

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


def codes_in_the_sources() -> set[tuple[str, str]]:
    """(class, code) of every error that the backend raises, by its source. The command line words its own."""
    found = set()
    for path in Path(errors.__file__).parent.rglob("*.py"):
        if path.name in ("cli.py", "cli_text.py", "on_node.py"):
            continue
        for call in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if not (isinstance(call, ast.Call) and isinstance(call.func, ast.Name) and hasattr(errors, call.func.id)):
                continue
            if call.args and isinstance(call.args[0], ast.Constant):
                found.add((call.func.id, call.args[0].value))
    assert ("ConnectError", "not-back") in found
    return found


@pytest.mark.parametrize(("kind", "code"), sorted(codes_in_the_sources()))
def test_every_code_of_the_sources_is_worded(qapp, kind: str, code: str) -> None:
    wording = ErrorWording().of(getattr(errors, kind)(code, node="pve1"))
    assert wording.happened != ErrorWording().of(errors.LanewrightError("no-such-code")).happened
    assert wording.advice
