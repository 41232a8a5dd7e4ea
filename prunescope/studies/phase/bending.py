"""How the boundary of Regime I runs: whether the critical value moves colder as the density grows, over dense seeds.

The unit of analysis is the dense seed. r_s(j) is the row (0 = the hottest value) where seed s crosses the boundary at
the j-th density; a column on one side altogether is taken to cross half a row beyond the grid, the least it can be. The
slope of seed s is that of the least-squares line through its r_s(j) over j, in rows per step between neighbouring
densities; positive: colder. A slope, or a move r_s(j + 1) - r_s(j), is shown where the 95 % interval of its mean over
seeds (Student's t, S - 1 degrees of freedom) excludes 0. *Colder*: the slope is shown to be positive, and no move
between neighbouring densities is shown to be negative. The intervals of the moves are not widened for their number,
which favours finding one that goes the other way. One seed has no interval: its bare signs count.

Epsilon is common to all densities, so that its doubt is no noise: the whole judgement is repeated at both its ends.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import StrEnum
from math import nan, sqrt
from statistics import fmean, stdev
from typing import TYPE_CHECKING

import numpy as np

from prunescope.studies.phase.boundary import crossings
from prunescope.studies.phase.transition import student_t

if TYPE_CHECKING:
    from prunescope.studies.phase.boundary import Epsilon
    from prunescope.studies.phase.diagram import PhaseDiagram

BEYOND = 0.5
"""Rows from the last centre of a cell to the edge of the grid."""


class Bend(StrEnum):
    """How the critical value moves as the density grows."""

    COLDER = "colder"
    """As in Zhou et al. 2023, figure 2."""
    HOTTER = "hotter"
    BOTH = "both ways"
    UNRESOLVED = "unresolved"
    """It moves, but not beyond the noise over dense seeds."""
    STRAIGHT = "straight"
    ABSENT = "absent"
    """Every cell lies on one side."""
    UNKNOWN = "unknown"


@dataclass(frozen=True, kw_only=True)
class Drift:
    """Rows by which the critical value moves, towards the colder side."""

    by_seed: tuple[float, ...]
    """One per dense seed."""

    @property
    def mean(self) -> float:
        """Mean over dense seeds."""
        return fmean(self.by_seed)

    @property
    def interval(self) -> tuple[float, float] | None:
        """95 % interval of the mean by Student's t; None for one dense seed."""
        seeds = len(self.by_seed)
        if seeds < 2:
            return None
        reach = student_t(seeds - 1) * stdev(self.by_seed) / sqrt(seeds)
        return self.mean - reach, self.mean + reach

    @property
    def shown(self) -> int:
        """1: colder is shown, -1: hotter is, 0: neither.

        >>> Drift(by_seed=(1.0, 1.2, 0.9)).shown, Drift(by_seed=(1.0, -0.5, 2.0)).shown, Drift(by_seed=(-1.0,)).shown
        (1, 0, -1)
        """
        low, high = self.interval or (self.mean, self.mean)
        return (low > 0) - (high < 0)


@dataclass(frozen=True, kw_only=True)
class Bending:
    """How the boundary runs."""

    verdict: Bend
    slope: Drift | None
    """Rows per step between neighbouring densities; None where no dense seed has two densities."""
    moves: tuple[Drift, ...]
    """From each density to the next, where some dense seed has both."""
    at_ends: tuple[Bend, Bend]
    """The verdict at the least and at the greatest plausible epsilon."""

    @property
    def robust(self) -> bool:
        """Whether the verdict is the same for every plausible epsilon that was tried."""
        return set(self.at_ends) == {self.verdict}


def judge_bend(diagram: PhaseDiagram, epsilon: Epsilon, *, seed: int | None = None) -> Bending:
    """Judge the boundary from all dense seeds, or from one of them."""
    seeds = diagram.seeds if seed is None else (seed,)
    middle, *ends = (
        np.array([_places(diagram, replace(epsilon, middle=at), one) for one in seeds])
        for at in (epsilon.middle, epsilon.low, epsilon.high)
    )
    last = len(diagram.values) - 1
    low, high = (_verdict(rows, last) for rows in ends)
    return Bending(verdict=_verdict(middle, last), slope=_slope(middle), moves=_moves(middle), at_ends=(low, high))


def _places(diagram: PhaseDiagram, epsilon: Epsilon, seed: int) -> np.ndarray:
    """Return the row where one dense seed crosses the boundary at every density, NaN where it is not known."""
    places = [nan if one.at is None else one.at for one in crossings(diagram, epsilon, seed=seed)]
    return np.clip(places, -BEYOND, len(diagram.values) - 1 + BEYOND)


def _verdict(rows: np.ndarray, last: int) -> Bend:
    """Return how the boundary runs through rows (seeds, densities) of a grid whose last row is given."""
    slope, moves = _slope(rows), _moves(rows)
    if slope is None:
        return Bend.UNKNOWN
    if not any(any(move.by_seed) for move in (slope, *moves)):
        known = rows[np.isfinite(rows)]
        return Bend.ABSENT if (known < 0).all() or (known > last).all() else Bend.STRAIGHT
    shown = {move.shown for move in (slope, *moves)}
    if {1, -1} <= shown:
        return Bend.BOTH
    return {1: Bend.COLDER, -1: Bend.HOTTER, 0: Bend.UNRESOLVED}[slope.shown]


def _moves(rows: np.ndarray) -> tuple[Drift, ...]:
    steps = (step[np.isfinite(step)] for step in np.diff(rows).T)
    return tuple(Drift(by_seed=tuple(step.tolist())) for step in steps if step.size)


def _slope(rows: np.ndarray) -> Drift | None:
    slopes = tuple(_line(each) for each in rows if np.isfinite(each).sum() > 1)
    return Drift(by_seed=slopes) if slopes else None


def _line(rows: np.ndarray) -> float:
    """Return the slope of the least-squares line through the rows that are known, per column.

    >>> round(_line(np.array([1.0, np.nan, 3.0, 4.0])), 6)
    1.0
    """
    columns = np.flatnonzero(np.isfinite(rows))
    known = rows[columns] - rows[columns[0]]
    centred = columns - columns.mean()
    return float(centred @ known / (centred @ centred))
