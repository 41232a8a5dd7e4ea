"""Small things that a person is told: tables that keep their lines, what a dry run would do, how long a sweep took."""

from __future__ import annotations

import json
import re
import shutil

import numpy as np
import pytest
import synthetic_study
from small_sweep import study_text

from prunescope.api import Reading
from prunescope.api.wording import count_text
from prunescope.report.common import console
from prunescope.report.common.readings import reading_table

HOW = "11 points, BatchNorm re-estimated in batches of 256"

READINGS = {
    "lmc": {
        "train_error_path": Reading(
            np.full((3, 11), 0.123456), "fraction", n=2000, stderr=np.full((3, 11), 0.01), estimator=HOW,
            axes=("pair", "t"),
        ),
        "lmc": Reading(
            np.array([-0.123456, -0.234567, -0.345678]), "fraction", n=2000, stderr=np.full(3, 0.0123456),
            estimator=HOW, axes=("pair",),
        ),
    },
    "errors": {"test_error": Reading(np.full(3, 0.087654), "fraction", n=4000, estimator="top-1", axes=("replica",))},
}  # fmt: skip


TINY = study_text(
    model={"name": "small_mlp"},
    data={"name": "patches", "images": 40, "test_images": 20},
    prune={"plugin": "magnitude", "linear": True},
)


@pytest.mark.parametrize("width", [80, 120])
def test_every_reading_keeps_its_line(monkeypatch, width, capsys):
    monkeypatch.setenv("COLUMNS", str(width))
    console.show(reading_table(READINGS, width=width))
    lines = capsys.readouterr().err.splitlines()
    assert max(map(len, lines)) <= width
    assert [line.split()[0] for line in lines[:4]] == [
        "reading",
        "errors/test_error",
        "lmc/train_error_path",
        "lmc/lmc",
    ]
    assert ("0.1235 (3×11 by pair, t)" if width > 100 else "0.1235 (3×11) ") in lines[2]
    assert lines[4] == ""
    assert " ".join(lines[5:]) == f"errors/test_error: top-1 lmc/train_error_path, lmc/lmc: {HOW}"


def test_a_diagnosis_is_shown_as_diagnose_told_it(invoke, tmp_path):
    session, run_id = synthetic_study.dense_only(tmp_path / "study")
    shown = invoke("results", "show", run_id[:14], "--study", session.store.study)
    assert shown.exit_code == 0
    assert "The dense model" in shown.stdout or "dense" in shown.stdout.splitlines()[2]
    assert "Next" in shown.stdout or "next" in shown.stdout
    found = json.loads(invoke("results", "show", run_id, "--json", "--study", session.store.study).stdout)
    assert "verdicts" in found
    assert found["schema_version"] == 1


def test_results_are_exported_as_json_and_csv_too(invoke, study, tmp_path):
    folder, run_id = study
    for suffix, told in ((".json", run_id), (".csv", "run,inputs,seed")):
        path = tmp_path / f"out{suffix}"
        result = invoke("results", "export", path, "--study", folder)
        assert result.exit_code == 0, result.stderr
        assert told in path.read_text()
    refused = invoke("results", "export", tmp_path / "out.xml", "--study", folder)
    assert refused.exit_code == 2
    assert ".csv" in refused.stderr


def test_a_dry_run_says_what_it_would_do(invoke, study, tmp_path):
    shared, run_id = study
    folder = tmp_path / "study"
    (folder / "runs").mkdir(parents=True)
    for path in (shared / "runs").glob(f"{run_id}*"):  # nothing but the dense run: other tests measure it too
        shutil.copy(path, folder / "runs")
    words = ("diagnose", run_id, "--density", "0.2,0.5", "--replicas", 2, "--retrain-epochs", 1, "--study", folder)
    words += ("--family", "none")
    result = invoke(*words, "--dry-run")
    assert result.exit_code == 0, result.stderr
    for told in ("densities: 0.2, 0.5", "replicas: 2", "retrain epochs: 1", "retrain with: sgd"):
        assert told in result.stderr
    found = json.loads(invoke(*words, "--dry-run", "--json").stdout)["dry_run"]
    assert (found["densities"], found["replicas"], found["retrain_epochs"]) == ([0.2, 0.5], 2, 1)
    steps = int(re.search(r"(\d+) steps", result.stderr)[1])
    at_a_density = len(found["probes_of_replicas"]) + len(found["probes_of_the_pruned_model"])
    measured = at_a_density * 2 + len(found["probes_of_the_dense_model"])
    assert steps == found["steps"] == 2 * (1 + 2) + measured, "the diagnosis itself is no step that takes time"


def test_a_checkpoint_that_does_not_fit_is_named(invoke, study, tmp_path):
    folder, run_id = study
    path = tmp_path / "other.safetensors"
    path.write_bytes((folder / "runs" / f"{run_id}.safetensors").read_bytes())
    result = invoke("probe", "lmc", run_id, path, "--model", "resnet18", "--data", "digits", "--study", folder)
    assert result.exit_code == 3
    assert "other.safetensors" in result.stderr.splitlines()[-2]


def test_one_epoch_is_no_epochs():
    assert [count_text(number, "epoch") for number in (0, 1, 1.0, 2)] == [
        "0 epochs", "1 epoch", "1 epoch", "2 epochs",
    ]  # fmt: skip


def test_a_sweep_tells_both_times_and_begins_by_saying_what_it_does(invoke, tmp_path):
    (tmp_path / "tiny.toml").write_text(TINY)
    result = invoke("sweep", tmp_path / "tiny.toml", "--workers", 1, "--study", tmp_path / "tiny")
    assert result.exit_code == 0, result.stderr
    assert re.search(r"9 steps took \d+ s of elapsed time, \d+ s of the workers' time", result.stderr)
    again = invoke("sweep", tmp_path / "tiny.toml", "--workers", 1, "--study", tmp_path / "tiny")
    assert "elapsed time" not in again.stderr
