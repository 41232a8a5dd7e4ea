"""The phase diagram as numbers: every cell (value of the knob, density) with what its replicas read."""

from __future__ import annotations

from dataclasses import dataclass, field
from statistics import fmean, median
from typing import TYPE_CHECKING, Literal

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

Quantity = Literal["test_error", "lmc", "cka"]


@dataclass(frozen=True, kw_only=True)
class Sample:
    """One dense model pruned to one density: the readings of its replicas; a tuple is empty where nothing is known."""

    seed: int
    """Of the dense training."""
    test_error: tuple[float, ...] = ()
    """Of every replica, a fraction."""
    train_error: tuple[float, ...] = ()
    train_chance: tuple[float, ...] = ()
    """Error of the best prediction that is the same for all training examples."""
    lmc: tuple[float, ...] = ()
    """Of every pair of replicas."""
    lmc_stderr: tuple[float, ...] = ()
    cka: tuple[float, ...] = ()
    """At the softmax outputs, of every pair."""
    paths: tuple[tuple[float, ...], ...] = ()
    """Training error along the line between every pair."""
    others: Mapping[str, tuple[float, ...]] = field(default_factory=dict)
    """What further probes of the study measured, as "<probe>/<reading>": of every replica or pair, or one number."""

    def mean(self, quantity: Quantity) -> float | None:
        """Return the mean over replicas or pairs."""
        values = getattr(self, quantity)
        return fmean(values) if values else None


@dataclass(frozen=True, kw_only=True)
class CellSummary:
    """A quantity in one cell: the median over dense seeds of the mean over replicas, and the range of all of them."""

    centre: float
    low: float
    high: float
    seeds: int
    each: int
    """Replicas, or pairs of them, of every dense seed."""


@dataclass(frozen=True, kw_only=True)
class DiagramCell:
    """One value of the knob at one density."""

    value: float
    density: float
    samples: tuple[Sample, ...] = ()
    """Of every dense seed that is there."""

    def summary(self, quantity: Quantity) -> CellSummary | None:
        """Return a quantity's summary, None where it was not measured."""
        found = [getattr(sample, quantity) for sample in self.samples if getattr(sample, quantity)]
        if not found:
            return None
        every = [value for values in found for value in values]
        return CellSummary(
            centre=median(fmean(values) for values in found),
            low=min(every),
            high=max(every),
            seeds=len(found),
            each=max(map(len, found)),
        )

    def other_means(self) -> dict[str, float]:
        """Return what further probes measured: the median over dense seeds of the mean over replicas or pairs."""
        names = dict.fromkeys(name for sample in self.samples for name in sample.others)
        return {
            name: median(fmean(sample.others[name]) for sample in self.samples if name in sample.others)
            for name in names
        }


@dataclass(frozen=True, kw_only=True)
class PhaseDiagram:
    """Cells of a study in the order of its axes."""

    name: str
    knob: str
    values: tuple[float, ...]
    """Of the knob, the hottest first."""
    densities: tuple[float, ...]
    """From few weights kept to many."""
    cells: Mapping[tuple[float, float], DiagramCell]
    """By (value, density); a cell nothing is known of has no samples."""
    seeds: tuple[int, ...] = (0,)
    """Of the dense trainings that were asked for."""
    drops: tuple[float, ...] = ()
    """Values of the knob (epochs) after which the learning rate falls: snapshots of one run only."""
    dense_error: Mapping[tuple[float, int], float] = field(default_factory=dict)
    """Test error of the dense model by (value, dense seed), where it is known."""
    source: str = ""
    """Where the numbers come from, when they are not a study's own."""

    def grid(self, quantity: Quantity, *, seed: int | None = None) -> np.ndarray:
        """Return a quantity as an array (values, densities), NaN where it is missing; of one dense seed or of all."""
        found = np.full((len(self.values), len(self.densities)), np.nan)
        for row, value in enumerate(self.values):
            for column, density in enumerate(self.densities):
                centre = _centre(self.cells[value, density], quantity, seed)
                if centre is not None:
                    found[row, column] = centre
        return found

    @property
    def others(self) -> tuple[str, ...]:
        """What further probes measured anywhere, sorted."""
        return tuple(sorted({name for cell in self.cells.values() for name in cell.other_means()}))

    def above_best(self) -> np.ndarray:
        """Return the test error minus the lowest of its column, (values, densities)."""
        error = self.grid("test_error")
        best = np.array([np.nanmin(column) if np.isfinite(column).any() else np.nan for column in error.T])
        return np.asarray(error - best)


def fill_cells(
    samples: Mapping[tuple[float, float], Sequence[Sample]], *, values: Sequence[float], densities: Sequence[float]
) -> dict[tuple[float, float], DiagramCell]:
    """Return the cell of every (value, density), without samples where there are none."""
    return {
        (value, density): DiagramCell(value=value, density=density, samples=tuple(samples.get((value, density), ())))
        for value in values
        for density in densities
    }


def _centre(cell: DiagramCell, quantity: Quantity, seed: int | None) -> float | None:
    if seed is None:
        summary = cell.summary(quantity)
        return summary.centre if summary else None
    return next((sample.mean(quantity) for sample in cell.samples if sample.seed == seed), None)
