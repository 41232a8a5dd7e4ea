"""Looks at the cells of a study's grid: the recipes of a look are performed, and every run of it is counted."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from itertools import chain
from typing import TYPE_CHECKING

from prunescope.runs.recipe import run_of
from prunescope.studies.cases.measured import MeasuredModel, probe_readings

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from prunescope.runs.recipe import Recipe
    from prunescope.runs.session import Session
    from prunescope.studies.grid.layout import Grid, StudyCell

COUNTED = ("train", "retrain")
"""Steps that count as a run: pruning and measuring take little."""


@dataclass(frozen=True, kw_only=True)
class GridBench:
    """The cells of a grid at one density; a look takes as many of a cell's replicas as it is asked for."""

    grid: Grid
    full: Grid | None
    """The same grid with retraining as long as training."""
    density: float
    session: Session
    complete: Callable[[Sequence[Recipe]], None]
    """Performs recipes that are not finished."""
    used: set[str] = field(default_factory=set)
    """Ids of the runs that looks have used, finished before or not."""

    @property
    def spent(self) -> int:
        """Number of runs that looks have used."""
        return len(self.used)

    def look(self, value: float, *, seed: int, replicas: int, full: bool = False) -> MeasuredModel:
        """Return a cell as so many of its replicas measure it."""
        steps, probes = self._steps(value, seed=seed, replicas=replicas, full=full)
        self.used.update(recipe.id for recipe in steps if recipe.step in COUNTED)
        self.complete(steps)
        name = f"{self.grid.study.knob} {value:g}"
        found = probe_readings(probes, self.session)
        return MeasuredModel(name=name, density=self.density, value=value, seed=seed, readings=found)

    def price(self, value: float, *, seed: int, replicas: int) -> int:
        """Return how many runs a look would use beyond those used."""
        steps, _ = self._steps(value, seed=seed, replicas=replicas, full=False)
        return len({recipe.id for recipe in steps if recipe.step in COUNTED} - self.used)

    def _steps(
        self, value: float, *, seed: int, replicas: int, full: bool
    ) -> tuple[tuple[Recipe, ...], tuple[Recipe, ...]]:
        """Return all steps of a look in dependency order, and its probes among them."""
        grid = self.full if full and self.full is not None else self.grid
        cell = _cell(grid, value, seed=seed, density=self.density)
        retrainings = cell.retrainings[:replicas]
        kept = tuple(recipe.id for recipe in retrainings)
        probes = tuple(replace(recipe, inputs=kept) for recipe in cell.probes)
        training = next(recipe for recipe in grid.trainings if recipe.id == run_of(cell.dense))
        return (training, cell.prune, *retrainings, *probes), probes


def runs(grid: Grid, *, density: float) -> int:
    """Return how many runs the whole grid takes at one density."""
    retrainings = chain.from_iterable(cell.retrainings for cell in grid.cells if cell.density == density)
    return len({recipe.id for recipe in (*grid.trainings, *retrainings)})


def _cell(grid: Grid, value: float, *, seed: int, density: float) -> StudyCell:
    return next(cell for cell in grid.cells if cell.value == value and cell.seed == seed and cell.density == density)
