"""Early-warning signals of a transition along an ordered axis: critical slowing down, with a test against surrogates.

Near a fold bifurcation a system recovers ever more slowly from small disturbances, so the variance and the lag-1
autocorrelation of its fluctuations rise. Not every rise is a fold, and not every transition has one: `CAVEATS`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np

from prunescope.api.errors import EvidenceError, UsageError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy import ndarray

Null = Literal["ar1", "phase"]
Verdict = Literal["slowing down", "variance alone", "autocorrelation alone", "none"]

MIN_POINTS = 20
"""Fewer leave no windows to speak of."""

CAVEATS = (
    "a rising trend is a hint, not proof: growing noise gives one without any bifurcation (Boettiger et al. 2013)",
    "transitions driven by noise or by a jump of the driver come without warning: no trend does not mean safe",
    "series picked because they ended in a transition rise by that choice alone (Boettiger & Hastings 2012)",
    "window and bandwidth were chosen, not estimated: see whether the verdict holds for others",
)


@dataclass(frozen=True, kw_only=True)
class Indicator:
    """One statistic in rolling windows, and the test of its trend."""

    values: tuple[float, ...]
    """In every window, in order."""
    tau: float
    """Kendall's tau with the order of the windows, in [−1, 1]."""
    p_value: float
    """Share of surrogates with a tau at least as large."""


@dataclass(frozen=True, kw_only=True)
class EarlyWarning:
    """What the fluctuations of one series say."""

    variance: Indicator
    autocorrelation: Indicator
    verdict: Verdict
    n: int
    window: int
    bandwidth: int


def kendall(values: ndarray) -> ndarray:
    """Kendall's rank correlation of each row with its order.

    Formula: τ = Σ_{i<j} sign(x_j − x_i) / (n (n − 1) / 2) (tau-a: ties count as neither).
    Source: Kendall 1938. Shapes: (rows, n) -> (rows,). Range: [−1, 1]. NaN: where a value is.

    Raises EvidenceError with fewer than two values.

    >>> kendall(np.array([[1.0, 2.0, 3.0], [3.0, 1.0, 2.0]])).round(3).tolist()
    [1.0, -0.333]
    """
    n = values.shape[1]
    if n < 2:
        raise EvidenceError(f"{n} value has no trend", fix="give two values or more")
    total = np.zeros(len(values))
    for lag in range(1, n):
        total += np.sign(values[:, lag:] - values[:, :-lag]).sum(1)
    tau: ndarray = total / (n * (n - 1) / 2)
    return tau


def fluctuations(series: ndarray, *, bandwidth: int) -> ndarray:
    """Subtract the running median over `bandwidth` points (odd), which follows a jump where a running mean smears it.

    At the ends the window is cut. Shapes: (rows, n) -> (rows, n). Unit: that of the series.
    Source: Tukey 1977 (running medians); detrending before the indicators: Dakos et al. 2008.

    >>> fluctuations(np.array([[0.0, 0.0, 0.0, 9.0, 9.0, 9.0]]), bandwidth=3).tolist()
    [[0.0, 0.0, 0.0, 0.0, 0.0, 0.0]]
    """
    half, n = bandwidth // 2, series.shape[1]
    if bandwidth > n:
        raise UsageError(f"a bandwidth of {bandwidth} points, but the series has {n}", fix="give a smaller bandwidth")
    windows = np.lib.stride_tricks.sliding_window_view(series, 2 * half + 1, axis=1)
    left = [np.median(series[:, : end + half + 1], axis=1) for end in range(half)]
    right = [np.median(series[:, start - half :], axis=1) for start in range(n - half, n)]
    middle: ndarray = np.median(windows, axis=2)
    trend = np.concatenate([np.reshape(left, (half, -1)).T, middle, np.reshape(right, (half, -1)).T], axis=1)
    found: ndarray = series - trend
    return found


