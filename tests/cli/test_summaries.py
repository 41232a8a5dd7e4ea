"""The summary of every command and plugin fits a terminal of 80 columns."""

from __future__ import annotations

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
