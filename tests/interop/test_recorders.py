"""TensorBoard and MLflow read back what a small study measured."""

from __future__ import annotations

import pytest
from wanted import wanted

import prunescope
from prunescope.api.errors import StoreError
from prunescope.report.recorders.mlflow import MLflow
from prunescope.report.recorders.tensorboard import TensorBoard

accumulator = wanted("tensorboard.backend.event_processing.event_accumulator")
mlflow = wanted("mlflow")

SMALL = {"model": "preresnet8", "model_options": {"width": 0.25}, "data": "patches:images=64,test_images=40"}


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    folder = tmp_path_factory.mktemp("recorded")
    dense = prunescope.train(
        **SMALL, trainer_options={"epochs": 2}, study=folder / "study", recorders=[TensorBoard(folder / "live")]
    )
    probed = prunescope.probe(prunescope.prune(dense, density=0.3, study=dense.study), "errors", study=dense.study)
    return folder, dense, probed


def scalars(folder):
    found = accumulator.EventAccumulator(str(folder))
    found.Reload()
    return {name: [(one.step, one.value) for one in found.Scalars(name)] for name in found.Tags()["scalars"]}


@pytest.mark.filterwarnings("ignore")
def test_tensorboard_reads_epochs_and_readings(made):
    folder, dense, probed = made
    live = scalars(folder / "live" / dense.run)
    wanted_losses = [(epoch.number, pytest.approx(epoch.train_loss)) for epoch in dense.found.history]
    assert live["train_loss"] == wanted_losses
    assert prunescope.open_study(dense.study).record(TensorBoard(folder / "replayed")) == 2
    assert scalars(folder / "replayed" / dense.run) == live
    (row,) = [row for row in probed.rows() if row["reading"] == "test_error"]
    assert scalars(folder / "replayed" / probed.run)["errors/test_error/replica_1"] == [
        (30, pytest.approx(row["value"]))
    ]


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("place", ["http://localhost:1", "mlruns", "sqlite:///m.db"])
def test_a_place_that_mlflow_does_not_open_is_an_error_that_names_it(place, monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("MLFLOW_ALLOW_FILE_STORE", raising=False)
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
    with pytest.raises(StoreError, match=f"^MLflow cannot write to {place}: ") as caught:
        MLflow(place)
    assert "sqlite:///mlflow.db" in caught.value.fix


def test_a_folder_that_cannot_be_written_is_an_error_that_names_it(made, tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(StoreError, match=r"cannot write to .*file"):
        prunescope.open_study(made[1].study).record(TensorBoard(tmp_path / "file"))


@pytest.mark.filterwarnings("ignore")
def test_mlflow_reads_epochs_and_readings(made, monkeypatch):
    monkeypatch.setenv("MLFLOW_ALLOW_FILE_STORE", "true")  # of the small mlflow-skinny, which has no database
    folder, dense, probed = made
    place = (folder / "mlruns").as_uri()
    prunescope.open_study(dense.study).record(MLflow(place))
    client = mlflow.MlflowClient(place)
    experiment = client.get_experiment_by_name("prunescope")
    runs = {run.info.run_name: run for run in client.search_runs([experiment.experiment_id])}
    assert set(runs) == {dense.run, probed.run}
    assert {run.info.status for run in runs.values()} == {"FINISHED"}
    history = client.get_metric_history(runs[dense.run].info.run_id, "train_loss")
    assert [(one.step, one.value) for one in history] == [(one.number, one.train_loss) for one in dense.found.history]
    (row,) = [row for row in probed.rows() if row["reading"] == "test_error"]
    assert runs[probed.run].data.metrics["errors/test_error/replica_1"] == row["value"]
