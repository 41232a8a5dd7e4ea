"""How right, how sure and how useful every way is, with intervals over studies and dense seeds."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from truth_cases import list_columns
from truth_signals import list_siblings
from truth_studies import CONNECTED

from prunescope.regimes.least import share_of_least
from prunescope.regimes.reliability import measure_reliability

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from truth_cases import Case
    from truth_cells import Row
    from truth_ways import Said

    from prunescope.regimes.reliability import Reliability

DRAWS = 1000

SURE = 0.9

ADVISED = "advised: right, wrong, no advice (ECE of the advised)"
"""The column of `count_advised`."""

GATE = -0.10
"""LMC of the gate of Algorithm 2."""


@dataclass(frozen=True, kw_only=True)
class WayScore:
    """A way on some cells."""

    right: int
    of: int
    """Resolved cells."""
    interval: tuple[float, float]
    """Central 95 % interval of the share that is right: studies and dense seeds are drawn again."""
    sure_right: int
    sure: int
    """Resolved cells answered with probability 0.9 or more."""
    advised_right: int
    advised: int
    """Resolved cells with an advice: the side is probable enough, and not measured to be worse."""
    advised_error: float
    """Expected calibration error over these; NaN of habits, and where there is none."""
    reliability: Reliability | None
    """Of resolved cells; None of habits, and where there is no resolved cell."""
    step: float
    """Mean regret after the step that it advises, over all cells, fraction."""
    stay: float
    """Mean regret of staying on the same cells."""


def score_way(said: Sequence[Said], *, states: bool) -> WayScore:
    """Return the score; `states`: whether the way states a probability."""
    known = [one for one in said if one.case.resolved]
    right = [(one.hotter > 1 / 2) == one.case.is_hotter for one in known]
    sure = [hit for one, hit in zip(known, right, strict=True) if max(one.hotter, 1 - one.hotter) >= SURE]
    advised = [one for one in known if one.step]
    reliability = _measure(known) if states and known else None
    return WayScore(
        right=sum(right),
        of=len(right),
        interval=draw_interval([(one.case, float(hit)) for one, hit in zip(known, right, strict=True)]),
        sure_right=sum(sure),
        sure=len(sure),
        advised_right=sum((one.step < 0) == one.case.is_hotter for one in advised),
        advised=len(advised),
        advised_error=_measure(advised).calibration_error if states and advised else float("nan"),
        reliability=reliability,
        step=_mean([one.case.regret(one.step) for one in said]),
        stay=_mean([one.case.regret(0) for one in said]),
    )


def count_advised(score: WayScore) -> str:
    """Return how many resolved cells got the right advice, the wrong one, and none."""
    error = f" ({score.advised_error:.3f})" if score.advised else ""
    return f"{score.advised_right}, {score.advised - score.advised_right}, {score.of - score.advised}{error}"


def _measure(said: Sequence[Said]) -> Reliability:
    return measure_reliability([one.hotter for one in said], [one.case.is_hotter for one in said])


def draw_interval(values: Sequence[tuple[Case, float]]) -> tuple[float, float]:
    """Return the central 95 % interval of a mean over cells.

    Cells of one dense seed share runs: studies are drawn with replacement, and dense seeds within each.
    """
    groups: dict[str, dict[int, list[float]]] = {}
    for case, value in values:
        groups.setdefault(case.row.study, {}).setdefault(case.row.seed, []).append(value)
    if not groups:
        return float("nan"), float("nan")
    sums = {
        study: [(sum(each), len(each)) for _, each in sorted(seeds.items())] for study, seeds in sorted(groups.items())
    }
    generator, means, names = np.random.default_rng(0), [], list(sums)
    for _ in range(DRAWS):
        total, count = 0.0, 0
        for name in generator.choice(names, len(names)):
            seeds = sums[str(name)]
            for place in generator.integers(len(seeds), size=len(seeds)):
                total, count = total + seeds[place][0], count + seeds[place][1]
        means.append(total / count)
    low, high = np.quantile(means, [0.025, 0.975])
    return float(low), float(high)


def share_of_connectivity(cases: Sequence[Case]) -> float:
    """Return the epochs of the two replicas of a cell whose connectivity is measured, as a share of the column's."""
    return _mean(
        [
            CONNECTED * case.row.truth_epochs / len(case.row.test_errors) / sum(row.truth_epochs for row in case.column)
            for case in cases
        ]
    )


