"""Fitting the thresholds of the three-regime rule to finished studies, and how well they do on cells left out.

A cell counts when its test error exceeds its column's lowest by more than a tolerance. The fit takes the thresholds
for which two things are right most often, counted alike: the gate (LMC < -epsilon where the optimum is hotter, and only
there) and the direction of the advice. Directions alone do not determine epsilon: on a whole column CKA leads out of
Regime I too. Ties are wide, since a sharp transition leaves a gap between the regimes: the answer is their middle,
and the interval has them inside.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, TypeAlias

import numpy as np

from prunescope.api import Advice
from prunescope.api.errors import EvidenceError
from prunescope.api.wording import count_text, verb_text
from prunescope.regimes.direction import direction, targets

if TYPE_CHECKING:
    from collections.abc import Sequence

    from prunescope.regimes.direction import Point

GAPS = (0.0, 0.0005, 0.001, 0.002, 0.004, 0.008, 0.016, 0.032)
"""Candidates for the CKA gap."""

MOST_COLUMNS = 1.0
"""Largest epsilon that is tried beyond the measured values: no gate at all."""

LEAST_CELLS = 5
"""Fewer cells fit nothing."""

FEW_CELLS = 30
"""An accuracy over fewer cells is uncertain by more than 15 points: half of a 95 % interval at an accuracy of 0.8."""


@dataclass(frozen=True, kw_only=True)
class CalibrationColumn:
    """The cells of one study at one density."""

    study: str
    knob: str
    density: float
    points: tuple[Point, ...]


_Cell: TypeAlias = "tuple[CalibrationColumn, Point, frozenset[Advice]]"
"""A cell that counts, and the ways to its column's optimum: two where equal optima lie on both sides."""


@dataclass(frozen=True, kw_only=True)
class Interval:
    """A fitted threshold, with the central 80 % of its bootstrap."""

    value: float
    low: float
    high: float


@dataclass(frozen=True, kw_only=True)
class Fit:
    """Thresholds and how often they are right."""

    epsilon: Interval
    cka_gap: Interval
    cells: int
    raised: int
    """Cells among them whose optimum is hotter: without any, the fit has no upper bound for epsilon."""
    gate: float
    """Share of the cells in which LMC < -epsilon predicts whether the optimum is hotter."""
    accuracy: float
    """Share of the cells in which the advice points towards the optimum."""
    held_out: float
    """The same in each cell by thresholds fitted to all others."""
    plain: float
    """The same with the thresholds to compare with."""


@dataclass(frozen=True, kw_only=True)
class _Table:
    """Whether every candidate is right in every cell."""

    epsilons: np.ndarray
    gate: np.ndarray
    """(epsilons, cells)."""
    direction: np.ndarray
    """(epsilons, gaps, cells)."""


def fit_thresholds(
    columns: Sequence[CalibrationColumn], *, tolerance: float, plain: tuple[float, float], draws: int, seed: int
) -> Fit:
    """Return the thresholds that fit the test errors of the columns best.

    tolerance: cells within it of their column's lowest test error are left out. plain: (epsilon, gap) to compare with.
    Raises EvidenceError where too few cells remain.
    """
    cells = [cell for column in columns for cell in _cells(column, tolerance)]
    if len(cells) < LEAST_CELLS:
        raise EvidenceError(
            f"{count_text(len(cells), 'cell')} {verb_text(len(cells), 'lie')} more than {tolerance:g} above the "
            f"best test error at their density",
            fix=f"{LEAST_CELLS} are required: give more studies, or a smaller --tolerance",
        )
    table = _table(columns, cells)
    ones = np.ones(len(cells), dtype=int)
    epsilon, gap = _best(table, ones)
    drawn = np.quantile(_bootstrap(table, draws=draws, seed=seed), [0.1, 0.9], axis=0)
    return Fit(
        epsilon=_interval(epsilon, drawn[:, 0]),
        cka_gap=_interval(gap, drawn[:, 1]),
        cells=len(cells),
        raised=sum(Advice.RAISE in wanted for _, _, wanted in cells),
        gate=float(np.mean([_gated(cell, epsilon) for cell in cells])),
        accuracy=float(np.mean([_right(cell, epsilon, gap) for cell in cells])),
        held_out=float(np.mean([_right(cell, *_without(table, place)) for place, cell in enumerate(cells)])),
        plain=float(np.mean([_right(cell, *plain) for cell in cells])),
    )


