"""The question of `warn` and its defaults, which no other place has."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path  # noqa: TC003 - the types of fields are read as they run

from prunescope.runs.place import AskedPlace, find_study_folder


@dataclass(frozen=True, kw_only=True)
class WarningQuestion(AskedPlace):
    """Whether the fluctuations of a reading along an axis of a study announce a transition."""

    study: str | Path = field(kw_only=False)
    """A study's folder, or its TOML file."""
    axis: str = "epoch"
    """The study's knob ("epochs", ...), "density", or "epoch": training time."""
    reading: str = "history/train_loss"
    """"<probe>/<name>", such as "lmc/lmc"; along "epoch" "history/train_loss" or "history/train_error"."""
    reverse: bool = False
    """Whether the axis is followed from its largest value down."""
    window: float = 0.5
    """Rolling window, as a share of the series."""
    bandwidth: float = 0.1
    """Of the trend that is taken out, as a share of the series."""
    null: str = "ar1"
    """Surrogates: "ar1" autoregressive, "phase" of random phases."""
    surrogates: int = 500
    """Number of surrogate series, at least 20."""
    level: float = 0.05
    """Largest p-value that counts as a rise."""
    seed: int = 0
    """Seed of the surrogates."""

    @property
    def folder(self) -> Path:
        """The study folder."""
        return find_study_folder(self.study)
