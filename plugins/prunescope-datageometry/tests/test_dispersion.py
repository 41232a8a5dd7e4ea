from __future__ import annotations

from itertools import combinations

import numpy as np
import pytest
from prunescope_datageometry.dispersion import dispersion_score, mean_squared_distances


def test_distances_by_definition():
    points = np.random.default_rng(0).standard_normal((20, 7))
    wanted = ((points[:, None] - points[None]) ** 2).mean(axis=-1)
    np.testing.assert_allclose(mean_squared_distances(points), wanted, atol=1e-12)


@pytest.mark.parametrize("clusters", [1, 2, 3])
@pytest.mark.parametrize("seed", range(5))
def test_no_choice_of_medoids_is_better(clusters, seed):
    distances = mean_squared_distances(np.random.default_rng(seed).standard_normal((12, 2)))
    best = min(distances[:, list(chosen)].min(axis=1).mean() for chosen in combinations(range(12), clusters))
    assert dispersion_score(distances, clusters, seed=0) == pytest.approx(best)


def test_tight_clusters_have_their_own_spread_alone():
    centres = 100 * np.eye(6)
    points = np.repeat(centres, 5, axis=0)
    distances = mean_squared_distances(points)
    assert dispersion_score(distances, 6, seed=0) == pytest.approx(0, abs=1e-9)
    assert dispersion_score(distances, 5, seed=0) > 100


def test_more_medoids_never_disperse_more():
    distances = mean_squared_distances(np.random.default_rng(0).standard_normal((150, 10)))
    scores = [dispersion_score(distances, clusters, seed=0) for clusters in (1, 2, 5, 10, 50, 150)]
    assert scores == sorted(scores, reverse=True)
    assert scores[-1] == 0


def test_all_points_alike():
    assert dispersion_score(np.zeros((9, 9)), 3, seed=0) == 0


@pytest.mark.parametrize("counts", [(10, 10, 10, 10), (30, 5, 3, 2)])
def test_labels_with_one_medoid_say_how_large_the_largest_class_is(counts):
    labels = np.repeat(np.arange(4), counts)
    distances = mean_squared_distances(np.eye(4)[labels])
    assert dispersion_score(distances, 1, seed=0) == pytest.approx(2 / 4 * (1 - max(counts) / sum(counts)))
