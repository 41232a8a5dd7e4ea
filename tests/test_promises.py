"""Each promise of docs/promises.md names tests, and each of these exists."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]

PAGE = ROOT / "docs" / "promises.md"

ROWS = [line for line in PAGE.read_text(encoding="utf-8").splitlines() if line.startswith("| ") and "---" not in line]

PROMISES = [[cell.strip() for cell in row.strip("|").split(" | ")] for row in ROWS if not row.startswith("| promise")]


def functions(path):
    return {node.name for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.FunctionDef)}


def test_the_page_is_read_whole():
    assert len(PROMISES) >= 24
    assert all(len(row) == 2 for row in PROMISES)


@pytest.mark.parametrize(("promise", "held"), PROMISES)
def test_the_tests_of_a_promise_exist(promise, held):
    named = re.findall(r"`([^`]+)`", held)
    assert named, promise
    path, sessions = "", (ROOT / "noxfile.py").read_text(encoding="utf-8")
    for text in named:
        if text.startswith("nox -s "):
            assert f"def {text.removeprefix('nox -s ').replace('-', '_')}(" in sessions
            continue
        file, _, name = text.partition("::")
        path = file or path
        assert name in functions(ROOT / path), text
