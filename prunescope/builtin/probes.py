"""The probes that come with prunescope: thin shells around `prunescope.landscape`, which defines what they measure."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Literal

from prunescope.api import Data, Option, Probe, Reading, Replica, Split

if TYPE_CHECKING:
    from torch import Tensor

    from prunescope.landscape.connectivity import Connectivity
    from prunescope.landscape.estimate import Estimate
    from prunescope.landscape.similarity import Kernel

BatchSize = Annotated[int, Option("images per batch", minimum=1)]
LimitBatches = Annotated[int | None, Option("use only so many batches of each split", minimum=1)]


@dataclass(frozen=True, kw_only=True)
class Errors(Probe):
    """Cross-entropy, top-1 and top-5 error on un-augmented training and test images, in eval mode."""

    batch_size: BatchSize = 256
    limit_batches: LimitBatches = None

    replicas = 1

    def measure(self, replicas: Sequence[Replica], data: Data, *, seed: int) -> dict[str, Reading]:
        """Return `<split>_error`, `<split>_error_top5` (fractions) and `<split>_loss` (nat) for train and test."""
        del seed
        from prunescope.landscape.estimate import mean
        from prunescope.landscape.evaluate import outcomes

        readings = {}
        for side, split in (("train", data.train), ("test", data.test)):
            found = outcomes(replicas[0].model, split, batch_size=self.batch_size, limit=self.limit_batches)
            readings[f"{side}_error"] = _single(mean(found.wrong), "fraction", estimator="top-1")
            readings[f"{side}_error_top5"] = _single(mean(found.wrong_top5), "fraction", estimator="top-5")
            readings[f"{side}_loss"] = _single(mean(found.loss), "nat", estimator="cross-entropy")
        return readings


@dataclass(frozen=True, kw_only=True)
class Lmc(Probe):
    """Linear mode connectivity and barrier of replicas: errors and losses along the line between them."""

    points: Annotated[int, Option("points on the line, both ends included", minimum=3)] = 11
    batch_size: Annotated[int, Option("images per batch; BatchNorm is re-estimated in these batches", minimum=2)] = 256
    limit_batches: LimitBatches = None
    test: Annotated[bool, Option("measure along the line on the test images too")] = True

    replicas = "any"

    def measure(self, replicas: Sequence[Replica], data: Data, *, seed: int) -> dict[str, Reading]:
        """Return `lmc`, `barrier`, `t_star`, their kin for loss and test images, and the paths, for every pair."""
        del seed
        from prunescope.landscape.connectivity import errors, lines, losses

        train, test = data.train, data.test if self.test else None
        models, masks = [replica.model for replica in replicas], [replica.mask for replica in replicas]
        size = {"points": self.points, "batch_size": self.batch_size}
        error: dict[str, list[Connectivity]] = {"train": [], "test": []}
        loss: dict[str, list[Connectivity]] = {"train": [], "test": []}
        for line in lines(models, train, test=test, masks=masks, limit=self.limit_batches, **size):
            for side, points in (("train", line.train), ("test", line.test)):
                if points is not None:
                    error[side].append(errors(points))
                    loss[side].append(losses(points))
        how = f"{self.points} points, BatchNorm re-estimated in batches of {self.batch_size}"
        readings = _connectivity("train", error["train"], loss["train"], how=how)
        return readings | (_connectivity("test", error["test"], loss["test"], how=how) if self.test else {})


@dataclass(frozen=True, kw_only=True)
class Cka(Probe):
    """Linear CKA of replicas on un-augmented training images: softmax outputs, logits, layers."""

    outputs: Annotated[Literal["softmax", "logits", "both"], Option("which outputs of the network to compare")] = (
        "softmax"
    )
    layers: Annotated[tuple[str, ...], Option("layers to compare too, by name or pattern (* is every layer)")] = ()
    estimator: Annotated[Literal["biased", "debiased", "both"], Option("HSIC estimator")] = "biased"
    images: Annotated[int, Option("how many training images, from the first on", minimum=4)] = 6464
    batch_size: BatchSize = 256

    replicas = "any"

    def measure(self, replicas: Sequence[Replica], data: Data, *, seed: int) -> dict[str, Reading]:
        """Return `softmax`, `logits` and `layer.<name>` for every pair, `_debiased` appended where both are asked for.

        A reading is left out where a replica's features are the same for all images: CKA is undefined. `constant`
        tells for each replica whether its softmax outputs (or logits, where only they are asked for) are.
        """
        del seed
        readings: dict[str, Reading] = {}
        outputs = self._output_kernels(replicas, data.train)
        readings["constant"] = _constant(next(iter(outputs.values())))
        for name, kernels in outputs.items():
            readings |= self._readings(name, kernels)
        for layer in self._layers(replicas[0]):
            readings |= self._readings(f"layer.{layer}", self._layer_kernels(replicas, layer, data.train))
        return readings

    def _output_kernels(self, replicas: Sequence[Replica], split: Split) -> dict[str, list[Kernel]]:
        from prunescope.landscape.features import output_logits, softmax
        from prunescope.landscape.similarity import kernel

        names = ["softmax", "logits"] if self.outputs == "both" else [self.outputs]
        kernels: dict[str, list[Kernel]] = {name: [] for name in names}
        for replica in replicas:
            found = output_logits(replica.model, split, images=self.images, batch_size=self.batch_size)
            for name in names:
                kernels[name].append(kernel(softmax(found) if name == "softmax" else found))
        return kernels

    def _layers(self, replica: Replica) -> list[str]:
        from prunescope.landscape.features import match_layers

        return match_layers(replica.model, self.layers)

    def _layer_kernels(self, replicas: Sequence[Replica], layer: str, split: Split) -> list[Kernel]:
        """One layer at a time: the features of all layers of all replicas together may not fit in memory."""
        from prunescope.landscape.features import layer_features
        from prunescope.landscape.similarity import kernel

        def features(replica: Replica) -> Tensor:
            return layer_features(replica.model, layer, split, images=self.images, batch_size=self.batch_size)

        return [kernel(features(replica)) for replica in replicas]

    def _readings(self, name: str, kernels: Sequence[Kernel]) -> dict[str, Reading]:
        import numpy as np

        from prunescope.landscape.similarity import pairwise_cka

        readings = {}
        for how in ("biased", "debiased") if self.estimator == "both" else (self.estimator,):
            values = np.array(pairwise_cka(kernels, debiased=how == "debiased"))
            key = f"{name}_debiased" if self.estimator == "both" and how == "debiased" else name
            if np.isfinite(values).all():
                readings[key] = Reading(values, "1", n=kernels[0].n, estimator=f"linear CKA, {how}", axes=("pair",))
        return readings


@dataclass(frozen=True, kw_only=True)
class Disagreement(Probe):
    """How often replicas predict different classes, and the Jensen–Shannon divergence of their predictions."""

    batch_size: BatchSize = 256
    limit_batches: LimitBatches = None

    replicas = "any"

    def measure(self, replicas: Sequence[Replica], data: Data, *, seed: int) -> dict[str, Reading]:
        """Return `<split>_disagreement` (fraction) and `<split>_jensen_shannon` (nat) for test and train, per pair."""
        del seed
        from prunescope.landscape.disagreement import disagreements

        models = [replica.model for replica in replicas]
        readings = {}
        for side, split in (("test", data.test), ("train", data.train)):
            found = disagreements(models, split, batch_size=self.batch_size, limit=self.limit_batches)
            readings[f"{side}_disagreement"] = _pairs([pair.disagreement for pair in found], "fraction", estimator="")
            readings[f"{side}_jensen_shannon"] = _pairs([pair.jensen_shannon for pair in found], "nat", estimator="")
        return readings


def _connectivity(
    side: str, error: Sequence[Connectivity], loss: Sequence[Connectivity], *, how: str
) -> dict[str, Reading]:
    """Return the readings of one side: "lmc" and its kin for train, "lmc_test" and its kin for test."""
    import numpy as np

    tail = "" if side == "train" else f"_{side}"
    star = np.array([pair.t_star for pair in error])
    return {
        f"lmc{tail}": _pairs([pair.lmc for pair in error], "fraction", estimator=how),
        f"barrier{tail}": _pairs([pair.barrier for pair in error], "fraction", estimator=how),
        f"t_star{tail}": Reading(star, "1", estimator=how, axes=("pair",)),
        f"lmc{tail}_loss": _pairs([pair.lmc for pair in loss], "nat", estimator=how),
        f"barrier{tail}_loss": _pairs([pair.barrier for pair in loss], "nat", estimator=how),
        f"{side}_error_path": _paths(error, "fraction", estimator=how),
        f"{side}_loss_path": _paths(loss, "nat", estimator=how),
    }


def _single(estimate: Estimate, unit: str, *, estimator: str) -> Reading:
    stderr = None if math.isnan(estimate.stderr) else estimate.stderr
    return Reading(estimate.value, unit, n=estimate.n, stderr=stderr, estimator=estimator)


def _pairs(estimates: Sequence[Estimate], unit: str, *, estimator: str) -> Reading:
    """Return one reading with the axis "pair"."""
    import numpy as np

    values, errors = np.array([e.value for e in estimates]), np.array([e.stderr for e in estimates])
    stderr = errors if np.isfinite(errors).all() else None
    return Reading(values, unit, n=estimates[0].n, stderr=stderr, estimator=estimator, axes=("pair",))


def _paths(pairs: Sequence[Connectivity], unit: str, *, estimator: str) -> Reading:
    """Return one reading with the axes "pair" and "t"."""
    import numpy as np

    values = np.array([[point.value for point in pair.path] for pair in pairs])
    errors = np.array([[point.stderr for point in pair.path] for pair in pairs])
    stderr = errors if np.isfinite(errors).all() else None
    n, labels = pairs[0].path[0].n, tuple(f"{t:g}" for t in np.linspace(0, 1, values.shape[1]))
    return Reading(values, unit, n=n, stderr=stderr, estimator=estimator, axes=("pair", "t"), labels=labels)


def _constant(kernels: Sequence[Kernel]) -> Reading:
    import numpy as np

    flags = np.array([float(not found.diagonal.any()) for found in kernels])
    how = "1 where the network's outputs are the same for all images"
    return Reading(flags, "1", n=kernels[0].n, estimator=how, axes=("replica",))
