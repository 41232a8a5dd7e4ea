"""A study's runs as JSON and CSV: every number is there, and a full disk leaves no half a file."""

from __future__ import annotations

import csv
import json
import math

import numpy as np
import pytest
import synthetic_study

from prunescope.api.errors import StoreError
from prunescope.runs import exports


@pytest.fixture
def store(tmp_path):
    session, _ = synthetic_study.dense_only(tmp_path / "study")
    return session.store


def test_json_holds_every_run(store, tmp_path):
    assert exports.export_json(store, tmp_path / "out.json") == len(store.ids())
    found = json.loads((tmp_path / "out.json").read_text())
    assert [run["id"] for run in found["runs"]] == store.ids()
    assert next(run for run in found["runs"] if run["id"].startswith("diagnose"))["verdicts"]


def test_csv_has_a_line_per_number(store, tmp_path):
    assert exports.export_csv(store, tmp_path / "out.csv") == sum(run_id.startswith("probe") for run_id in store.ids())
    with (tmp_path / "out.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    wanted = {}
    for run in map(store.read, store.ids()):
        for probe, named in run.readings.items():
            for name, reading in named.items():
                for index, value in np.ndenumerate(np.asarray(reading.value)):
                    wanted[run.id, probe, name, " ".join(map(str, index))] = float(value)
    got = {(row["run"], row["probe"], row["reading"], row["index"]): float(row["value"]) for row in rows}
    assert got.keys() == wanted.keys()
    assert all(got[key] == value or math.isnan(value) for key, value in wanted.items())
    trace = next(row for row in rows if row["reading"] == "trace")
    assert (trace["stderr"], trace["n"], trace["unit"]) == ("14.0", "40", "nat/weight^2")


def test_a_file_that_cannot_be_written_is_told_and_not_left(store, tmp_path, monkeypatch):
    monkeypatch.setattr("prunescope.runs.files.runfile.run_as_json", full)
    with pytest.raises(StoreError, match="No space left"):
        exports.export_json(store, tmp_path / "out.json")
    assert [path.name for path in tmp_path.iterdir()] == ["study"]


def full(_run):
    raise OSError(28, "No space left on device")
