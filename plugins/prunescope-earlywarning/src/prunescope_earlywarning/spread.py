"""The spread of replicas along an axis of few points."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from prunescope.api.errors import EvidenceError
from prunescope_earlywarning.indicators import Indicator, tested_trend

if TYPE_CHECKING:
    from collections.abc import Sequence


@dataclass(frozen=True, kw_only=True)
class Spread:
    """How far the replicas at each point of an axis lie apart, and the test of its trend."""

    variance: Indicator
    rises: bool
    n: int
    """Values at all points together."""


def spread_of_replicas(
    values: Sequence[Sequence[float]], *, count: int = 2000, level: float = 0.05, seed: int = 0
) -> Spread:
    """Judge whether the replicas at each point of an ordered axis spread ever more: for axes of few points.

    Formula: s²_k the sample variance at point k; τ = `kendall` of them; p by permuting the deviations from the mean of
    their point, each scaled by √(m_k / (m_k − 1)), over all points. Nothing is said of autocorrelation: the verdict is
    weaker than `early_warning`'s, and does not need even spacing.
    Source: Carpenter & Brock 2006 (variance as the indicator); Good 2005 (permutation). Shapes: a list per point.
    The values at a point must be independent: of replicas they are, of pairs of replicas they are not quite.

    Raises EvidenceError with fewer than four points of two values or more.

    >>> found = spread_of_replicas([[0.0, 0.1], [0.0, 0.2], [0.0, 0.4], [0.0, 0.8]])
    >>> found.variance.tau, found.rises
    (1.0, True)
    """
    groups = [np.asarray(group, dtype=float) for group in values if len(group) > 1]
    if len(groups) < 4:
        raise EvidenceError(
            f"{len(groups)} points have two values or more, wanted 4",
            fix="retrain more replicas (2 make a single pair, 3 make three), or take more points",
        )
    draw = np.random.default_rng(seed)
    pool = np.concatenate([(group - group.mean()) * np.sqrt(len(group) / (len(group) - 1)) for group in groups])
    cuts = np.cumsum([len(group) for group in groups])[:-1]
    mixed = draw.permuted(np.tile(pool, (count, 1)), axis=1)
    expected = np.stack([part.var(axis=1, ddof=1) for part in np.split(mixed, cuts, axis=1)], axis=1)
    variance = tested_trend(np.array([group.var(ddof=1) for group in groups]), expected)
    return Spread(variance=variance, rises=variance.p_value <= level, n=len(pool))
