"""What `tune` finds on the studies of the truth: replayed on two dense seeds, its regret counted on the others."""

from __future__ import annotations

from dataclasses import dataclass, field
from itertools import combinations
from typing import TYPE_CHECKING, TypeAlias

import numpy as np
from truth_cases import list_columns
from truth_tables import as_table

from prunescope.api import Reading
from prunescope.studies.cases.measured import LMC, TEST_ERROR, MeasuredModel
from prunescope.studies.cases.tuning import CONSTANT, SCREENING, Aim, tune_grid
from prunescope.studies.cases.tuning_posterior import tune_by_posterior

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from truth_cells import Row

Search: TypeAlias = "Callable[[ReplayedBench, Aim], float]"
"""Returns the value that it finds."""

SEEDS = 2
"""Dense seeds on which a value is searched."""

STEPS = (1.0, 2.0, 4.0, 8.0)
"""Steps of the posterior among which the other studies choose."""

WORDS = """`tune` replayed: a value is searched on {seeds} of the four dense seeds, every pair of them in turn, and its
test error is counted on the two others, where the least of the five means has regret 0 (so that the regret holds the
noise of both). A run is a dense training or a retraining; the snapshots of a run share it. The posterior is that of
`tune` with its step chosen on the other studies ({chosen}); with the step that ships ({shipped:g}) its
regret is {fixed:.2f} points. The regime search is that of `tune --search regime`. The whole grid takes 32 or 40 runs.
The whole grid itself errs on other dense seeds: what no search can lower is most of every regret."""


@dataclass(frozen=True, kw_only=True)
class ReplayedBench:
    """The cells of a study at one density; a look takes the first replicas of a cell."""

    columns: Mapping[int, Sequence[Row]]
    """Dense seed -> the cells, the hottest first."""
    used: set[tuple[object, ...]] = field(default_factory=set)

    @property
    def spent(self) -> int:
        """Runs that looks have used."""
        return len(self.used)

    def look(self, value: float, *, seed: int, replicas: int, full: bool = False) -> MeasuredModel:
        """Return a cell as its first replicas measure it; its connectivity is that of the first two."""
        del full
        row = self._row(value, seed)
        self.used.update(self._runs(row, replicas))
        readings = {
            TEST_ERROR: Reading(np.array(row.test_errors[:replicas]), "fraction", axes=("replica",)),
            LMC: Reading(np.array([row.lmc]), "fraction", stderr=np.array([row.lmc_stderr]), axes=("pair",)),
        }
        readings |= {} if row.learned else {CONSTANT: Reading(1.0, "1")}
        name = f"{row.knob} {value:g}"
        return MeasuredModel(name=name, density=row.density, value=value, seed=seed, readings=readings)

    def price(self, value: float, *, seed: int, replicas: int) -> int:
        """Return how many more runs a look would use."""
        return len(self._runs(self._row(value, seed), replicas) - self.used)

    def _row(self, value: float, seed: int) -> Row:
        return next(row for row in self.columns[seed] if row.value == value)

    def _runs(self, row: Row, replicas: int) -> set[tuple[object, ...]]:
        dense = ("train", row.seed) if row.knob == "epochs" else ("train", row.seed, row.value)
        return {dense, *(("retrain", row.seed, row.value, number) for number in range(replicas))}


@dataclass(frozen=True, kw_only=True)
class Replay:
    """One search."""

    study: str
    regret: float
    """Of the value found, on the other dense seeds, fraction."""
    runs: float
    """Share of the grid's."""


def replay_search(rows: Sequence[Row], search: Search, *, share: float, step: float = 4.0) -> list[Replay]:
    """Return what a search finds at every density of every study, on every pair of dense seeds."""
    groups: dict[tuple[str, float], dict[int, Sequence[Row]]] = {}
    for column in list_columns(rows):
        groups.setdefault((column[0].study, column[0].density), {})[column[0].seed] = column
    return [
        _replay(study, columns, seeds, search, share=share, step=step)
        for (study, _), columns in groups.items()
        for seeds in combinations(sorted(columns), SEEDS)
    ]


