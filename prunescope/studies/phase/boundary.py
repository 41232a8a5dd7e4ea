"""The boundary of Regime I: where LMC = -epsilon, interpolated on the grid in the order of its axes.

Linear interpolation between neighbouring cells along the knob; never across a cell that is missing.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from itertools import pairwise
from math import inf
from typing import TYPE_CHECKING

import numpy as np

from prunescope.regimes.thresholds import PUBLISHED

if TYPE_CHECKING:
    from collections.abc import Sequence

    from prunescope.studies.phase.diagram import PhaseDiagram


@dataclass(frozen=True, kw_only=True)
class Epsilon:
    """The threshold of the LMC gate, and between which values it may lie; in training-error units."""

    middle: float = PUBLISHED.epsilon
    low: float = PUBLISHED.low
    high: float = PUBLISHED.high


class Side(StrEnum):
    """What a column of the diagram looks like, from the hottest value to the coldest."""

    CROSSES = "crosses"
    """Connected, then poorly connected."""
    CONNECTED = "connected"
    POOR = "poor"
    OTHER = "other"
    """Poorly connected where it is hotter, or changing more than once."""
    UNKNOWN = "unknown"
    """Nothing is measured, or too little: a boundary may lie where cells are missing."""


@dataclass(frozen=True, kw_only=True)
class Crossing:
    """Where one density crosses the boundary."""

    density: float
    side: Side
    at: float | None
    """Row (0 = the hottest value) of the crossing towards the colder side; -inf where all is poor, +inf where all is
    connected, None where it is not known."""
    value: float | None
    """The critical value of the knob there; None where there is no crossing."""
    band: tuple[float, float] | None
    """Rows of the crossings at the least and the greatest plausible epsilon."""


def crossings(diagram: PhaseDiagram, epsilon: Epsilon, *, seed: int | None = None) -> tuple[Crossing, ...]:
    """Return the boundary at every density, from all dense seeds or one of them."""
    lmc = diagram.grid("lmc", seed=seed)
    return tuple(
        _crossing(diagram, density, lmc[:, column], epsilon) for column, density in enumerate(diagram.densities)
    )


def place(row: float, values: Sequence[float]) -> float:
    """Return the value of the knob at a fractional row.

    >>> place(1.5, (10, 40, 80))
    60.0
    """
    return float(np.interp(row, np.arange(len(values)), values))


def _crossing(diagram: PhaseDiagram, density: float, lmc: np.ndarray, epsilon: Epsilon) -> Crossing:
    side, at = _locate(lmc, epsilon.middle)
    if at is None or at in (inf, -inf):
        return Crossing(density=density, side=side, at=at, value=None, band=_band(lmc, epsilon))
    return Crossing(density=density, side=side, at=at, value=place(at, diagram.values), band=_band(lmc, epsilon))


def _band(lmc: np.ndarray, epsilon: Epsilon) -> tuple[float, float] | None:
    ends = [_locate(lmc, end)[1] for end in (epsilon.low, epsilon.high)]
    return None if ends[0] is None or ends[1] is None else (min(ends[0], ends[1]), max(ends[0], ends[1]))


def _locate(lmc: np.ndarray, epsilon: float) -> tuple[Side, float | None]:
    """Return which side a column lies on and the row where it turns from connected to poor.

    All connected is only what is so to the coldest value, all poor what is so from the hottest one.

    >>> _locate(np.array([0.0, -0.05, -0.15, -0.4]), 0.10)
    (<Side.CROSSES: 'crosses'>, 1.5)
    """
    known = np.isfinite(lmc)
    if not known.any():
        return Side.UNKNOWN, None
    poor = lmc < -epsilon
    if poor[known].all():
        return (Side.POOR, -inf) if known[0] else (Side.UNKNOWN, None)
    if not poor[known].any():
        return (Side.CONNECTED, inf) if known[-1] else (Side.UNKNOWN, None)
    present = np.flatnonzero(known).tolist()
    turns = [(one, two) for one, two in pairwise(present) if poor[one] != poor[two]]
    falls = [(one, two) for one, two in turns if poor[two]]
    side = Side.CROSSES if len(turns) == len(falls) == 1 else Side.OTHER
    if not falls or falls[0][1] - falls[0][0] > 1:
        return side, None
    one, two = falls[0]
    return side, float(one + (lmc[one] + epsilon) / (lmc[one] - lmc[two]))