def share_of_cost(cases: Sequence[Case]) -> tuple[float, float]:
    """Return the epochs of brief retraining as a share of those of the column's truth: of one cell, of the column."""
    one = [
        sum(row.brief_epochs for row in list_siblings(case)) / sum(row.truth_epochs for row in case.column)
        for case in cases
    ]
    whole = [
        sum(row.brief_epochs for row in case.column) / sum(row.truth_epochs for row in case.column) for case in cases
    ]
    return _mean(one), _mean(whole)


def score_selection(rows: Sequence[Row]) -> dict[str, dict[str, float]]:
    """Return rule -> study (and "all") -> mean regret of what the rule chooses in every column, fraction."""
    found: dict[str, dict[str, list[float]]] = {}
    for column in list_columns(rows):
        errors = np.array([np.mean(row.test_errors) for row in column])
        regrets = {name: float(errors[rule(column)] - errors.min()) for name, rule in CHOOSERS.items()}
        regrets["random"] = float(errors.mean() - errors.min())
        if (drop := column[0].placed) is not None:
            before = [place for place, row in enumerate(column) if row.value <= drop]
            regrets["last before the drop"] = float(errors[before[-1]] - errors.min())
        for name, regret in regrets.items():
            for study in (column[0].study, "all"):
                found.setdefault(name, {}).setdefault(study, []).append(regret)
    return {name: {study: _mean(each) for study, each in studies.items()} for name, studies in found.items()}


def score_whole(rows: Sequence[Row]) -> dict[str, dict[str, float]]:
    """Return the same of the choice by two replicas that are retrained as long as those of the truth.

    It is counted on the third (the mean over the three), less the least mean of the column.
    """
    found: dict[str, dict[str, list[float]]] = {}
    for column in list_columns(rows):
        errors = np.array([row.test_errors for row in column])
        for name, rule in WHOLE.items():
            regret = errors_on_the_third(column, rule) - float(errors.mean(axis=1).min())
            for study in (column[0].study, "all"):
                found.setdefault(name, {}).setdefault(study, []).append(regret)
    return {name: {study: _mean(each) for study, each in studies.items()} for name, studies in found.items()}


def errors_on_the_third(column: Sequence[Row], rule: Callable[[Sequence[Row], list[int]], int]) -> float:
    """Return the test error of a choice by two replicas, on the third: the mean over the three, fraction."""
    count = len(column[0].test_errors)
    found = []
    for left in range(count):
        seen = [number for number in range(count) if number != left]
        found.append(column[rule(column, seen)].test_errors[left])
    return _mean(found)


def _gated(column: Sequence[Row]) -> int:
    """Return the connected member with the least dense test error; the best connected one where none is."""
    connected = [place for place, row in enumerate(column) if row.lmc >= GATE]
    if not connected:
        return max(range(len(column)), key=lambda place: column[place].lmc)
    return min(connected, key=lambda place: column[place].dense_test_error)


def _least(key: Callable[[Row], float]) -> Callable[[Sequence[Row]], int]:
    return lambda column: min(range(len(column)), key=lambda place: key(column[place]))


CHOOSERS: dict[str, Callable[[Sequence[Row]], int]] = {
    "brief retraining compared": lambda column: int(share_of_least([row.brief for row in column]).argmax()),
    "map, no retraining": _least(lambda row: row.mapped),
    "LMC gate, then dense accuracy": _gated,
    "best dense accuracy": _least(lambda row: row.dense_test_error),
    "the coldest": lambda column: len(column) - 1,
    "the hottest": lambda _: 0,
}
"""Rule -> position in the column, whose hottest member is the first."""

GO_ON = 3
"""Members that the brief comparison leaves."""


def _by_whole(name: str, *, brief: bool = False) -> Callable[[Sequence[Row], list[int]], int]:
    """Return the rule that takes the least mean of a measurement of the replicas that it sees.

    brief: only of the members that the comparison of brief retrainings leaves.
    """

    def choose(column: Sequence[Row], seen: list[int]) -> int:
        shares = share_of_least([row.brief for row in column]) if brief else np.zeros(len(column))
        left = np.argsort(-shares, kind="stable")[: GO_ON if brief else None]
        return int(min(left, key=lambda place: _mean([getattr(column[place], name)[number] for number in seen])))

    return choose


WHOLE: dict[str, Callable[[Sequence[Row], list[int]], int]] = {
    "training losses": _by_whole("train_losses"),
    "training errors": _by_whole("train_errors"),
    "training losses of the best three of the brief comparison": _by_whole("train_losses", brief=True),
    "test errors": _by_whole("test_errors"),
}
"""Rule -> position in the column, by the replicas whose numbers are given."""


def _mean(values: Sequence[float]) -> float:
    return float(np.mean(values)) if len(values) else float("nan")
