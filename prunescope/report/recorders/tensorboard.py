"""Epochs and readings as TensorBoard shows them."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from prunescope.api import Recorder
from prunescope.api.errors import StoreError, UsageError
from prunescope.report.recorders.naming import metric_name, metric_step

if TYPE_CHECKING:
    from collections.abc import Mapping

    from prunescope.api import Epoch


class TensorBoard(Recorder):
    """Writes event files, a folder for each run: `tensorboard --logdir FOLDER` shows them side by side."""

    def __init__(self, folder: str | Path) -> None:
        self.folder = Path(folder)
        self.writers: dict[str, Any] = {}

    def record_epoch(self, run: str, label: str, epoch: Epoch) -> None:
        """Write loss, error and learning rate at the epoch."""
        writer = self._writer(run, label)
        for name in ("train_loss", "train_error", "learning_rate"):
            writer.add_scalar(name, getattr(epoch, name), epoch.number)

    def record_reading(self, run: str, label: str, row: Mapping[str, Any]) -> None:
        """Write a number under "<probe>/<reading>", at the percent of weights kept."""
        self._writer(run, label).add_scalar(metric_name(row), row["value"], metric_step(row))

    def close(self) -> None:
        """Write what is left to the files."""
        for writer in self.writers.values():
            writer.close()
        self.writers.clear()

    def _writer(self, run: str, label: str) -> Any:  # noqa: ANN401 - it comes without types
        if run not in self.writers:
            try:
                from torch.utils.tensorboard import SummaryWriter
            except ImportError as error:
                fix = "pip install 'prunescope[tensorboard]'"
                raise UsageError("TensorBoard requires the package tensorboard", fix=fix) from error
            try:
                writer: Any = SummaryWriter(str(self.folder / run))
            except OSError as error:
                reason = error.strerror or error
                raise StoreError(f"cannot write to {self.folder}: {reason}", fix="choose another folder") from error
            writer.add_text("step", label)
            self.writers[run] = writer
        return self.writers[run]
