from __future__ import annotations

import io
import os
import subprocess
import sys

import pytest
from rich.console import Console
from rich.progress import Progress
from rich.text import Text

from prunescope.report.common import console, progress
from prunescope.report.common.progress import Bars, Lines, watched
from prunescope.runs.recipe import Recipe
from prunescope.runs.store import Store

RECIPES = [Recipe(step="retrain", plugin="sgd", arguments={"seed": seed}, inputs=("prune-01",)) for seed in (1, 2)]


@pytest.fixture
def store(tmp_path):
    made = Store(tmp_path)
    (made.runs / ".locks").mkdir(parents=True)
    return made


@pytest.fixture(autouse=True)
def at_once(monkeypatch):
    monkeypatch.setattr(progress, "SILENT_SECONDS", 0.0)


def test_a_line_for_every_tenth(capsys):
    lines = Lines()
    for step in range(101):
        lines.show(step / 100, {"retrain": 0.5} if step == 50 else {})
    told = capsys.readouterr().err.splitlines()
    assert len(told) == 10
    assert told[4].startswith(" 50 %")
    assert "(retrain)" in told[4]
    assert "left" in told[4]
    assert told[9].startswith("100 %")
    assert "left" not in told[9]


def test_lines_skip_tenths_that_pass_at_once(capsys):
    Lines().show(0.57, {})
    assert capsys.readouterr().err.count("\n") == 1


def test_weights_decide_how_much_a_step_counts(store, capsys):
    with watched(RECIPES, store.progress, weights={RECIPES[0].id: 3.0, RECIPES[1].id: 1.0}):
        store.note_progress(RECIPES[0].id, 0.9999)
    assert capsys.readouterr().err.startswith(" 70 %")


def test_equal_shares_without_weights(store, capsys):
    with watched(RECIPES, store.progress):
        store.note_progress(RECIPES[0].id, 0.9)
    assert capsys.readouterr().err.startswith(" 40 %")


def test_bars_follow_the_running_steps():
    with Progress(console=Console(file=io.StringIO())) as drawn:
        bars = Bars(drawn, drawn.add_task("all", total=1.0))
        bars.show(0.25, {"one": 0.5})
        bars.show(0.75, {"two": 0.5})
        assert [(task.description, task.completed) for task in drawn.tasks] == [("all", 0.75), ("two", 0.5)]


def test_no_colour_where_there_is_no_terminal():
    assert "\x1b" not in console.render(console.table(("a",), [("b",)]), io.TextIOWrapper(io.BytesIO()))


class Terminal(io.StringIO):
    encoding = "utf-8"

    def isatty(self):
        return True


def test_colour_on_a_terminal_unless_no_color(monkeypatch):
    monkeypatch.delenv("NO_COLOR", raising=False)
    monkeypatch.setenv("TERM", "xterm")
    table = console.table(("a",), [("b",)])
    assert "\x1b[1m" in console.render(table, Terminal())
    red = Text("warning", style="red")
    assert "\x1b[31m" in console.render(red, Terminal())
    monkeypatch.setenv("NO_COLOR", "1")
    assert "\x1b[31m" not in console.render(red, Terminal())


CHILD = """
import sys, time
from pathlib import Path
from prunescope.report.common.progress import watched
from prunescope.runs.recipe import Recipe
from prunescope.runs.store import Store

store = Store(Path(sys.argv[1]))
recipe = Recipe(step="train", plugin="sgd", arguments={"seed": 0})
with watched([recipe], store.progress):
    store.note_progress(recipe.id, 0.5)
    time.sleep(1)
"""


def test_a_terminal_gets_bars(store):
    pty = pytest.importorskip("pty")
    parent, child = pty.openpty()
    ended = subprocess.run(
        [sys.executable, "-c", CHILD, str(store.study)], stderr=child, env=os.environ | {"TERM": "xterm"}, check=False
    )
    os.close(child)
    shown = os.read(parent, 1 << 16).decode()
    os.close(parent)
    assert ended.returncode == 0
    assert "all steps" in shown
    assert "train sgd, seed 0" in shown
    assert "50%" in shown
