"""The posterior of the best value against other ways to compute it."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import norm

from prunescope.regimes.best_value import locate_best

LOOKS = [(0.31, 0.29), (), (0.22,), (), (0.26, 0.25, 0.27)]


def test_the_mean_is_the_least_squares_solution():
    step = 1.7
    rows = [(np.eye(5)[place], error) for place, each in enumerate(LOOKS) for error in each]
    rows += [((np.eye(5)[place + 1] - np.eye(5)[place]) / step, 0.0) for place in range(4)]
    solved, *_ = np.linalg.lstsq(np.array([row for row, _ in rows]), np.array([y for _, y in rows]), rcond=None)
    assert locate_best(LOOKS, step=step).mean == pytest.approx(solved)


def test_values_that_were_not_looked_at_are_less_certain_the_farther_away():
    found = np.diag(locate_best([(0.2,), (), (), ()]).variance)
    assert (np.diff(found) > 0).all()
    near, far = locate_best([(0.2,), (), (), (0.2,)]).variance[1, 1], found[1]
    assert near < far


def test_the_gain_is_that_of_simulated_looks():
    found = locate_best(LOOKS)
    generator = np.random.default_rng(0)
    for place in range(5):
        scale = found.spread * np.sqrt(found.variance[place, place] + 1)
        seen = scale * generator.standard_t(found.freedom, 200_000)  # error - its mean
        shift = found.variance[:, place] / (found.variance[place, place] + 1)
        after = (found.mean + seen[:, None] * shift).min(axis=1)
        assert found.gain(place) == pytest.approx(found.mean.min() - after.mean(), abs=3e-4)


def test_the_gain_of_two_independent_values_has_a_closed_form():
    many = 400
    generator = np.random.default_rng(1)
    first = tuple(generator.normal(0.300, 0.02, many))
    found = locate_best([first, (0.301, 0.302)], step=1e4)
    moved = found.spread * found.variance[1, 1] / np.sqrt(found.variance[1, 1] + 1)
    z = abs(found.mean[0] - found.mean[1]) / moved
    assert found.gain(1) == pytest.approx(moved * (norm.pdf(z) - z * norm.cdf(-z)), rel=0.02)
    assert found.gain(0) < found.gain(1) / 20


def test_the_least_is_where_the_mean_is_least_and_one_look_is_required():
    assert locate_best(LOOKS).best == 2
    with pytest.raises(ValueError, match="no value"):
        locate_best([(), ()])
