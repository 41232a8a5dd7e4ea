"""Similarity of replicas by centred kernel alignment."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Literal

from prunescope.api import CLASSIFICATION, Data, Option, Probe, Reading, Replica, Split
from prunescope.landscape.probes.batches import ProbeBatchSize
from prunescope.landscape.probes.readings import constant

if TYPE_CHECKING:
    from prunescope.landscape.similarity import Kernel


@dataclass(frozen=True, kw_only=True)
class Cka(Probe):
    """Linear CKA of two replicas. On training images: softmax outputs, logits, layers."""

    outputs: Annotated[Literal["softmax", "logits", "both"], Option("outputs of the network to compare")] = "softmax"
    layers: Annotated[tuple[str, ...], Option("additional layers, by name or pattern (*: every layer)")] = ()
    estimator: Annotated[Literal["biased", "debiased", "both"], Option("HSIC estimator")] = "biased"
    images: Annotated[int, Option("number of training images", minimum=4)] = 6464
    batch_size: ProbeBatchSize = 256
    memory: Annotated[
        float | None, Option("GiB for the layers; a larger layer is approximated from mini-batches", minimum=0)
    ] = None

    replicas = "any"

    citations = ("kornblith2019similarity", "nguyen2021widedeep", "song2012feature", "zhou2023three")

    def passes(self, *, replicas: int, train: int, test: int) -> float:
        """One over the images for the outputs, and one for the layers, which takes more where they are too large."""
        del test
        return float(replicas * min(self.images, train) * (1 + bool(self.layers)))

    def measure(self, replicas: Sequence[Replica], data: Data, *, seed: int) -> dict[str, Reading]:
        """Return `softmax`, `logits` and `layer.<name>` for every pair, `_debiased` appended where both are asked for.

        `softmax` is what the objective of the data compares, the softmax outputs of classification. A reading is left
        out where a replica's features are the same for all images: CKA is undefined. `constant` shows for each
        replica whether its softmax outputs (or logits, where only they are asked for) are.
        """
        del seed
        readings: dict[str, Reading] = {}
        outputs = self._output_kernels(replicas, data)
        readings["constant"] = constant(next(iter(outputs.values())))
        for name, kernels in outputs.items():
            readings |= self._readings(name, kernels, of=_words(name, data))
        return readings | (self._layer_readings(replicas, data.train) if self.layers else {})

    def _layer_readings(self, replicas: Sequence[Replica], split: Split) -> dict[str, Reading]:
        """As many layers from one pass as fit in memory; those that do not fit alone are read from mini-batches."""
        from prunescope.landscape import layerwise
        from prunescope.landscape.features import match_layers

        models = [replica.model for replica in replicas]
        layers = match_layers(models[0], self.layers)
        room = None if self.memory is None else int(self.memory * 2**30)
        plan = layerwise.plan_for(models, layers, split, images=self.images, memory=room)
        size = {"images": self.images, "batch_size": self.batch_size}
        readings: dict[str, Reading] = {}
        for group in plan.together:
            for layer, kernels in layerwise.kernels(models, group, split, grams=plan.grams, **size).items():
                readings |= self._readings(f"layer.{layer}", kernels)
        for layer in plan.streamed:
            readings |= self._streamed(f"layer.{layer}", *layerwise.streamed_cka(models, layer, split, **size))
        return {
            f"layer.{layer}{end}": readings[f"layer.{layer}{end}"]
            for layer in layers
            for end in ("", "_debiased")
            if f"layer.{layer}{end}" in readings
        }

    def _streamed(self, name: str, values: Sequence[float], images: int) -> dict[str, Reading]:
        import numpy as np

        how = f"linear CKA, debiased, from mini-batches of {self.batch_size}"
        key = f"{name}_debiased" if self.estimator == "both" else name
        found = Reading(np.array(values), "1", n=images, estimator=how, axes=("pair",))
        return {key: found} if np.isfinite(values).all() else {}

    def _output_kernels(self, replicas: Sequence[Replica], data: Data) -> dict[str, list[Kernel]]:
        from prunescope.landscape.features import output_logits
        from prunescope.landscape.similarity import kernel

        names = ["softmax", "logits"] if self.outputs == "both" else [self.outputs]
        kernels: dict[str, list[Kernel]] = {name: [] for name in names}
        for replica in replicas:
            found = output_logits(replica.model, data.train, images=self.images, batch_size=self.batch_size)
            for name in names:
                shown = data.objective.representation(found) if name == "softmax" else found.flatten(1)
                kernels[name].append(kernel(shown))
        return kernels

    def _readings(self, name: str, kernels: Sequence[Kernel], *, of: str = "") -> dict[str, Reading]:
        import numpy as np

        from prunescope.landscape.similarity import pairwise_cka

        readings = {}
        for how in ("biased", "debiased") if self.estimator == "both" else (self.estimator,):
            values = np.array(pairwise_cka(kernels, debiased=how == "debiased"))
            key = f"{name}_debiased" if self.estimator == "both" and how == "debiased" else name
            if np.isfinite(values).all():
                readings[key] = Reading(values, "1", n=kernels[0].n, estimator=f"linear CKA, {how}{of}", axes=("pair",))
        return readings


def _words(name: str, data: Data) -> str:
    """Say what is compared where "softmax" names something else: the outputs as the objective represents them."""
    shown = data.objective.representation_name
    return f", of {shown}" if name == "softmax" and shown != CLASSIFICATION.representation_name else ""
