"""The three regimes of pruned models, decided from LMC and CKA between retrained replicas.

Source: Zhou, Yang, Chang, Mahoney, "A Three-regime Model of Network Pruning", ICML 2023, sections 3 and 4. The
threshold's interval was read off its figure 2 (PreResNet-20 on CIFAR-10).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache
from itertools import combinations
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence


@dataclass(frozen=True, kw_only=True)
class Gate:
    """The LMC gate: Regime I below -epsilon, and how sure that is."""

    lmc: float
    """Mean LMC over the pairs, in training-error units."""
    low: float
    high: float
    """Central 80 % interval of the mean under the bootstrap."""
    probability_poor: float
    """Probability that the mean LMC lies below -epsilon."""


def pair_replicas(pairs: int) -> int:
    """Return the number r of replicas with r (r - 1) / 2 == pairs.

    >>> [pair_replicas(pairs) for pairs in (1, 3, 6)]
    [2, 3, 4]
    """
    replicas = (1 + math.isqrt(1 + 8 * pairs)) // 2
    if replicas * (replicas - 1) // 2 != pairs:
        raise ValueError(f"{pairs} is not the number of pairs of any number of replicas")
    return replicas


def bootstrap_means(
    values: Sequence[float], *, stderr: Sequence[float], pair_spread: float, draws: int, seed: int
) -> np.ndarray:
    """Draw the mean over pairs of replicas from its posterior by the Bayesian bootstrap over replicas.

    Each draw weights the replicas by w ~ Dirichlet(1, ..., 1) (Rubin 1981) and a pair (i, j) by w_i w_j, because pairs
    that share a replica are not independent. Two terms are added: the pairs' own standard errors (finite number
    of images), and `pair_spread` / sqrt(pairs), the spread between pairs known from elsewhere, without which two or
    three replicas that happen to agree would look certain. The latter is scaled by Student's t with r - 1 degrees of
    freedom (2 at least, so that it has a scale): how far a mean of so few replicas can be off.

    values, stderr: one per pair, in the order of itertools.combinations. Which replica is the first changes nothing:
    the least connected one is drawn for first. Returns `draws` means.
    """
    measured, errors = _sort_replicas(np.asarray(values, dtype=np.float64), np.asarray(stderr, dtype=np.float64))
    drawn = _draw_bootstrap(measured.size, draws, seed)
    spread = drawn.spread * pair_spread / math.sqrt(measured.size)
    means: np.ndarray = (drawn.weights * (measured + drawn.noise * errors)).sum(axis=1) + spread
    return means


def _sort_replicas(values: np.ndarray, stderr: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return both with the replicas in the order of what their pairs have, the least first."""
    replicas = pair_replicas(values.size)
    first, second = np.triu_indices(replicas, 1)
    places = np.zeros((replicas, replicas), dtype=np.int64)
    places[first, second] = places[second, first] = np.arange(values.size)
    own = [sorted((values[place], stderr[place]) for place in np.delete(row, at)) for at, row in enumerate(places)]
    order = sorted(range(replicas), key=lambda replica: own[replica])
    kept = places[np.ix_(order, order)][first, second]
    return values[kept], stderr[kept]


@dataclass(frozen=True, kw_only=True)
class _Draws:
    """What a bootstrap draws whatever was measured; the arrays are not to be changed."""

    weights: np.ndarray
    """Of the pairs, (draws, pairs)."""
    noise: np.ndarray
    """Standard normal, (draws, pairs)."""
    spread: np.ndarray
    """Student's t, (draws,)."""


@lru_cache(maxsize=8)
def _draw_bootstrap(size: int, draws: int, seed: int) -> _Draws:
    """Return what is drawn for so many pairs: all cells of a study with equal replicas draw the same."""
    generator = np.random.Generator(np.random.PCG64(seed))
    replicas = pair_replicas(size)
    pairs = np.array(list(combinations(range(replicas), 2)))
    replica_weights = generator.dirichlet(np.ones(replicas), size=draws)
    weights = replica_weights[:, pairs[:, 0]] * replica_weights[:, pairs[:, 1]]
    weights /= weights.sum(axis=1, keepdims=True)
    noise = generator.normal(size=(draws, size))
    return _Draws(weights=weights, noise=noise, spread=generator.standard_t(max(replicas - 1, 2), size=draws))


def gate(
    lmc: Sequence[float],
    *,
    stderr: Sequence[float],
    epsilon: tuple[float, float],
    pair_spread: float,
    draws: int,
    seed: int,
) -> Gate:
    """Return how probable poor connectivity, mean LMC < -epsilon, is; epsilon is uniform over its interval.

    >>> poor = gate([-0.4, -0.5, -0.45], stderr=[0.01] * 3, epsilon=(0.08, 0.15), pair_spread=0.02, draws=999, seed=0)
    >>> poor.probability_poor
    1.0
    """
    means = bootstrap_means(lmc, stderr=stderr, pair_spread=pair_spread, draws=draws, seed=seed)
    thresholds = -np.random.Generator(np.random.PCG64(seed + 1)).uniform(*epsilon, size=draws)
    low, high = np.quantile(means, [0.1, 0.9])
    return Gate(
        lmc=float(np.mean(lmc)),
        low=float(low),
        high=float(high),
        probability_poor=float(np.mean(means < thresholds)),
    )
