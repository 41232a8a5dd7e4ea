from __future__ import annotations

import numpy as np
import pytest
from prunescope_spectrum.tails import clauset, fit_tail, hill


def pareto(alpha, n, seed=0):
    """Draw from p(x) proportional to x^(-alpha), x >= 1, by the inverse of its distribution."""
    return np.sort((1 - np.random.default_rng(seed).random(n)) ** (-1 / (alpha - 1)))


@pytest.mark.parametrize("alpha", [1.8, 2.5, 4.0])
@pytest.mark.parametrize("estimate", [clauset, hill])
def test_the_exponent_of_a_power_law(alpha, estimate):
    found = [estimate(pareto(alpha, 1000, seed=seed)) for seed in range(5)]
    assert np.mean([tail.alpha for tail in found]) == pytest.approx(alpha, rel=0.07)
    assert all(tail.distance < 0.06 for tail in found)


def slow_clauset(ordered):
    """Return the best tail by trying every xmin."""
    best = (np.inf, 0.0, 0.0)
    for start in range(len(ordered) - 1):
        tail = ordered[start:]
        alpha = 1 + len(tail) / np.log(tail / tail[0]).sum()
        gap = np.abs(1 - (tail / tail[0]) ** (1 - alpha) - np.arange(len(tail)) / len(tail)).max()
        best = min(best, (gap, alpha, tail[0]))
    return best[1:]


@pytest.mark.parametrize("seed", range(3))
def test_clauset_agrees_with_trying_every_xmin(seed):
    ordered = np.sort(np.concatenate([pareto(2.5, 150, seed=seed) + 1, np.random.default_rng(seed).random(100)]))
    found = clauset(ordered)
    assert (found.alpha, found.xmin) == pytest.approx(slow_clauset(ordered))


def test_hill_looks_at_the_upper_half():
    ordered = np.array([0.1, 0.2, 0.3, 1.0, 2.0, 4.0, 8.0])
    assert hill(ordered).alpha == pytest.approx(1 + 3 / np.log(2 * 4 * 8))
    assert hill(ordered).n == 3
    assert hill(1000 * ordered).alpha == pytest.approx(hill(ordered).alpha)


def test_the_standard_error_is_the_spread_over_draws():
    found = [clauset(pareto(2.5, 400, seed=seed)) for seed in range(30)]
    spread = np.std([tail.alpha for tail in found], ddof=1)
    assert 0.4 < np.mean([tail.stderr for tail in found]) / spread < 1.6


@pytest.mark.parametrize("estimator", ["clauset", "hill"])
def test_nothing_is_fitted_to_nothing(estimator):
    assert fit_tail(np.arange(1.0, 8.0), estimator) is None
    assert fit_tail(np.full(20, 3.0), estimator) is None
    assert fit_tail(np.array([]), estimator) is None


def test_values_alike_above_the_median_have_no_hill():
    assert hill(np.array([1.0, 2, 2, 2, 2, 2, 2, 2])) is None
