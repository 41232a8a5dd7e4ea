"""How far stated probabilities come true."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

EDGES = (0.5, 0.6, 0.7, 0.8, 0.9, 1.0)
"""Of the bins of the probability of the stated side."""


@dataclass(frozen=True, kw_only=True)
class ReliabilityBin:
    """Cases whose stated probability lies between two edges."""

    low: float
    high: float
    stated: float
    """Mean probability."""
    right: int
    of: int


@dataclass(frozen=True, kw_only=True)
class Reliability:
    """Stated probabilities against what came true."""

    bins: tuple[ReliabilityBin, ...]
    """Without empty ones."""
    right: int
    of: int
    calibration_error: float
    """Expected calibration error: Σ share of the bin · |stated − right|; fraction in [0, 1]."""
    brier: float
    """Mean squared difference of probability and outcome; in [0, 1]."""


def measure_reliability(hotter: Sequence[float], outcomes: Sequence[bool]) -> Reliability:
    """Return how far probabilities of "hotter" come true; the side stated is the more probable one.

    Formula: expected calibration error over the bins EDGES of max(p, 1 − p) (Naeini et al. 2015); Brier 1950. Raises
    ValueError without cases.

    >>> found = measure_reliability([0.95, 0.05, 0.65, 0.65], [True, False, True, False])
    >>> found.right, found.of, round(found.calibration_error, 3), [(one.right, one.of) for one in found.bins]
    (3, 4, 0.1, [(1, 2), (2, 2)])
    """
    if not len(hotter):
        raise ValueError("there is no case")
    given, came = np.asarray(hotter, dtype=np.float64), np.asarray(outcomes, dtype=bool)
    stated, right = np.maximum(given, 1 - given), (given >= 1 / 2) == came
    places = np.clip(np.searchsorted(EDGES, stated, side="right") - 1, 0, len(EDGES) - 2)
    bins = tuple(
        ReliabilityBin(
            low=EDGES[place],
            high=EDGES[place + 1],
            stated=float(stated[places == place].mean()),
            right=int(right[places == place].sum()),
            of=int((places == place).sum()),
        )
        for place in sorted(set(places.tolist()))
    )
    error = sum(one.of * abs(one.stated - one.right / one.of) for one in bins) / len(given)
    return Reliability(
        bins=bins,
        right=int(right.sum()),
        of=len(given),
        calibration_error=float(error),
        brier=float(np.square(given - came).mean()),
    )
