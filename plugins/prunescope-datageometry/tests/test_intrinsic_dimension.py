from __future__ import annotations

import numpy as np
import pytest
from prunescope_datageometry import intrinsic_dimension
from prunescope_datageometry.intrinsic_dimension import distinct, maximum_likelihood, neighbour_distances, two_nn

from prunescope.api.errors import InputError


def manifold(name, n=2000, seed=0):
    """Return points of a known dimension in a space of more, turned at random."""
    draw = np.random.default_rng(seed)
    made = {
        "line": lambda: draw.uniform(size=(n, 1)),
        "square": lambda: draw.uniform(size=(n, 2)),
        "cube of 5": lambda: draw.uniform(size=(n, 5)),
        "gaussian of 8": lambda: draw.standard_normal((n, 8)),
        "sphere": lambda: _unit(draw.standard_normal((n, 3))),
        "swiss roll": lambda: _roll(draw.uniform(size=(n, 2))),
    }[name]()
    turned = np.linalg.qr(draw.standard_normal((12, 12)))[0][: made.shape[1]]
    return made @ turned


def _unit(points):
    return points / np.linalg.norm(points, axis=1, keepdims=True)


def _roll(plane):
    angle = 1.5 * np.pi * (1 + 2 * plane[:, 0])
    return np.stack([angle * np.cos(angle), 21 * plane[:, 1], angle * np.sin(angle)], axis=1)


KNOWN = {"line": 1, "square": 2, "sphere": 2, "swiss roll": 2, "cube of 5": 5, "gaussian of 8": 8}


@pytest.mark.parametrize(("name", "wanted"), KNOWN.items())
def test_two_nn_on_known_manifolds(name, wanted):
    # high dimensions come out a little low: the density is not constant up to the second neighbour
    assert two_nn(manifold(name)).dimension == pytest.approx(wanted, rel=0.05 if wanted < 5 else 0.15)


@pytest.mark.parametrize(("name", "wanted"), KNOWN.items())
def test_maximum_likelihood_on_known_manifolds(name, wanted):
    assert maximum_likelihood(manifold(name)).dimension == pytest.approx(wanted, rel=0.1 if wanted < 5 else 0.2)


def test_two_nn_agrees_with_its_definition():
    points = manifold("cube of 5", n=400)
    distances = np.sqrt(((points[:, None] - points[None]) ** 2).sum(axis=-1))
    nearest = np.sort(distances, axis=1)[:, 1:3]
    log_mu = np.sort(np.log(nearest[:, 1] / nearest[:, 0]))[:360]
    y = -np.log(1 - np.arange(1, 361) / 400)
    assert two_nn(points).dimension == pytest.approx((log_mu @ y) / (log_mu @ log_mu))


def test_maximum_likelihood_agrees_with_its_definition():
    points = manifold("square", n=300)
    distances = np.sort(np.sqrt(((points[:, None] - points[None]) ** 2).sum(axis=-1)), axis=1)[:, 1:11]
    inverse = np.log(distances[:, 9:] / distances[:, :9]).mean(axis=1)
    assert maximum_likelihood(points, neighbours=10).dimension == pytest.approx(1 / inverse.mean())


@pytest.mark.parametrize("estimate", [two_nn, maximum_likelihood])
def test_scale_and_direction_do_not_matter(estimate):
    points = manifold("cube of 5", n=500)
    turn = np.linalg.qr(np.random.default_rng(1).standard_normal((12, 12)))[0]
    assert estimate(1000 * points @ turn + 7).dimension == pytest.approx(estimate(points).dimension, rel=1e-6)


@pytest.mark.parametrize("estimate", [two_nn, maximum_likelihood])
def test_the_standard_error_is_about_the_spread_over_draws(estimate):
    found = [estimate(manifold("square", n=800, seed=seed)) for seed in range(40)]
    spread = np.std([one.dimension for one in found], ddof=1)
    assert 0.5 < np.mean([one.stderr for one in found]) / spread < 2


def test_repeated_points_are_left_out():
    points = manifold("square", n=300)
    assert two_nn(distinct(np.concatenate([points, points[:100]]))) == two_nn(points)


def test_too_few_points_are_refused():
    with pytest.raises(InputError, match="5 distinct points have no 20 neighbours"):
        neighbour_distances(np.zeros((5, 2)), 20)


def test_importing_it_loads_no_numba():
    assert not hasattr(intrinsic_dimension, "skdim")
