"""Epochs and readings as MLflow shows them."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from prunescope.api import Recorder
from prunescope.api.errors import StoreError, UsageError
from prunescope.report.recorders.naming import metric_name, metric_step

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from prunescope.api import Epoch


FIX = "give the address of a server that runs (mlflow server), or with the whole package mlflow a file: sqlite:///mlflow.db"
"""MLflow 3 writes into no folder, and the small mlflow-skinny opens no database."""


class MLflow(Recorder):
    """Writes a run of MLflow for each run of the study, named by its id, into one experiment."""

    def __init__(self, tracking_uri: str, *, experiment: str = "prunescope") -> None:
        try:
            from mlflow import MlflowClient
        except ImportError as error:
            raise UsageError("MLflow requires the package mlflow", fix="pip install 'prunescope[mlflow]'") from error
        self.place = tracking_uri
        self.runs: dict[str, str] = {}
        with self._naming_place():
            self.client: Any = MlflowClient(tracking_uri)
            found = self.client.get_experiment_by_name(experiment)
            self.experiment = found.experiment_id if found else self.client.create_experiment(experiment)

    def record_epoch(self, run: str, label: str, epoch: Epoch) -> None:
        """Log loss, error and learning rate at the epoch."""
        with self._naming_place():
            for name in ("train_loss", "train_error", "learning_rate"):
                self.client.log_metric(self._run(run, label), name, getattr(epoch, name), step=epoch.number)

    def record_reading(self, run: str, label: str, row: Mapping[str, Any]) -> None:
        """Log a number under "<probe>/<reading>", at the percent of weights kept."""
        with self._naming_place():
            self.client.log_metric(self._run(run, label), metric_name(row), row["value"], step=metric_step(row))

    def close(self) -> None:
        """End the runs."""
        with self._naming_place():
            for run in self.runs.values():
                self.client.set_terminated(run)
        self.runs.clear()

    @contextmanager
    def _naming_place(self) -> Iterator[None]:
        """Name the place in what MLflow raises: a server that does not answer, a store that it does not open."""
        try:
            yield
        except Exception as error:  # MlflowException, and whatever the libraries below it raise
            reason = str(error).partition("\n")[0][:200]
            raise StoreError(
                f"MLflow cannot write to {self.place}: {type(error).__name__}: {reason}", fix=FIX
            ) from error

    def _run(self, run: str, label: str) -> str:
        if run not in self.runs:
            made = self.client.create_run(self.experiment, run_name=run, tags={"prunescope.step": label})
            self.runs[run] = made.info.run_id
        return self.runs[run]
