"""A study's runs as JSON and CSV: every number is there, and a full disk leaves no half a file."""

from __future__ import annotations

import csv
import json
import math
import sys

import numpy as np
import pytest
import synthetic_study

import prunescope
from prunescope.api.errors import StoreError, UsageError
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


def test_every_row_carries_where_it_was_measured(tmp_path):
    small = {"model": "preresnet8", "model_options": {"width": 0.25}, "data": "patches:images=64,test_images=40"}
    place, brief = {"study": tmp_path / "study"}, {"trainer_options": {"epochs": 1, "batch_size": 32}}
    dense = prunescope.train(**small, **brief, seed=4, **place)
    replicas = prunescope.retrain(prunescope.prune(dense, density=0.3, **place), replicas=2, **brief, seed=7, **place)
    prunescope.probe(replicas, "disagreement", **place)
    prunescope.probe(replicas, "errors", **place)
    study = prunescope.open_study(dense.study)
    assert study.export(tmp_path / "a.json").runs == 5 + 1
    assert study.export(tmp_path / "a.csv").runs == 2
    rows = json.loads((tmp_path / "a.json").read_text())["rows"]
    with (tmp_path / "a.csv").open(newline="") as file:
        lines = list(csv.DictReader(file))
    assert [{name: "" if value is None else str(value) for name, value in row.items()} for row in rows] == lines
    (pair,) = [row for row in rows if row["reading"] == "test_disagreement"]
    assert (pair["pair"], pair["replica"], pair["retraining_seed"], pair["step"]) == ("1-2", None, None, "probe")
    ones = [row for row in rows if row["reading"] == "test_error"]
    assert [(row["replica"], row["retraining_seed"]) for row in ones] == [(1, 7), (2, 8)]
    for row in rows:
        assert (row["model"], row["dense_seed"], row["batch_size"], row["epochs"]) == ("preresnet8", 4, 32, 1)
        assert row["density"] == pytest.approx(0.3, abs=1e-3)


def test_rows_of_a_run_whose_network_is_damaged_lack_their_place(store, tmp_path):
    (probe, *_) = [run_id for run_id in store.ids() if run_id.startswith("probe")]
    store.path(store.read(probe).recipe.inputs[0]).write_bytes(b"damaged")
    sound, problems = store.sound()
    assert len(problems) == 1
    exports.export_csv(sound, tmp_path / "out.csv")
    with (tmp_path / "out.csv").open(newline="") as file:
        rows = [row for row in csv.DictReader(file) if row["run"] == probe]
    assert rows
    assert {row["model"] for row in rows} == {""}


def test_parquet_names_what_it_requires(store, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    with pytest.raises(UsageError, match="requires pyarrow"):
        exports.export_parquet(store, tmp_path / "out.parquet")
    assert [path.name for path in tmp_path.iterdir()] == ["study"]


def test_a_file_that_cannot_be_written_is_told_and_not_left(store, tmp_path, monkeypatch):
    monkeypatch.setattr("prunescope.runs.files.runfile.run_as_json", full)
    with pytest.raises(StoreError, match="No space left"):
        exports.export_json(store, tmp_path / "out.json")
    assert [path.name for path in tmp_path.iterdir()] == ["study"]


def full(_run):
    raise OSError(28, "No space left on device")
