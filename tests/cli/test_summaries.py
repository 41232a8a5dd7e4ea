"""The summary of every command and plugin fits a terminal of 80 columns."""

from __future__ import annotations

import pytest


@pytest.mark.parametrize("group", ["", "train", "prune", "retrain", "probe", "results", "plugins"])
def test_no_summary_is_cut(invoke, monkeypatch, group):
    monkeypatch.setenv("COLUMNS", "80")
    listed = invoke(*group.split(), "--help").stdout.partition("Commands:")[2]
    assert listed
    assert [line for line in listed.splitlines() if line.endswith("...")] == []
