"""Distances of replicas in weight space."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from prunescope.api import Data, Mask, Probe, Reading, Replica


@dataclass(frozen=True, kw_only=True)
class Distance(Probe):
    """Distance of two replicas: weights and masks. Relative L2 distance, cosine, Jaccard and Hamming distance."""

    replicas = 2

    needs_data = False

    citations = ("frankle2020linear", "fort2019deep")

    def passes(self, *, replicas: int, train: int, test: int) -> float:
        """No image."""
        del replicas, train, test
        return 0.0

    def measure(self, replicas: Sequence[Replica], data: Data, *, seed: int) -> dict[str, Reading]:
        """Return `l2`, `cosine`, `mask_jaccard`, `mask_hamming` and `layer_l2`."""
        del data, seed
        import numpy as np

        from prunescope.landscape.distance import cosine, hamming, jaccard, relative_l2

        first, second = ({name: p.detach() for name, p in each.model.named_parameters()} for each in replicas)
        layers = {name: {name: weight} for name, weight in first.items() if weight.ndim > 1}
        by_layer = np.array([relative_l2(mine, {name: second[name]}) for name, mine in layers.items()])
        masks, how = self._masks(replicas)
        readings = {
            "l2": Reading(relative_l2(first, second), "1", estimator="all parameters, relative to their length"),
            "cosine": Reading(cosine(first, second), "1", estimator="all parameters"),
            "mask_jaccard": Reading(jaccard(*masks), "fraction", estimator=f"1 - both / either, {how}"),
            "mask_hamming": Reading(hamming(*masks), "fraction", estimator=f"kept by one alone, {how}"),
        }
        if layers:
            where = "relative L2 distance of each weight tensor"
            readings["layer_l2"] = Reading(by_layer, "1", estimator=where, axes=("layer",), labels=tuple(layers))
        return readings

    def _masks(self, replicas: Sequence[Replica]) -> tuple[tuple[Mask, Mask], str]:
        """Return the masks of both; of weights that are not zero where one has none."""
        from prunescope.networks import models

        first, second = (each.mask for each in replicas)
        if first is not None and second is not None:
            return (first, second), "of the masks"
        weights = [models.prunable(each.model) for each in replicas]
        one, other = (Mask({name: w.detach() != 0 for name, w in side.items()}) for side in weights)
        return (one, other), "of non-zero weights"
