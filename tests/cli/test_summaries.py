"""The summary of every command and plugin fits a terminal of 80 columns."""

from __future__ import annotations

import os
import pty
import subprocess
import sys

import pytest

from prunescope.cli.terminal.headings import HEADINGS


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


@pytest.mark.parametrize("group", ["", "results", "probe"])
def test_a_terminal_shows_panels_of_its_width(group):
    """A pipe gets plain text, without rich, which takes as long to import as the rest of the program."""
    ours, theirs = pty.openpty()
    words = [sys.executable, "-m", "prunescope", *group.split(), "--help"]
    environment = {**os.environ, "COLUMNS": "80", "NO_COLOR": "1", "TERM": "dumb"}
    with subprocess.Popen(words, stdout=theirs, stderr=theirs, env=environment) as child:
        os.close(theirs)
        shown = _read(ours)
    assert child.returncode == 0
    lines = shown.replace("\r", "").splitlines()
    assert [line for line in lines if len(line) > 80 or line.endswith("... │")] == []
    titles = [line.strip("╭╮─ ") for line in lines if line.startswith("╭")]
    wanted = ["Options", "Commands"] if group else ["Options", *HEADINGS]
    assert titles == wanted
    assert sum(line.startswith("╰") for line in lines) == len(wanted)


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
