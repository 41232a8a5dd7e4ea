"""How many dimensions a cloud of points has locally, from the distances to its nearest neighbours."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from prunescope.api.errors import InputError

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Points = NDArray[np.float64]


@dataclass(frozen=True)
class Estimate:
    """A dimension, its standard error, and from how many points it comes."""

    dimension: float
    stderr: float
    n: int


def distinct(points: Points) -> Points:
    """Return the points without repetitions: a distance of zero has no logarithm.

    >>> distinct(np.array([[1.0, 2.0], [1.0, 2.0], [3.0, 4.0]])).tolist()
    [[1.0, 2.0], [3.0, 4.0]]
    """
    first = np.unique(points, axis=0, return_index=True)[1]
    return points[np.sort(first)]


def neighbour_distances(points: Points, count: int) -> NDArray[np.float64]:
    """Return the Euclidean distances of each point to its `count` nearest others, ascending, shape (n, count).

    Raises:
        InputError: there are no more points than neighbours.
    """
    from sklearn.neighbors import NearestNeighbors

    if len(points) <= count:
        raise InputError(
            f"{len(points)} distinct points have no {count} neighbours each",
            fix="give more images, or fewer neighbours",
        )
    found = NearestNeighbors(n_neighbors=count).fit(points).kneighbors()[0]
    return np.asarray(found, dtype=np.float64)


def two_nn(points: Points, *, discard: float = 0.1) -> Estimate:
    """Estimate the dimension from the ratio of the distances to the two nearest neighbours.

    mu_i = r_i2 / r_i1 has the distribution F(mu) = 1 - mu^(-d) where the density is constant up to the second
    neighbour; d is the slope through the origin of -log(1 - F(mu)) against log mu, the `discard` largest ratios left
    out (Facco, d'Errico, Rodriguez & Laio 2017, section "Results", steps 1 to 5). By scikit-dimension.

    points: (n, features), distinct. Range (0, inf). The standard error is d / sqrt(n kept), that of independent
    ratios, and comes out about a third too small.

    Raises:
        InputError: fewer than three points.
    """
    import skdim.id

    nearest = neighbour_distances(points, 2)
    estimator = skdim.id.TwoNN(discard_fraction=discard, dist=True).fit(nearest)
    dimension, kept = float(estimator.dimension_), len(estimator.x_)
    return Estimate(dimension, dimension / kept**0.5, len(points))


def maximum_likelihood(points: Points, *, neighbours: int = 20) -> Estimate:
    """Estimate the dimension from how the number of neighbours grows with the distance.

    1/m_i = mean over j < k of log(r_ik / r_ij), k = `neighbours`; d = 1 / mean over i of 1/m_i (Levina & Bickel 2004,
    equation 8; the harmonic mean over the points: MacKay & Ghahramani 2005). By scikit-dimension.

    points: (n, features), distinct. Range (0, inf). The standard error takes neighbourhoods for independent: they
    overlap, and it comes out about a quarter too small.

    Raises:
        InputError: no more points than neighbours.
    """
    import skdim.id

    nearest = neighbour_distances(points, neighbours)
    estimator = skdim.id.MLE().fit(points, precomputed_knn_arrays=(nearest, None), n_neighbors=neighbours, comb="mle")
    inverse = 1 / np.asarray(estimator.dimension_pw_)
    dimension = float(estimator.dimension_)
    stderr = dimension**2 * float(inverse.std(ddof=1)) / len(points) ** 0.5
    return Estimate(dimension, stderr, len(points))
