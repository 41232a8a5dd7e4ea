"""Early-warning signals of a transition along an ordered axis: critical slowing down, with a test against surrogates.

Near a fold bifurcation a system recovers ever more slowly from small disturbances, so the variance and the lag-1
autocorrelation of its fluctuations rise. Not every rise is a fold, and not every transition has one: `judging.CAVEATS`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np

from prunescope.api.errors import EvidenceError, UsageError
from prunescope_earlywarning.indicators import Indicator, fluctuations, rolling, tested_trend
from prunescope_earlywarning.surrogates import surrogates

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy import ndarray

    from prunescope_earlywarning.surrogates import Null

Verdict = Literal["slowing down", "variance alone", "autocorrelation alone", "none"]

MIN_POINTS = 20
"""Fewer leave no windows to speak of."""


@dataclass(frozen=True, kw_only=True)
class EarlyWarning:
    """What the fluctuations of one series say."""

    variance: Indicator
    autocorrelation: Indicator
    verdict: Verdict
    n: int
    window: int
    bandwidth: int


def early_warning(
    series: Sequence[float],
    *,
    window: float = 0.5,
    bandwidth: float = 0.1,
    null: Null = "ar1",
    count: int = 500,
    level: float = 0.05,
    seed: int = 0,
) -> EarlyWarning:
    """Judge whether the fluctuations of an evenly spaced series slow down.

    Formula: `fluctuations` around a running median of `bandwidth` · n points, `rolling` statistics in windows of
    `window` · n points, `kendall` tau of each; p = (1 + #{τ_surrogate ≥ τ}) / (1 + count) over `surrogates` of the
    fluctuations, which are detrended the same way. "slowing down" asks for p ≤ `level` of both (an
    intersection-union test: at most `level` of false alarms also where one of the two rises for another reason).
    Source: Dakos et al. 2008; Scheffer et al. 2009; Boettiger, Ross & Hastings 2013, whose caveats belong beside it.
    Shapes: (n,). NaN: never.

    Raises:
        EvidenceError: fewer than MIN_POINTS values, or all of them equal.
        UsageError: a value is not finite, or an option is out of range.

    >>> early_warning(np.random.default_rng(1).standard_normal(100)).verdict
    'none'
    """
    given = np.asarray(series, dtype=float)[None]
    n = given.shape[1]
    _check(given, window=window, bandwidth=bandwidth, count=count)
    points, smooth = max(4, round(window * n)), 2 * max(1, round(bandwidth * n / 2)) + 1
    residuals = fluctuations(given, bandwidth=smooth)
    if not residuals.any():
        raise EvidenceError("the series does not fluctuate around its trend", fix="take a reading that varies")
    null_series = fluctuations(surrogates(residuals[0], count=count, null=null, seed=seed), bandwidth=smooth)
    variance, autocorrelation = (
        tested_trend(found[0], expected)
        for found, expected in zip(rolling(residuals, window=points), rolling(null_series, window=points), strict=True)
    )
    rises = (variance.p_value <= level, autocorrelation.p_value <= level)
    return EarlyWarning(
        variance=variance,
        autocorrelation=autocorrelation,
        verdict=VERDICTS[rises],
        n=n,
        window=points,
        bandwidth=smooth,
    )


VERDICTS: dict[tuple[bool, bool], Verdict] = {
    (True, True): "slowing down",
    (True, False): "variance alone",
    (False, True): "autocorrelation alone",
    (False, False): "none",
}


def _check(given: ndarray, *, window: float, bandwidth: float, count: int) -> None:
    n = given.shape[1]
    if n < MIN_POINTS:
        raise EvidenceError(
            f"{n} points are too few for rolling windows, which need {MIN_POINTS}",
            fix="take an axis with more points, or the spread of replicas along it",
        )
    if not np.isfinite(given).all():
        raise UsageError("a value of the series is not finite", fix="leave the point out, or take another reading")
    if not (0 < window < 1 and 0 < bandwidth < 1):
        raise UsageError(f"window {window} and bandwidth {bandwidth}", fix="give shares of the series in (0, 1)")
    if count < 1:
        raise UsageError(f"{count} surrogates give no test", fix="use a hundred or more")
