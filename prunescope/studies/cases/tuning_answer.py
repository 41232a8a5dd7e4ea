"""From the question of `tune` to the value of the knob for each density."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from prunescope.api.wording import count_text
from prunescope.regimes import chosen
from prunescope.regimes.direction import hottest_first
from prunescope.regimes.thresholds import PUBLISHED
from prunescope.studies.cases import bench, measured, tuning
from prunescope.studies.cases.tuning_grid import make_tuning_grid
from prunescope.studies.cases.tuning_posterior import tune_by_posterior

if TYPE_CHECKING:
    from collections.abc import Sequence

    from prunescope.api import RegimeRule
    from prunescope.runs.recipe import Recipe
    from prunescope.runs.session import Session
    from prunescope.studies.cases.questions import TuningQuestion
    from prunescope.studies.cases.tuning import Aim, Tuned
    from prunescope.studies.cases.tuning_grid import TuningGrid
    from prunescope.studies.grid.layout import Grid


@dataclass(frozen=True, kw_only=True)
class TunedDensity:
    """What was found for one density."""

    density: float
    tuned: Tuned
    grid_runs: int
    """Runs that the whole grid takes at this density."""
    regret: float | None
    """Test error above the grid's lowest, a fraction; None where the grid is not complete."""


@dataclass(frozen=True, kw_only=True)
class TuningAnswer:
    """The value of the knob for each density."""

    found: tuple[TunedDensity, ...]
    knob: str
    probes: tuple[str, ...]
    """The runs that hold the readings."""


def answer_tuning(asked: TuningQuestion, session: Session) -> TuningAnswer:
    """Search the values of the knob for each density; what a sweep of the same study finished is not run again."""
    rule = chosen.rule("three-regime", asked.rule_options, asked.rules).instance
    made = make_tuning_grid(asked, session)
    found = tuple(_tuned(made, density, rule, asked, session) for density in made.densities)
    probes = [run for density in made.densities for run in measured.column_probes(made.grid, density=density)]
    return TuningAnswer(found=found, knob=made.grid.study.knob, probes=tuple(probes))


def _tuned(made: TuningGrid, density: float, rule: RegimeRule, asked: TuningQuestion, session: Session) -> TunedDensity:
    def complete(recipes: Sequence[Recipe]) -> None:
        if session.unfinished(recipes):
            session.complete(recipes)

    grid_runs = bench.runs(made.grid, density=density)
    aim = _aim(made.grid, rule, asked, grid_runs=grid_runs)
    at = bench.GridBench(grid=made.grid, full=made.full, density=density, session=session, complete=complete)
    session.note(
        f"density {density:g}: {count_text(len(aim.values), 'value')}, {count_text(grid_runs, 'run')} in the grid"
    )
    by_posterior = asked.search == "posterior" and asked.by == "test-error" and not asked.full
    tuned = tune_by_posterior(at, aim) if by_posterior else tuning.tune_grid(at, aim)
    models = measured.measured_column(made.grid, session, density=density)
    regret = tuning.regret(models, aim, tuned.value)
    return TunedDensity(density=density, tuned=tuned, grid_runs=grid_runs, regret=regret)


def _aim(grid: Grid, rule: RegimeRule, asked: TuningQuestion, *, grid_runs: int) -> Aim:
    study = grid.study
    return tuning.Aim(
        values=tuple(hottest_first(study.values, knob=study.knob)),
        seeds=study.dense_seeds,
        replicas=study.replicas,
        limit=int(asked.share * grid_runs),
        by=asked.by,
        thresholds=rule.thresholds() or PUBLISHED,
        full=asked.full,
    )
