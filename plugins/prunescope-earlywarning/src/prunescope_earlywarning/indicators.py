"""Indicators of critical slowing down in rolling windows, and the test of their trend."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from prunescope.api.errors import EvidenceError, UsageError

if TYPE_CHECKING:
    from numpy import ndarray


@dataclass(frozen=True, kw_only=True)
class Indicator:
    """One statistic in rolling windows, and the test of its trend."""

    values: tuple[float, ...]
    """In every window, in order."""
    tau: float
    """Kendall's tau with the order of the windows, in [−1, 1]."""
    p_value: float
    """Share of surrogates with a tau at least as large."""


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


def tested_trend(found: ndarray, expected: ndarray) -> Indicator:
    """Return a statistic in successive windows with the trend it has, tested against that of surrogates.

    Formula: τ = `kendall` of the windows; p = (1 + #{τ_surrogate ≥ τ}) / (1 + surrogates).
    Shapes: (windows,), (surrogates, windows).
    """
    tau, others = float(kendall(found[None])[0]), kendall(expected)
    return Indicator(
        values=tuple(found.tolist()), tau=tau, p_value=float((1 + (others >= tau).sum()) / (1 + len(others)))
    )