def _cells(column: CalibrationColumn, tolerance: float) -> list[_Cell]:
    """Return the cells of a column that count; those of unknown test error do not."""
    errors = {point.value: point.test_error for point in column.points if point.test_error is not None}
    wanted = targets(errors, knob=column.knob, tolerance=tolerance)
    return [(column, point, wanted[point.value]) for point in column.points if point.value in wanted]


def _table(columns: Sequence[CalibrationColumn], cells: Sequence[_Cell]) -> _Table:
    epsilons = _epsilons(columns)
    return _Table(
        epsilons=np.array(epsilons),
        gate=np.array([[_gated(cell, epsilon) for cell in cells] for epsilon in epsilons]),
        direction=np.array([[[_right(cell, epsilon, gap) for cell in cells] for gap in GAPS] for epsilon in epsilons]),
    )


def _epsilons(columns: Sequence[CalibrationColumn]) -> list[float]:
    """Return one candidate between every two neighbouring values of -LMC: all that can make a difference."""
    barriers = sorted(
        {0.0, MOST_COLUMNS, *(-point.lmc for column in columns for point in column.points if point.lmc < 0)}
    )
    return [round((low + high) / 2, 6) for low, high in pairwise(barriers)]


def _gated(cell: _Cell, epsilon: float) -> bool:
    _, point, wanted = cell
    return (Advice.RAISE if point.lmc < -epsilon else Advice.LOWER) in wanted


def _right(cell: _Cell, epsilon: float, gap: float) -> bool:
    column, point, wanted = cell
    return direction(column.points, point, knob=column.knob, epsilon=epsilon, gap=gap) in wanted


def _best(table: _Table, weights: np.ndarray) -> tuple[float, float]:
    """Return the middle one of the best gaps, and the middle of the first run of epsilons that are best with it."""
    counts = _counts(table, weights)
    gaps = np.flatnonzero((counts == counts.max()).any(axis=0))
    gap = int(gaps[(len(gaps) - 1) // 2])
    tied = np.flatnonzero(counts[:, gap] == counts.max())
    run = tied[: int(np.argmax(np.append(np.diff(tied) > 1, np.True_))) + 1]
    return float(table.epsilons[[run[0], run[-1]]].mean()), GAPS[gap]


def _counts(table: _Table, weights: np.ndarray) -> np.ndarray:
    """Return how often gate and direction are right, (epsilons, gaps)."""
    return np.asarray((table.gate @ weights)[:, None] + table.direction @ weights)


def _without(table: _Table, place: int) -> tuple[float, float]:
    """Return the thresholds fitted to all cells but one."""
    weights = np.ones(table.gate.shape[1], dtype=int)
    weights[place] = 0
    return _best(table, weights)


def _bootstrap(table: _Table, *, draws: int, seed: int) -> np.ndarray:
    """Return thresholds fitted to resampled cells, among tied ones any, (draws, 2)."""
    generator = np.random.Generator(np.random.PCG64(seed))
    cells = table.gate.shape[1]
    found = []
    for _ in range(draws):
        counts = _counts(table, generator.multinomial(cells, np.full(cells, 1 / cells)))
        epsilon, gap = generator.choice(np.argwhere(counts == counts.max()))
        found.append((table.epsilons[epsilon], GAPS[gap]))
    return np.array(found)


def _interval(value: float, ends: np.ndarray) -> Interval:
    return Interval(value=float(value), low=float(min(ends[0], value)), high=float(max(ends[1], value)))
