"""Which of several models has the least error, from a few replicas of each: the posterior by numerical integration."""

from __future__ import annotations

import math
from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

PRIOR_SPREAD = 0.05
"""Standard deviation of a replica's training error expected beforehand, as a share of the family's mean error."""

PRIOR_FREEDOM = 2.0
"""How many degrees of freedom that expectation is worth."""

LEAST_SPREAD = 0.002
"""The pooled standard deviation is at least this: a few replicas that agree do not show that all would."""

SPREADS, PLACES, REACH = 32, 301, 8.0
"""Nodes of the quadrature over the spread and over the least error, and how many standard errors that reaches."""


def share_of_least(errors: Sequence[Sequence[float]]) -> np.ndarray:
    """Return for every model the probability that its error is the least, (models,); see `pool_spread` for the model.

    Formula: ∫ dσ p(σ) ∫ dx φ_i(x) Π_{j ≠ i} (1 − Φ_j(x)), the outer integral by Gauss-Legendre over quantiles of σ.
    errors: those of each model's replicas, fractions in [0, 1].

    >>> share_of_least([(0.20, 0.21), (0.15, 0.14), (0.25, 0.26)]).round(2).tolist()
    [0.0, 1.0, 0.0]
    """
    from scipy.special import ndtr

    means, counts = np.array([np.mean(one) for one in errors]), np.array([len(one) for one in errors])
    spread, freedom = pool_spread(errors)
    factors, weights = _quadrature(freedom)
    scale = spread / np.sqrt(counts) * factors[:, None, None]
    x = np.linspace(-REACH, REACH, PLACES)[:, None] * scale.max(axis=2, keepdims=True) + means.min()
    z = np.moveaxis((x - means) / scale, 2, 0).copy()  # model by model: faster than side by side
    above = ndtr(-z)
    others = [_product([*above[:place], *above[place + 1 :]]) for place in range(len(means))]
    density = np.exp(-(z**2) / 2) / np.moveaxis(scale, 2, 0)
    mass = np.stack([one * other for one, other in zip(density, others, strict=True)], axis=2).sum(axis=1)
    found: np.ndarray = weights / 2 @ (mass / mass.sum(axis=1, keepdims=True))
    return found


@lru_cache(maxsize=64)
def _quadrature(freedom: float) -> tuple[np.ndarray, np.ndarray]:
    """Return the factors of the spread at the nodes, and the weights, of Gauss-Legendre over its quantiles."""
    from scipy.special import gammaincinv

    nodes, weights = np.polynomial.legendre.leggauss(SPREADS)
    return np.sqrt(freedom / (2 * gammaincinv(freedom / 2, (nodes + 1) / 2))), weights


def _product(factors: Sequence[np.ndarray]) -> np.ndarray:
    """Return the product of at least one array, in their order."""
    found = factors[0].copy()
    for factor in factors[1:]:
        found *= factor
    return found


def pool_spread(errors: Sequence[Sequence[float]]) -> tuple[float, float]:
    """Return the scale s of a replica's error around its model's, and its degrees of freedom ν.

    Model: a replica's error is the model's plus a normal error of one standard deviation σ for all. The models' errors
    have flat priors. σ² is scaled inverse χ² with ν = 2 + Σ (n_i − 1) degrees of freedom and scale
    s² = (2 (0.05 m)² + Σ_i Σ_r (e_ir − ē_i)²) / ν, s at least 0.002, where m is the mean of the ē_i.

    >>> spread, freedom = pool_spread([(0.2, 0.2), (0.2, 0.2)])
    >>> round(spread, 5), freedom
    (0.00707, 4.0)
    """
    freedom = PRIOR_FREEDOM + sum(len(one) - 1 for one in errors)
    means = [float(np.mean(one)) for one in errors]
    squares = sum(float(np.square(np.array(one) - mean).sum()) for one, mean in zip(errors, means, strict=True))
    prior = PRIOR_FREEDOM * (PRIOR_SPREAD * float(np.mean(means))) ** 2
    return max(LEAST_SPREAD, math.sqrt((prior + squares) / freedom)), freedom
