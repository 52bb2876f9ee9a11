"""Rules of the house that a machine can check and import-linter does not."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

CHECKOUT = Path(__file__).resolve().parents[2]
BACKEND = sorted(p for p in (CHECKOUT / "backend").rglob("*.py") if p.name != "on_node.py")
GUI = sorted((CHECKOUT / "gui").rglob("*.py"))


def module_name(path: Path) -> str:
    parts = path.relative_to(CHECKOUT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def test_every_backend_module_loads_without_qt() -> None:
    names = [module_name(path) for path in BACKEND]
    program = (
        "import importlib, sys\n"
        "for name in sys.argv[1:]: importlib.import_module(name)\n"
        "print([name for name in sys.modules if name.startswith(('PySide6', 'shiboken', 'gui'))])\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program, *names], capture_output=True, text=True, cwd=CHECKOUT, check=False
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == "[]"


@pytest.mark.parametrize("path", GUI, ids=lambda path: str(path.relative_to(CHECKOUT)))
def test_translated_texts_are_literals(path: Path) -> None:
    """lupdate copies what it sees: an f-string or a name inside tr() is never found at run time."""
    for call in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(call, ast.Call) and isinstance(call.func, ast.Attribute) and call.func.attr == "tr":
            assert isinstance(call.args[0], ast.Constant), f"{path.name}:{call.lineno}"


@pytest.mark.parametrize("path", GUI, ids=lambda path: str(path.relative_to(CHECKOUT)))
def test_no_nested_event_loops(path: Path) -> None:
    """exec() of a dialog or menu blocks tests and invites re-entrance; open() and signals do not."""
    for call in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(call, ast.Call) and isinstance(call.func, ast.Attribute) and call.func.attr in ("exec", "exec_"):
            owner = ast.unparse(call.func.value)
            assert owner in ("app", "application"), f"{path.name}:{call.lineno}: {owner}.exec()"
