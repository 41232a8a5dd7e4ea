"""Findings of a few lines, and the networks among them."""

from __future__ import annotations

from abc import abstractmethod
from pathlib import Path
from typing import TYPE_CHECKING, Any

from prunescope.api.wording import error_text
from prunescope.report.common.finding import Finding
from prunescope.runs import live
from prunescope.runs.files import runfile

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from rich.console import RenderableType
    from torch import nn

    from prunescope.api import Epoch
    from prunescope.runs.files.runfile import Run
    from prunescope.runs.session import Session


class LinesFinding(Finding):
    """A finding of a few lines."""

    @abstractmethod
    def lines(self) -> Sequence[str]:
        """Return what a person is shown, a line each."""

    def printed(self) -> RenderableType:
        """Return the lines as a terminal shows them."""
        from rich.console import Group
        from rich.text import Text

        return Group(*map(Text, self.lines()))


class NetworkFinding(LinesFinding):
    """One network that a step made. Its classes are dataclasses with these fields."""

    found: Run
    """Everything of the run but its weights."""
    session: Session

    @property
    def run(self) -> str:
        """The id of the run, which other functions take; they take this object, too."""
        return self.found.id

    @property
    def study(self) -> Path:
        """The study folder."""
        return self.session.store.study

    def network(self) -> nn.Module:
        """Return the network with its weights, on the CPU: a copy at each call."""
        return self.session.build_network(self.run)

    def save(self, path: str | Path) -> Path:
        """Write the weights to a file, .pt or .safetensors; return its path."""
        self.session.save_weights(self.run, Path(path))
        return Path(path)

    def as_json(self) -> dict[str, Any]:
        """Return the run: recipe, provenance, history."""
        return runfile.run_as_json(self.found)


def notes(run: Run) -> list[str]:
    """Return what a later process cannot do with a run, a line each."""
    return [f"note: {text}" for text in live.report_lost(run)]


def last_epoch(history: Sequence[Epoch]) -> str:
    """Return the loss and the error of the last epoch in words; "" where there is none."""
    if not history:
        return ""
    return f"loss {history[-1].train_loss:.4f}, error {error_text(history[-1].train_error)}, in training"


def epoch_rows(run: Run) -> list[Mapping[str, Any]]:
    """Return a row for each epoch of a training: run, seed, epoch, learning rate, loss and error."""
    return [
        {
            "run": run.id,
            "seed": run.recipe.arguments.get("seed"),
            "epoch": epoch.number,
            "learning_rate": epoch.learning_rate,
            "train_loss": epoch.train_loss,
            "train_error": epoch.train_error,
        }
        for epoch in run.history
    ]