def rolling(residuals: ndarray, *, window: int) -> tuple[ndarray, ndarray]:
    """Variance and lag-1 autocorrelation in every window of `window` successive points.

    Formula: s² = Σ (x_i − x̄)² / (w − 1); r = Σ (x_i − x̄)(x_{i+1} − x̄) / Σ (x_i − x̄)², x̄ the mean of the window.
    Source: Dakos et al. 2008; Scheffer et al. 2009. Shapes: (rows, n) -> twice (rows, n − window + 1). Range of r:
    [−1, 1], 0 where nothing fluctuates.

    >>> variance, autocorrelation = rolling(np.array([[1.0, -1.0, 1.0, -1.0]]), window=4)
    >>> round(float(variance[0, 0]), 4), float(autocorrelation[0, 0])
    (1.3333, -0.75)
    """
    sums, squares, products = (
        _window_sums(terms, length)
        for terms, length in (
            (residuals, window),
            (residuals**2, window),
            (residuals[:, 1:] * residuals[:, :-1], window - 1),
        )
    )
    mean, count = sums / window, residuals.shape[1] - window + 1
    ends = residuals[:, :count] + residuals[:, window - 1 :]
    spread = np.maximum(squares - window * mean**2, 0)
    # Σ (x_i − m)(x_{i+1} − m) over the w − 1 pairs of a window; each point but the two at its ends is in two pairs.
    paired = products - mean * (2 * sums - ends) + (window - 1) * mean**2
    flat = spread <= 1e-12 * squares
    return spread / (window - 1), np.divide(paired, spread, out=np.zeros_like(paired), where=~flat)


def _window_sums(terms: ndarray, length: int) -> ndarray:
    """Return the sum of every `length` successive terms of each row."""
    total = np.cumsum(np.pad(terms, ((0, 0), (1, 0))), axis=1)
    found: ndarray = total[:, length:] - total[:, :-length]
    return found


def surrogates(series: ndarray, *, count: int, null: Null, seed: int) -> ndarray:
    """Series without a trend in their fluctuations that are otherwise like `series`.

    "ar1": x_{t+1} = φ x_t + ε with the lag-1 autocorrelation and the variance of `series`, from its stationary state.
    "phase": the amplitudes of its Fourier transform with random phases: the same autocorrelation at every lag.
    Source: Theiler et al. 1992 (phases); Dakos et al. 2008 (both). Shapes: (n,) -> (count, n). Unit: as `series`.

    >>> given = np.array([1.0, -2.0, 1.5, 0.5, -1.0])
    >>> made = surrogates(given, count=3, null="phase", seed=0)
    >>> bool(np.allclose(abs(np.fft.rfft(made)), abs(np.fft.rfft(given - given.mean()))))
    True
    """
    draw = np.random.default_rng(seed)
    centred = series - series.mean()
    return _phases(centred, count, draw) if null == "phase" else _autoregressive(centred, count, draw)


def _phases(centred: ndarray, count: int, draw: np.random.Generator) -> ndarray:
    amplitude = np.abs(np.fft.rfft(centred))
    turned = amplitude * np.exp(1j * draw.uniform(0, 2 * np.pi, (count, len(amplitude))))
    if len(centred) % 2 == 0:  # the highest frequency of an even length is real
        turned[:, -1] = amplitude[-1] * draw.choice([-1.0, 1.0], count)
    made: ndarray = np.fft.irfft(turned, n=len(centred))
    return made


def _autoregressive(centred: ndarray, count: int, draw: np.random.Generator) -> ndarray:
    spread = centred.std()
    squares = (centred**2).sum()
    phi = float(np.clip((centred[1:] * centred[:-1]).sum() / squares, -0.99, 0.99)) if squares else 0.0
    noise = draw.standard_normal((count, len(centred)))
    found = np.empty_like(noise)
    found[:, 0] = noise[:, 0]
    for step in range(1, len(centred)):
        found[:, step] = phi * found[:, step - 1] + np.sqrt(1 - phi**2) * noise[:, step]
    scaled: ndarray = found * spread
    return scaled


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
    Source: Dakos et al. 2008; Scheffer et al. 2009; Boettiger, Ross & Hastings 2013, whose `CAVEATS` belong beside it.
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
        _tested(found[0], expected)
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


def _tested(found: ndarray, expected: ndarray) -> Indicator:
    tau, others = float(kendall(found[None])[0]), kendall(expected)
    return Indicator(
        values=tuple(found.tolist()), tau=tau, p_value=float((1 + (others >= tau).sum()) / (1 + len(others)))
    )


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
    variance = _tested(np.array([group.var(ddof=1) for group in groups]), expected)
    return Spread(variance=variance, rises=variance.p_value <= level, n=len(pool))
