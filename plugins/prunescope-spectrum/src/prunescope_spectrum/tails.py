"""The exponent of a power-law tail: p(x) proportional to x^(-alpha) for x >= xmin."""

from __future__ import annotations

import math
import warnings
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

Estimator = Literal["clauset", "hill"]

FEWEST = 8
"""Values below which no tail is fitted."""


ANY_ALPHA = [1.0, 1e6]
"""powerlaw 2 looks at alpha up to 3 alone unless it is told otherwise; trained layers go to 6 and beyond."""


@dataclass(frozen=True)
class Tail:
    """A fitted tail."""

    alpha: float
    xmin: float
    distance: float
    """Kolmogorov-Smirnov distance between the tail and the fit, in [0, 1]."""
    n: int
    """Values in the tail."""

    @property
    def stderr(self) -> float:
        """Asymptotic standard error of alpha with xmin known, (alpha - 1) / sqrt(n) (Clauset 2009, equation 3.2)."""
        return (self.alpha - 1) / math.sqrt(self.n)


def fit_tail(values: NDArray[np.float64], estimator: Estimator) -> Tail | None:
    """Fit a tail; None for fewer than FEWEST values, or where they are all alike."""
    ordered = np.sort(values)
    if len(ordered) < FEWEST or ordered[-1] <= ordered[0] * (1 + 1e-9):
        return None
    return hill(ordered) if estimator == "hill" else clauset(ordered)


def hill(ordered: NDArray[np.float64]) -> Tail | None:
    """Return Hill's estimator over the upper half of the values: AlphaPruning's PL_Alpha_Hill.

    alpha = 1 + k / sum_{i=1..k} ln(x_{n-i+1} / x_{n-k}), k = n // 2, x ascending (Lu et al. 2024, equation 3).

    ordered: ascending, positive.

    >>> hill(np.array([1.0, 1.0, np.e, np.e])).alpha
    2.0
    """
    k = len(ordered) // 2
    xmin = ordered[-k - 1]
    logs = np.log(ordered[-k:] / xmin).sum()
    if logs <= 0:
        return None
    alpha = 1 + k / float(logs)
    return Tail(alpha, float(xmin), _distance(ordered[-k:], float(xmin), alpha), k)


def clauset(ordered: NDArray[np.float64]) -> Tail:
    """Return the maximum-likelihood tail whose xmin makes the Kolmogorov-Smirnov distance least.

    For each xmin among the values: alpha = 1 + n / sum ln(x_i / xmin) over the n values from xmin on; the xmin of
    least distance is taken (Clauset, Shalizi & Newman 2009, sections 3.1 and 3.3). By the package powerlaw.

    ordered: ascending, positive, not all alike.
    """
    import powerlaw

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # powerlaw warns of its own deprecated attributes while it looks for xmin
        found = powerlaw.Fit(ordered, discrete=False, verbose=False, parameter_ranges={"alpha": ANY_ALPHA})
        alpha, xmin = float(found.alpha), float(found.xmin)
    tail = ordered[ordered >= xmin]
    return Tail(alpha, xmin, _distance(tail, xmin, alpha), len(tail))


def _distance(tail: NDArray[np.float64], xmin: float, alpha: float) -> float:
    """Return the largest gap between the steps of the tail's distribution and that of the fit."""
    fitted = 1 - (tail / xmin) ** (1 - alpha)
    steps = np.arange(len(tail) + 1) / len(tail)
    return float(np.maximum(np.abs(fitted - steps[:-1]), np.abs(fitted - steps[1:])).max())
