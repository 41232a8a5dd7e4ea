"""A monotone curve from a measured number to a probability, fitted to counts in bins: isotonic regression."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence


@dataclass(frozen=True, kw_only=True)
class Bin:
    """How often an event came with a number between two bounds."""

    low: float | None
    """None: unbounded."""
    high: float | None
    hits: float
    of: float
    """Counts, or counts that were weighed."""


@dataclass(frozen=True)
class MonotoneCurve:
    """Log-odds of the event at places in ascending order; between them a straight line, beyond them constant."""

    places: tuple[float, ...]
    log_odds: tuple[float, ...]

    def probability(self, values: np.ndarray | Sequence[float]) -> np.ndarray:
        """Return the probability of the event, of the shape of the values."""
        found: np.ndarray = 1 / (1 + np.exp(-np.interp(values, self.places, self.log_odds)))
        return found


def fit_falling_curve(bins: Sequence[Bin]) -> MonotoneCurve:
    """Return the curve that never rises and fits the counts best.

    Formula: the log-odds of (hits + ½) / (of + 1) (Jeffreys) in every bin, at its middle; neighbouring bins that rise
    are pooled until none does (pool adjacent violators). A bin without a bound is as wide as its neighbour.
    Source: Barlow et al. 1972 (isotonic regression); Haldane 1956 (½ in the log-odds). Raises ValueError without bins.

    >>> bins = [Bin(low=None, high=0.0, hits=9, of=10), Bin(low=0.0, high=1.0, hits=1, of=10)]
    >>> curve = fit_falling_curve(bins)
    >>> curve.places, curve.probability([-0.5, 0.0, 9.0]).round(2).tolist()
    ((-0.5, 0.5), [0.86, 0.5, 0.14])
    """
    if not bins:
        raise ValueError("a curve requires at least one bin")
    pools: list[list[int]] = []
    for place in range(len(bins)):
        pools.append([place])
        while len(pools) > 1 and _share(bins, pools[-1]) > _share(bins, pools[-2]):
            pools[-2:] = [pools[-2] + pools[-1]]
    shares = {place: _share(bins, pool) for pool in pools for place in pool}
    log_odds = tuple(math.log(shares[place] / (1 - shares[place])) for place in range(len(bins)))
    return MonotoneCurve(places=_middles(bins), log_odds=log_odds)


def fit_rising_curve(bins: Sequence[Bin]) -> MonotoneCurve:
    """Return the curve that never falls and fits the counts best: that of `fit_falling_curve` for the other outcome.

    >>> fit_rising_curve([Bin(low=0.0, high=1.0, hits=1, of=4), Bin(low=1.0, high=2.0, hits=3, of=4)]).log_odds[0] < 0
    True
    """
    found = fit_falling_curve([Bin(low=one.low, high=one.high, hits=one.of - one.hits, of=one.of) for one in bins])
    return MonotoneCurve(places=found.places, log_odds=tuple(-value for value in found.log_odds))


def _share(bins: Sequence[Bin], pool: Sequence[int]) -> float:
    hits, of = sum(bins[place].hits for place in pool), sum(bins[place].of for place in pool)
    return (hits + 0.5) / (of + 1)


def _middles(bins: Sequence[Bin]) -> tuple[float, ...]:
    widths = [None if one.low is None or one.high is None else one.high - one.low for one in bins]
    known = [width for width in widths if width is not None] or [1.0]
    found = []
    for place, one in enumerate(bins):
        width = widths[place] or (known[0] if place == 0 else known[-1])
        low = one.low if one.low is not None else (one.high or 0.0) - width
        found.append(low + width / 2)
    return tuple(found)
