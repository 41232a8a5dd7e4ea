"""Measurements of one checkpoint, and rules of selection, that were compared: how well each separates or chooses."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np
from truth_cases import list_columns
from truth_studies import CONNECTED
from truth_tables import as_table

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from truth_cases import Case
    from truth_cells import Row

LEAST = 0.01
"""Added to both errors of a ratio, fraction."""

CANDIDATES: dict[str, Callable[[Row], float]] = {
    "progress: share of the fall of the loss that comes before the drop (not over epochs)": lambda row: row.progress,
    "progress as it was: ratio of the losses before the drop (not over epochs)": lambda row: row.fall,
    "damage: loss after retraining, of the dense loss": lambda row: row.damage,
    "training error after two epochs of retraining, of the dense one": lambda row: _ratio(
        _mean(row.brief), row.dense_train_error
    ),
    "training error right after pruning, of the dense one": lambda row: _ratio(row.mapped, row.dense_train_error),
    "test error after retraining, of the dense one": lambda row: _ratio(
        _mean(row.test_errors[:CONNECTED]), row.dense_test_error
    ),
    "dense test error, of the dense training error": lambda row: _ratio(row.dense_test_error, row.dense_train_error),
    "dense training error, negative": lambda row: -row.dense_train_error,
    "dense test error, negative": lambda row: -row.dense_test_error,
    "trace of the Hessian": lambda row: row.trace,
    "LMC, negative": lambda row: -row.lmc,
    "density, negative": lambda row: -row.density,
}
"""What -> the larger, the hotter."""

WORDS = """Area under the curve over the resolved cells of all studies together, and its median over single studies
(1: all hotter cells have larger values than all colder ones; ½: says nothing). What separates within studies and not
over all of them has a threshold that does not transfer. The progress was chosen for the direction among these and some
twenty others on these nine studies: its curve and weights are those of the other studies, its choice is not. The
damage was too, and left again: it names no side where it is little ("Studies that no fit has seen"). Among the others,
without figures because their scripts are not kept: the
training loss before the drop itself (as good as its fall, and of one unit only), LMC in loss, the trace times rate ÷
batch size, and rate ÷ batch size alone, which is right where studies begin at one rate and one batch size, as these
do."""

POOLING = (0.5, 0.7, 1.0)
"""Widths in steps of the density, of exponential weights over the neighbouring densities."""


def write_candidates(cases: Sequence[Case]) -> str:
    """Return the measurements as a table."""
    known = [case for case in cases if case.resolved]
    studies = sorted({case.row.study for case in known})
    lines = []
    for name, measure in CANDIDATES.items():
        kept = [case for case in known if _counts(name, case.row) and math.isfinite(measure(case.row))]
        single = [_area([case for case in kept if case.row.study == study], measure) for study in studies]
        found = [area for area in single if not math.isnan(area)]
        lines.append((name, len(kept), f"{_area(kept, measure):.2f}", f"{np.median(found):.2f}"))
    return WORDS + "\n\n" + as_table(("measurement", "cells", "area, all", "median of studies"), lines)


def score_pooled(rows: Sequence[Row]) -> dict[float, float]:
    """Return width -> mean regret of the comparison of brief retrainings pooled over neighbouring densities."""
    cells = {(row.study, row.value, row.density, row.seed): row for row in rows}
    return {width: _pooled(rows, cells, width) for width in POOLING}


def _pooled(rows: Sequence[Row], cells: dict[tuple[str, float, float, int], Row], width: float) -> float:
    regrets = []
    for column in list_columns(rows):
        densities = sorted({row.density for row in rows if row.study == column[0].study})
        here = densities.index(column[0].density)
        weights = [math.exp(-abs(place - here) / width) for place in range(len(densities))]
        scores = [
            sum(
                weight * math.log(_mean(cells[row.study, row.value, density, row.seed].brief) + LEAST / 2)
                for weight, density in zip(weights, densities, strict=True)
            )
            for row in column
        ]
        errors = [_mean(row.test_errors) for row in column]
        regrets.append(errors[scores.index(min(scores))] - min(errors))
    return _mean(regrets)


def _counts(name: str, row: Row) -> bool:
    return row.has_course or not name.startswith("progress")


def _area(cases: Sequence[Case], measure: Callable[[Row], float]) -> float:
    """Return the area under the curve (Mann-Whitney); NaN where one side is empty."""
    hot, cold = ([measure(case.row) for case in cases if case.is_hotter is side] for side in (True, False))
    if not hot or not cold:
        return math.nan
    difference = np.sign(np.subtract.outer(np.array(hot), np.array(cold)))
    return float((1 + difference.mean()) / 2)


def _ratio(one: float, other: float) -> float:
    return math.log((one + LEAST) / (other + LEAST))


def _mean(values: Sequence[float]) -> float:
    return float(np.mean(values))
