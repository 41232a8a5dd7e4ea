"""The summary of every command and plugin fits a terminal of 80 columns."""

from __future__ import annotations

import os
import pty
import subprocess
import sys

import pytest

from prunescope.cli.terminal.headings import HEADINGS
from prunescope.cli.terminal.themes import MANY, OPTIONS, PLUGIN, THEME_OF, THEMES, sort_by_theme


@pytest.mark.parametrize("group", ["", "train", "prune", "retrain", "probe", "results", "plugins"])
def test_no_summary_is_cut(invoke, monkeypatch, group):
    monkeypatch.setenv("COLUMNS", "80")
    shown = invoke(*group.split(), "--help").stdout
    listed = shown.partition("Commands:" if group else "One network:")[2]
    assert listed
    assert [line for line in listed.splitlines() if line.endswith("...")] == []


def test_every_command_is_listed_once_under_a_heading(invoke):
    shown = invoke("--help").stdout
    assert "More:" not in shown, "a command without a heading: prunescope.cli.terminal.headings"
    listed = [line.split()[0] for line in shown.partition("One network:")[2].splitlines() if line.startswith("  ")]
    assert sorted(listed) == sorted(name for names in HEADINGS.values() for name in names)


OF_DIAGNOSE = ["Arguments", *THEMES]

OF_LMC = ["Arguments", PLUGIN, "Network and data", "Execution", "Output"]


@pytest.mark.parametrize(
    ("words", "wanted"),
    [
        ("", [OPTIONS, *HEADINGS]),
        ("results", [OPTIONS, "Commands"]),
        ("probe", [OPTIONS, "Commands"]),
        ("diagnose", OF_DIAGNOSE),
        ("probe lmc", OF_LMC),
        ("cite", ["Arguments", OPTIONS]),
    ],
)
def test_a_terminal_shows_panels_of_its_width(words, wanted):
    """A pipe gets plain text, without rich, which takes as long to import as the rest of the program."""
    ours, theirs = pty.openpty()
    words = [sys.executable, "-m", "prunescope", *words.split(), "--help"]
    environment = {**os.environ, "COLUMNS": "80", "NO_COLOR": "1", "TERM": "dumb"}
    with subprocess.Popen(words, stdout=theirs, stderr=theirs, env=environment) as child:
        os.close(theirs)
        shown = _read(ours)
    assert child.returncode == 0
    lines = shown.replace("\r", "").splitlines()
    assert [line for line in lines if len(line) > 80 or line.endswith("... │")] == []
    titles = [line.strip("╭╮─ ") for line in lines if line.startswith("╭")]
    assert titles == wanted
    assert sum(line.startswith("╰") for line in lines) == len(wanted)


@pytest.mark.parametrize(("words", "wanted"), [("diagnose", OF_DIAGNOSE), ("probe lmc", OF_LMC)])
def test_a_pipe_shows_the_same_sections(invoke, words, wanted):
    lines = invoke(*words.split(), "--help").stdout.splitlines()
    assert [line[:-1] for line in lines if line.endswith(":") and not line.startswith(" ")] == wanted


def test_a_command_of_few_options_has_one_section():
    few = [(name, None, (f"--{name}", "")) for name in [*THEME_OF][:MANY]]
    assert sort_by_theme(few) == {OPTIONS: [row for _, _, row in few]}
    assert len(sort_by_theme([*few, ("size", PLUGIN, ("--size", ""))])) > 1
    assert sort_by_theme([]) == {}


def test_an_option_has_one_theme():
    names = [name for listed in THEMES.values() for name in listed.split()]
    assert sorted(names) == sorted(THEME_OF)


def _read(descriptor):
    """Return all that is written until the other end is closed, which Linux reports as an error."""
    found = b""
    while True:
        try:
            part = os.read(descriptor, 4096)
        except OSError:
            part = b""
        if not part:
            os.close(descriptor)
            return found.decode()
        found += part
