"""The dispersion score: how far points lie from the nearest of a few of them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Matrix = NDArray[np.float64]

RESTARTS = 10
"""Starts of the search for medoids; the best is taken."""


def mean_squared_distances(points: Matrix) -> Matrix:
    """Return the mean squared difference of each two rows: (n, features) -> (n, n).

    >>> mean_squared_distances(np.array([[0.0, 0.0], [2.0, 0.0]])).tolist()
    [[0.0, 2.0], [2.0, 0.0]]
    """
    squares = (points**2).sum(axis=1)
    found = squares[:, None] + squares[None] - 2 * points @ points.T
    np.fill_diagonal(found, 0.0)
    return np.asarray(np.maximum(found, 0.0) / points.shape[1])


def dispersion_score(distances: Matrix, clusters: int, *, seed: int) -> float:
    """Return the mean distance of the points to their medoids: the inertia of k-medoids over the number of points.

    DS = 1/n sum_i min_{m in M} D_im, with M the `clusters` points that make it least: k-medoids++ and alternating
    assignment, the best of RESTARTS starts (Zhou, Shen, Yan, Feng & Yang 2021, section 3.2, and its code, which sums
    where this averages, so that data sets of different size compare). 0 where there are as many clusters as points.

    distances: (n, n), symmetric. Range [0, inf), in the unit of the distances.

    >>> line = np.array([[0.0], [1.0], [10.0], [11.0]])
    >>> [dispersion_score(mean_squared_distances(line), k, seed=0) for k in (1, 2, 4)]
    [45.5, 0.5, 0.0]
    """
    if clusters >= len(distances):
        return 0.0
    draw = np.random.default_rng(seed)
    return min(_inertia(distances, _medoids(distances, clusters, draw)) for _ in range(RESTARTS)) / len(distances)


def _inertia(distances: Matrix, medoids: NDArray[np.int64]) -> float:
    return float(distances[:, medoids].min(axis=1).sum())


def _medoids(distances: Matrix, clusters: int, draw: np.random.Generator) -> NDArray[np.int64]:
    """Start at k-medoids++, then assign points and move medoids in turn until no medoid moves."""
    medoids = _spread_start(distances, clusters, draw)
    while True:
        label = distances[:, medoids].argmin(axis=1)
        moved = np.array([_centre(distances, label == number, medoid) for number, medoid in enumerate(medoids)])
        if _inertia(distances, moved) >= _inertia(distances, medoids):
            return medoids
        medoids = moved


def _centre(distances: Matrix, inside: NDArray[np.bool_], medoid: int) -> int:
    members = np.flatnonzero(inside)
    if not len(members):
        return medoid
    return int(members[distances[np.ix_(members, members)].sum(axis=1).argmin()])


def _spread_start(distances: Matrix, clusters: int, draw: np.random.Generator) -> NDArray[np.int64]:
    """Draw each medoid with a probability proportional to its distance from those before (k-means++)."""
    chosen = [int(draw.integers(len(distances)))]
    while len(chosen) < clusters:
        left = distances[:, chosen].min(axis=1)
        total = left.sum()
        weight = left / total if total else None
        chosen.append(int(draw.choice(len(distances), p=weight)))
    return np.array(chosen)
