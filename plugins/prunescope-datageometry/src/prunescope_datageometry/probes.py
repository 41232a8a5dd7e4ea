"""The probes: thin shells around the estimators."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated

from prunescope.api import CLASSIFICATION, Option, Probe, Reading

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy as np
    from numpy.typing import NDArray

    from prunescope.api import Data, Replica

Images = Annotated[int, Option("so many of the training images, the first of the fixed order", minimum=30)]

FRACTIONS = {"all": 1, "1/2": 2, "1/4": 4, "1/8": 8}
"""Shares of the points for the dimension at coarser scales: label -> stride."""


@dataclass(frozen=True, kw_only=True)
class IntrinsicDimension(Probe):
    """Intrinsic dimension of the training images: TwoNN (Facco 2017) and maximum likelihood (Levina & Bickel 2004).

    Measured in the space of the normalised, un-augmented pixels, on distinct images. `two_nn_by_scale` repeats TwoNN on
    every second, fourth and eighth image: fewer points have farther neighbours, so a dimension that falls from left to
    right is noise at the small scale.
    """

    images: Images = 2000
    discard: Annotated[float, Option("share of the largest ratios TwoNN leaves out", minimum=0.01, maximum=0.9)] = 0.1
    neighbours: Annotated[int, Option("neighbours that maximum likelihood looks at", minimum=3)] = 20

    replicas = 0  # it measures data alone

    citations = ("facco2017estimating", "levina2004maximum", "bac2021scikit")

    def measure(self, replicas: Sequence[Replica], data: Data, *, seed: int) -> dict[str, Reading]:  # noqa: ARG002
        """Return `two_nn`, `maximum_likelihood`, and `two_nn_by_scale`."""
        import numpy as np

        from prunescope_datageometry import intrinsic_dimension

        points = intrinsic_dimension.distinct(_pixels(data, self.images)[0])
        two = intrinsic_dimension.two_nn(points, discard=self.discard)
        likely = intrinsic_dimension.maximum_likelihood(points, neighbours=self.neighbours)
        scales = [intrinsic_dimension.two_nn(points[::stride], discard=self.discard) for stride in FRACTIONS.values()]
        return {
            "two_nn": Reading(two.dimension, unit="1", n=two.n, stderr=two.stderr, estimator="TwoNN, linear fit"),
            "maximum_likelihood": Reading(
                likely.dimension,
                unit="1",
                n=likely.n,
                stderr=likely.stderr,
                estimator=f"Levina-Bickel, {self.neighbours} neighbours, harmonic mean",
            ),
            "two_nn_by_scale": Reading(
                np.array([scale.dimension for scale in scales]),
                unit="1",
                n=two.n,
                stderr=np.array([scale.stderr for scale in scales]),
                axes=("images",),
                labels=tuple(FRACTIONS),
            ),
        }


@dataclass(frozen=True, kw_only=True)
class Dispersion(Probe):
    """Dispersion score of inputs and of targets: mean distance to the nearest of k medoids (Zhou 2021).

    Distances are mean squared differences: of normalised pixels, and of labels as one-hot vectors; of other inputs
    and targets as they are.
    """

    images: Images = 2000
    clusters: Annotated[int, Option("medoids among the images", minimum=1)] = 10
    target_clusters: Annotated[int, Option("medoids among the labels", minimum=1)] = 1

    replicas = 0

    citations = ("zhou2021dataset",)

    def measure(self, replicas: Sequence[Replica], data: Data, *, seed: int) -> dict[str, Reading]:  # noqa: ARG002
        """Return `input_dispersion` and `target_dispersion`."""
        import numpy as np

        from prunescope_datageometry.dispersion import dispersion_score, mean_squared_distances

        points, labels = _pixels(data, self.images)
        classes = data.objective == CLASSIFICATION
        targets = np.eye(data.num_classes)[labels] if classes else labels.reshape(len(labels), -1).astype(np.float64)
        scores = {
            "input_dispersion": (points, self.clusters),
            "target_dispersion": (targets, self.target_clusters),
        }
        return {
            name: Reading(
                dispersion_score(mean_squared_distances(of), clusters, seed=seed),
                unit="1",
                n=len(points),
                estimator=f"k-medoids, k = {clusters}",
            )
            for name, (of, clusters) in scores.items()
        }


def _pixels(data: Data, count: int) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """Return the first images as float64 rows, and their labels."""
    import numpy as np

    batches = list(data.train.batches(count, limit=1))
    images, labels = batches[0]
    rows = images.flatten(1).double().cpu().numpy()
    return np.ascontiguousarray(rows), labels.cpu().numpy()
