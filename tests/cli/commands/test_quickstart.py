from __future__ import annotations

import os

import pytest

from prunescope.cli.commands import quickstart
from prunescope.runs.store import Store


@pytest.fixture
def quick(monkeypatch):
    """Make it quick: few images, few epochs, one process."""
    monkeypatch.setattr(quickstart, "DATA", "patches:images=120,test_images=60")
    monkeypatch.setattr(quickstart, "QUICKSTART_TRAINING", {"epochs": 2})
    monkeypatch.setattr(quickstart, "QUICKSTART_DENSITIES", (0.3,))
    monkeypatch.setattr(os, "sched_getaffinity", lambda _pid: {0}, raising=False)


@pytest.mark.usefixtures("quick")
def test_everything_is_where_it_says(invoke, tmp_path):
    folder = tmp_path / "first"
    result = invoke("quickstart", "--folder", folder)
    assert result.exit_code == 0, result.stderr
    store = Store(folder / "study")
    assert store.read(result.stdout.strip()).verdicts
    assert (folder / "report.html").read_text().startswith("<!DOCTYPE html>")
    for shown in (
        "$ prunescope train sgd --model preresnet8 --model-option width=0.5",
        f"$ prunescope diagnose {folder}/ckpt.pt --density 0.3",
        f"the network     {folder}/ckpt.pt",
        f"the report      {folder}/report.html",
        "next: the same for a network of yours",
    ):
        assert shown in result.stderr, shown


def test_a_folder_that_is_a_file(invoke, tmp_path):
    (tmp_path / "first").write_text("")
    result = invoke("quickstart", "--folder", tmp_path / "first")
    assert result.exit_code == 2
    assert result.stderr.startswith("error: cannot make the folder")
