"""Where along a knob the least error lies, from noisy looks at some values: a posterior, and what one more look gains.

Model: the errors μ of neighbouring values differ by a normal step of standard deviation ρ σ (a random walk with a flat
level), a look is μ plus a normal error of standard deviation σ, and σ² is scaled inverse χ², as in `least.pool_spread`.
So μ is multivariate Student t in closed form, and values that were not looked at lie between their neighbours, the
less certain the farther away. The gain of a look is the knowledge gradient: how much lower the least posterior mean is
expected to be after it (Frazier, Powell and Dayanik 2009, "The knowledge-gradient policy for correlated normal
beliefs").
"""

from __future__ import annotations

from dataclasses import dataclass
from math import sqrt
from typing import TYPE_CHECKING

import numpy as np

from prunescope.regimes.least import LEAST_SPREAD, PRIOR_FREEDOM, PRIOR_SPREAD

if TYPE_CHECKING:
    from collections.abc import Sequence

STEP = 4.0
"""ρ: how much errors of neighbouring values differ, in standard deviations of a look; docs/truth.md compares others."""

NODES = 32
"""Of the quadrature over the outcome of a look."""


@dataclass(frozen=True, kw_only=True)
class ValuePosterior:
    """Student t of the errors of all values: mean, scale s √V, degrees of freedom."""

    mean: np.ndarray
    """(values,), fraction."""
    variance: np.ndarray
    """V, (values, values), in units of a look's variance."""
    spread: float
    """s, of a look, fraction."""
    freedom: float

    @property
    def best(self) -> int:
        """The position of the least mean; of equals the first."""
        return int(self.mean.argmin())

    def gain(self, place: int) -> float:
        """Return how much lower the least mean is expected to be after one more look at a value; fraction, at least 0.

        Formula: min m − E min_k (m_k + s V_ki / √(V_ii + 1) T), T Student t of the same degrees of freedom.
        """
        from scipy.special import stdtrit

        nodes, weights = np.polynomial.legendre.leggauss(NODES)
        outcomes = stdtrit(self.freedom, (nodes + 1) / 2)
        moves = self.spread * self.variance[:, place] / sqrt(self.variance[place, place] + 1)
        after = (self.mean + outcomes[:, None] * moves).min(axis=1)
        return max(0.0, float(self.mean.min() - weights / 2 @ after))


def locate_best(looks: Sequence[Sequence[float]], *, step: float = STEP) -> ValuePosterior:
    """Return the posterior of the errors of all values, in the order of the knob; one of them has a look.

    looks: the errors seen at each value, fractions; () where there is none. Raises ValueError where no value has any.

    >>> found = locate_best([(0.30,), (), (0.20,)])
    >>> found.best, found.mean.round(2).tolist()
    (2, [0.3, 0.25, 0.2])
    """
    seen = [error for each in looks for error in each]
    if not seen:
        raise ValueError("no value was looked at")
    counts = np.array([len(each) for each in looks], dtype=np.float64)
    sums = np.array([sum(each) for each in looks])
    walk = np.diff(np.eye(len(looks)), axis=0) / step
    variance = np.linalg.inv(walk.T @ walk + np.diag(counts))
    mean = variance @ sums
    freedom = PRIOR_FREEDOM + len(seen) - 1
    squares = PRIOR_FREEDOM * (PRIOR_SPREAD * float(np.mean(seen))) ** 2 + float(np.square(walk @ mean).sum())
    squares += sum((error - mean[place]) ** 2 for place, each in enumerate(looks) for error in each)
    return ValuePosterior(
        mean=mean, variance=variance, spread=max(LEAST_SPREAD, sqrt(squares / freedom)), freedom=freedom
    )
