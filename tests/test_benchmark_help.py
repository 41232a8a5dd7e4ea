"""The benchmarks that take arguments describe them."""

from __future__ import annotations

import runpy
import sys
from pathlib import Path

import pytest

FOLDER = Path(__file__).parents[1] / "benchmarks"


@pytest.mark.parametrize(("name", "argument"), [("bench_large_study", "runs"), ("bench_scheduling", "steps")])
def test_help_measures_nothing_and_names_the_argument(name, argument, monkeypatch, capsys):
    monkeypatch.setattr(sys, "argv", [name, "--help"])
    monkeypatch.setattr(sys, "path", [str(FOLDER), *sys.path])
    with pytest.raises(SystemExit) as ended:
        runpy.run_path(str(FOLDER / f"{name}.py"), run_name="__main__")
    assert ended.value.code == 0
    printed = capsys.readouterr().out
    assert f"[{argument}]" in printed
    assert f"{name}.py" in printed
