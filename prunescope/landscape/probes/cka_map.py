"""Similarity of every layer of one replica to every layer of another."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Literal

from prunescope.api import Data, Option, Probe, Reading, Replica
from prunescope.api.errors import UsageError
from prunescope.landscape.probes.batches import ProbeBatchSize

if TYPE_CHECKING:
    from prunescope.landscape.similarity import Kernel


@dataclass(frozen=True, kw_only=True)
class CkaMap(Probe):
    """Linear CKA of every layer with every other, as a map. Of two replicas (Kornblith 2019)."""

    layers: Annotated[tuple[str, ...], Option("layers by name or pattern; empty: convolutions and linear layers")] = ()
    estimator: Annotated[Literal["biased", "debiased"], Option("HSIC estimator")] = "debiased"
    images: Annotated[int, Option("number of training images", minimum=4)] = 512
    batch_size: ProbeBatchSize = 256

    replicas = 2

    citations = ("kornblith2019similarity", "song2012feature")

    def passes(self, *, replicas: int, train: int, test: int) -> float:
        """One per layer; a dozen layers are assumed where they are not named."""
        del test
        return float(replicas * min(self.images, train) * (len(self.layers) or 12))

    def measure(self, replicas: Sequence[Replica], data: Data, *, seed: int) -> dict[str, Reading]:
        """Return `map` (layers of A by layers of B), `diagonal` (the same layer in both), and `best_layer`.

        Layers whose features are the same for all images in either replica are left out: CKA is undefined.
        """
        del seed
        import numpy as np

        from prunescope.landscape.similarity import cka

        first, second = ({name: self._kernel(each, name, data) for name in self._names(each)} for each in replicas)
        names = [
            name for name in first if name in second and first[name].diagonal.any() and second[name].diagonal.any()
        ]
        if not names:
            raise UsageError("no layer's features vary in both replicas", fix="name other layers, or train longer")
        debiased = self.estimator == "debiased"
        values = np.array([[cka(first[a], second[b], debiased=debiased) for b in names] for a in names])
        how, n, labels = f"linear CKA, {self.estimator}", first[names[0]].n, tuple(names)
        best = (values.argmax(1) == np.arange(len(names))).mean()
        return {
            "map": Reading(values, "1", n=n, estimator=how, axes=("layer_a", "layer_b"), labels=labels),
            "diagonal": Reading(values.diagonal().copy(), "1", n=n, estimator=how, axes=("layer",), labels=labels),
            "best_layer": Reading(float(best), "fraction", n=n, estimator="layers most similar to the same layer"),
        }

    def _names(self, replica: Replica) -> list[str]:
        from prunescope.landscape.features import match_layers
        from prunescope.networks.models import prunable

        if self.layers:
            return match_layers(replica.model, self.layers)
        return [name.removesuffix(".weight") for name in prunable(replica.model, linear=True) if "." in name]

    def _kernel(self, replica: Replica, layer: str, data: Data) -> Kernel:
        from prunescope.landscape.features import layer_features
        from prunescope.landscape.similarity import kernel

        size = {"images": self.images, "batch_size": self.batch_size}
        return kernel(layer_features(replica.model, layer, data.train, **size))
