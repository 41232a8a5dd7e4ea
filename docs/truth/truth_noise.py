"""How much of the regret of a selection is the noise of the replicas in which it is counted."""

from __future__ import annotations

from itertools import combinations
from typing import TYPE_CHECKING

import numpy as np
from truth_cases import list_columns
from truth_scores import CHOOSERS
from truth_tables import as_table

if TYPE_CHECKING:
    from collections.abc import Sequence

    from truth_cells import Row

DRAWS = 400

WORDS = """The least of five means of three replicas is lower than the least true mean: the best of a column in
hindsight is partly luck. The regret of the network that is truly the best would be about **{floor:.2f} points** in
the same replicas (each column's means taken as true, and replicas of its pooled spread drawn around them {draws}
times). Without this luck: the choice by the test errors of two replicas, and that of a rule, both counted on the
third (the mean over the three)."""


def write_noise(rows: Sequence[Row]) -> str:
    """Return what the truly best network would regret, and rules against the choice by two replicas' test errors."""
    columns = list_columns(rows)
    lines = []
    for name in ("brief retraining compared", "map, no retraining", "best dense accuracy"):
        extra = [_extra(column, CHOOSERS[name](column)) for column in columns]
        low, high = _interval(columns, extra)
        lines.append((name, f"{100 * np.mean(extra):+.2f}", f"{100 * low:+.2f} to {100 * high:+.2f}"))
    table = as_table(("rule", "points more than the choice by two test errors", "95 % interval over studies"), lines)
    return WORDS.format(floor=100 * measure_floor(columns), draws=DRAWS) + "\n\n" + table


def measure_floor(columns: Sequence[Sequence[Row]]) -> float:
    """Return the mean regret, in replicas, of the network whose mean is truly the least; fraction.

    The measured means are taken as true: they spread more than true ones, so that the floor is rather too low.
    """
    generator, found = np.random.default_rng(0), []
    for column in columns:
        errors = np.array([row.test_errors for row in column])
        means, spread = errors.mean(axis=1), np.sqrt(errors.var(axis=1, ddof=1).mean() / errors.shape[1])
        drawn = means + spread * generator.normal(size=(DRAWS, len(means)))
        found.append((drawn[:, means.argmin()] - drawn.min(axis=1)).mean())
    return float(np.mean(found))


def measure_extra(rows: Sequence[Row], rule: str) -> float:
    """Return by how much a rule's choice errs more than that by two replicas' test errors, on the third; fraction."""
    return float(np.mean([_extra(column, CHOOSERS[rule](column)) for column in list_columns(rows)]))


def _extra(column: Sequence[Row], chosen: int) -> float:
    """Return by how much a choice errs more than the one by two replicas' test errors, on the third: mean of three."""
    errors = np.array([row.test_errors for row in column])
    others = combinations(range(errors.shape[1]), errors.shape[1] - 1)
    found = []
    for seen in others:
        (left,) = set(range(errors.shape[1])) - set(seen)
        best = int(errors[:, list(seen)].mean(axis=1).argmin())
        found.append(errors[chosen, left] - errors[best, left])
    return float(np.mean(found))


def _interval(columns: Sequence[Sequence[Row]], values: Sequence[float]) -> tuple[float, float]:
    """Return the central 95 % interval of the mean, studies drawn again."""
    groups: dict[str, list[float]] = {}
    for column, value in zip(columns, values, strict=True):
        groups.setdefault(column[0].study, []).append(value)
    means = np.array([np.mean(each) for _, each in sorted(groups.items())])
    drawn = np.random.default_rng(0).choice(means, (1000, len(means))).mean(axis=1)
    low, high = np.quantile(drawn, [0.025, 0.975])
    return float(low), float(high)