def write_tuning(rows: Sequence[Row]) -> str:
    """Return the table of all searches."""
    tried = {step: replay_search(rows, _posterior, share=0.4, step=step) for step in STEPS}
    studies = sorted({row.study for row in rows})
    picked = {study: choose_step(tried, without=study) for study in studies}
    held_out = [one for study in studies for one in tried[picked[study]] if one.study == study]
    found = {
        "posterior, 40 % of the runs": held_out,
        "regime search, 40 %": replay_search(rows, _regime, share=0.4),
        "grid of one dense seed, two replicas": replay_search(rows, _first_seed, share=1),
        "posterior, 70 %": replay_search(rows, _posterior, share=0.7),
        "regime search, no limit": replay_search(rows, _regime, share=1),
        "grid of two dense seeds, three replicas": replay_search(rows, _whole, share=1),
    }
    lines = [(name, *_scores(each, studies)) for name, each in found.items()]
    shipped = Aim.step
    words = WORDS.format(
        seeds="two",
        chosen=", ".join(f"{step:g} for {list(picked.values()).count(step)}" for step in sorted({*picked.values()})),
        shipped=shipped,
        fixed=100 * _mean_regret(tried[shipped]),
    )
    return words + "\n\n" + as_table(("search", "runs", "regret, all", *studies), lines)


def choose_step(tried: Mapping[float, Sequence[Replay]], *, without: str) -> float:
    """Return the step of the least mean regret on all studies but one."""
    return min(tried, key=lambda step: _mean_regret([one for one in tried[step] if one.study != without]))


def _replay(
    study: str, columns: Mapping[int, Sequence[Row]], seeds: Sequence[int], search: Search, *, share: float, step: float
) -> Replay:
    others = np.array([[np.mean(row.test_errors) for row in columns[seed]] for seed in columns if seed not in seeds])
    values, replicas = [row.value for row in columns[seeds[0]]], len(columns[seeds[0]][0].test_errors)
    whole = ReplayedBench(columns=columns)
    for seed in seeds:
        for value in values:
            whole.look(value, seed=seed, replicas=replicas)
    bench = ReplayedBench(columns=columns)
    limit = round(share * whole.spent)
    aim = Aim(values=tuple(values), seeds=tuple(seeds), replicas=replicas, limit=limit, step=step)
    errors, place = others.mean(axis=0), values.index(search(bench, aim))
    return Replay(study=study, regret=float(errors[place] - errors.min()), runs=bench.spent / whole.spent)


def _posterior(bench: ReplayedBench, aim: Aim) -> float:
    return tune_by_posterior(bench, aim).value


def _regime(bench: ReplayedBench, aim: Aim) -> float:
    return tune_grid(bench, aim).value


def _first_seed(bench: ReplayedBench, aim: Aim) -> float:
    return _least(bench, aim, seeds=aim.seeds[:1], replicas=SCREENING)


def _whole(bench: ReplayedBench, aim: Aim) -> float:
    return _least(bench, aim, seeds=aim.seeds, replicas=aim.replicas)


def _least(bench: ReplayedBench, aim: Aim, *, seeds: Sequence[int], replicas: int) -> float:
    """Return the value of the least mean test error over dense seeds."""

    def error(value: float) -> float:
        return float(np.mean([bench.look(value, seed=seed, replicas=replicas).test_error or 0.0 for seed in seeds]))

    return min(aim.values, key=error)


def _scores(found: Sequence[Replay], studies: Sequence[str]) -> tuple[str, ...]:
    each = [_mean_regret([one for one in found if one.study == study]) for study in studies]
    runs = f"{np.mean([one.runs for one in found]):.0%}"
    return runs, f"{100 * _mean_regret(found):.2f}", *(f"{100 * one:.2f}" for one in each)


def _mean_regret(found: Sequence[Replay]) -> float:
    return float(np.mean([one.regret for one in found]))
