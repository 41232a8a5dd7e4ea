"""The probes that come with prunescope: thin shells around `prunescope.landscape`, which defines what they measure."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Literal

from prunescope.api import Data, Option, Probe, Reading, Replica, Split
from prunescope.builtin.readings import by_pair, constant, of_connectivity, single

if TYPE_CHECKING:
    from torch import Generator, Tensor, nn

    from prunescope.landscape.connectivity import Connectivity
    from prunescope.landscape.similarity import Kernel

BatchSize = Annotated[int, Option("images per batch", minimum=1)]
LimitBatches = Annotated[int | None, Option("use only so many batches of each split", minimum=1)]


@dataclass(frozen=True, kw_only=True)
class Errors(Probe):
    """Cross-entropy, top-1 and top-5 error on un-augmented training and test images, in eval mode."""

    batch_size: BatchSize = 256
    limit_batches: LimitBatches = None

    replicas = 1

    def passes(self, *, replicas: int, train: int, test: int) -> float:
        """One pass over both splits."""
        return float(replicas * sum(_limited(self.limit_batches, self.batch_size, images) for images in (train, test)))

    def measure(self, replicas: Sequence[Replica], data: Data, *, seed: int) -> dict[str, Reading]:
        """Return `<split>_error`, `<split>_error_top5` (fractions) and `<split>_loss` (nat) for train and test."""
        del seed
        from prunescope.landscape.estimate import mean
        from prunescope.landscape.evaluate import outcomes

        readings = {}
        for side, split in (("train", data.train), ("test", data.test)):
            found = outcomes(replicas[0].model, split, batch_size=self.batch_size, limit=self.limit_batches)
            readings[f"{side}_error"] = single(mean(found.wrong), "fraction", estimator="top-1")
            readings[f"{side}_error_top5"] = single(mean(found.wrong_top5), "fraction", estimator="top-5")
            readings[f"{side}_loss"] = single(mean(found.loss), "nat", estimator="cross-entropy")
        return readings


@dataclass(frozen=True, kw_only=True)
class Lmc(Probe):
    """Linear mode connectivity and barrier of replicas: errors and losses along the line between them."""

    points: Annotated[int, Option("points on the line, both ends included", minimum=3)] = 11
    batch_size: Annotated[int, Option("images per batch; BatchNorm is re-estimated in these batches", minimum=2)] = 256
    limit_batches: LimitBatches = None
    test: Annotated[bool, Option("measure along the line on the test images too")] = True

    replicas = "any"

    def passes(self, *, replicas: int, train: int, test: int) -> float:
        """Two over the training images and one over the test images per point; pairs share their end points."""
        points = replicas + math.comb(replicas, 2) * (self.points - 2)
        seen, held_out = (_limited(self.limit_batches, self.batch_size, images) for images in (train, test))
        return float(points * (2 * seen + (held_out if self.test else 0)))

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
        readings = of_connectivity("train", error["train"], loss["train"], how=how)
        return readings | (of_connectivity("test", error["test"], loss["test"], how=how) if self.test else {})


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

    def passes(self, *, replicas: int, train: int, test: int) -> float:
        """One over the images for the outputs, one more for every layer (a pattern counts as one)."""
        del test
        return float(replicas * min(self.images, train) * (1 + len(self.layers)))

    def measure(self, replicas: Sequence[Replica], data: Data, *, seed: int) -> dict[str, Reading]:
        """Return `softmax`, `logits` and `layer.<name>` for every pair, `_debiased` appended where both are asked for.

        A reading is left out where a replica's features are the same for all images: CKA is undefined. `constant`
        tells for each replica whether its softmax outputs (or logits, where only they are asked for) are.
        """
        del seed
        readings: dict[str, Reading] = {}
        outputs = self._output_kernels(replicas, data.train)
        readings["constant"] = constant(next(iter(outputs.values())))
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

    def passes(self, *, replicas: int, train: int, test: int) -> float:
        """One pass over both splits by every replica."""
        return float(replicas * sum(_limited(self.limit_batches, self.batch_size, images) for images in (train, test)))

    def measure(self, replicas: Sequence[Replica], data: Data, *, seed: int) -> dict[str, Reading]:
        """Return `<split>_disagreement` (fraction) and `<split>_jensen_shannon` (nat) for test and train, per pair."""
        del seed
        from prunescope.landscape.disagreement import disagreements

        models = [replica.model for replica in replicas]
        readings = {}
        for side, split in (("test", data.test), ("train", data.train)):
            found = disagreements(models, split, batch_size=self.batch_size, limit=self.limit_batches)
            readings[f"{side}_disagreement"] = by_pair(
                [pair.disagreement for pair in found], "fraction", estimator="classes of the largest logit"
            )
            readings[f"{side}_jensen_shannon"] = by_pair(
                [pair.jensen_shannon for pair in found], "nat", estimator="of softmax outputs"
            )
        return readings


@dataclass(frozen=True, kw_only=True)
class Hessian(Probe):
    """Trace and top eigenvalues of the Hessian of the training loss, over the kept weights."""

    batch_size: Annotated[int, Option("training images per batch", minimum=1)] = 64
    batches: Annotated[int, Option("how many training batches, from the first on", minimum=1)] = 8
    vectors: Annotated[int, Option("random vectors per batch for the trace", minimum=2)] = 8
    top: Annotated[int, Option("how many of the largest eigenvalues; 0 measures the trace alone", minimum=0)] = 1
    tolerance: Annotated[float, Option("relative residual at which an eigenvalue is good enough", minimum=0)] = 1e-3
    max_products: Annotated[int, Option("most products with all batches for the eigenvalues", minimum=1)] = 200

    replicas = 1

    def passes(self, *, replicas: int, train: int, test: int) -> float:
        """Count 3 passes for a graph, 6 for a product, and about a dozen products for one eigenvalue."""
        del test
        products = min(self.max_products, 10 + 2 * self.top) if self.top else 0
        return float(replicas * _limited(self.batches, self.batch_size, train) * (3 + 6 * self.vectors + 9 * products))

    def measure(self, replicas: Sequence[Replica], data: Data, *, seed: int) -> dict[str, Reading]:
        """Return `trace`, `top_eigenvalues`, `eigenvalue_residuals` and `products` (of one batch each)."""
        import torch

        from prunescope.landscape.hutchinson import trace

        replica, generator = replicas[0], torch.Generator().manual_seed(seed)
        batches = list(data.train.batches(self.batch_size, limit=self.batches))
        found = trace(replica.model, batches, vectors=self.vectors, generator=generator, mask=replica.mask)
        how = f"Hutchinson, {self.vectors} Rademacher vectors for each of {len(batches)} batches"
        readings = {"trace": single(found.estimate, "nat/weight^2", estimator=how)}
        products = found.products
        if self.top:
            more, used = self._eigenvalues(replica, batches, generator)
            readings |= more
            products += used
        return readings | {"products": Reading(float(products), "1", estimator="Hessian-vector products of one batch")}

    def _eigenvalues(
        self, replica: Replica, batches: Sequence[tuple[Tensor, Tensor]], generator: Generator
    ) -> tuple[dict[str, Reading], int]:
        """Return the readings and the number of products of one batch."""
        from prunescope.landscape.sharpness import top_eigenvalues

        found = top_eigenvalues(
            replica.model,
            batches,
            count=self.top,
            generator=generator,
            mask=replica.mask,
            tolerance=self.tolerance,
            max_products=self.max_products,
        )
        n = sum(len(labels) for _, labels in batches)
        unit, axes = "nat/weight^2", ("index",)
        readings = {
            "top_eigenvalues": Reading(found.values.numpy(), unit, n=n, estimator="Lanczos, largest first", axes=axes),
            "eigenvalue_residuals": Reading(
                found.residuals.numpy(), unit, n=n, estimator="an eigenvalue lies within this distance", axes=axes
            ),
        }
        return readings, found.products * len(batches)


@dataclass(frozen=True, kw_only=True)
class Size(Probe):
    """Density, compression, operations, stored bytes and measured latency of one model."""

    latency_repeats: Annotated[int, Option("timed forward passes; 0 measures no latency", minimum=0)] = 30
    latency_batch: Annotated[int, Option("images per timed forward pass", minimum=1)] = 1

    replicas = 1

    def passes(self, *, replicas: int, train: int, test: int) -> float:
        """One image for the operations, and the timed ones; the data do not matter."""
        del train, test
        return float(replicas * (1 + (self.latency_repeats + 3) * self.latency_batch * (self.latency_repeats > 0)))

    def measure(self, replicas: Sequence[Replica], data: Data, *, seed: int) -> dict[str, Reading]:
        """Return densities, `compression`, `theoretical_speedup`, `flops…`, `bytes_…` and `latency…`."""
        del seed
        model = replicas[0].model
        readings = _densities(replicas[0]) | _operations(model, data) | _storage(model)
        return readings | (self._latency(model, data) if self.latency_repeats else {})

    def _latency(self, model: nn.Module, data: Data) -> dict[str, Reading]:
        from prunescope.landscape.latency import latency

        found = latency(model, _blank(model, data, images=self.latency_batch), repeats=self.latency_repeats)
        what = f"forward pass of {self.latency_batch} image(s); zeros are multiplied: masking alone speeds nothing up"
        return {
            "latency": Reading(found.median, "second", n=found.n, estimator=f"median, {what}"),
            "latency_spread": Reading(found.spread, "second", n=found.n, estimator=f"interquartile range, {what}"),
        }


def _densities(replica: Replica) -> dict[str, Reading]:
    """Return the density of the mask, or of the non-zero prunable weights where there is none."""
    import numpy as np

    from prunescope import masks, models
    from prunescope.api import Mask

    weights = models.prunable(replica.model) or models.prunable(replica.model, linear=True)
    mask = replica.mask or Mask({name: weight != 0 for name, weight in weights.items()})
    if not mask.n_weights:
        return {}
    how = "kept by the mask" if replica.mask else "non-zero, no mask given"
    layers = masks.per_layer_density(mask)
    values = np.array(list(layers.values()))
    return {
        "density": Reading(masks.density(mask), "fraction", estimator=how),
        "layer_density": Reading(values, "fraction", estimator=how, axes=("layer",), labels=tuple(layers)),
    }


def _operations(model: nn.Module, data: Data) -> dict[str, Reading]:
    import numpy as np

    from prunescope.landscape.flops import layer_flops

    layers = layer_flops(model, _blank(model, data, images=1))
    dense, kept = sum(layer.dense for layer in layers.values()), sum(layer.kept for layer in layers.values())
    how = "convolutions and linear layers, one image, a multiply-add is two"
    by_layer = np.array([float(layer.dense) for layer in layers.values()])
    readings = {
        "flops": Reading(float(dense), "flop", estimator=how),
        "flops_kept": Reading(float(kept), "flop", estimator=f"{how}; of non-zero weights"),
        "layer_flops": Reading(by_layer, "flop", estimator=how, axes=("layer",), labels=tuple(layers)),
    }
    if kept:
        limit = "operations of all weights / of non-zero ones, a bound: masking alone speeds nothing up"
        readings["theoretical_speedup"] = Reading(dense / kept, "1", estimator=limit)
    return readings


def _storage(model: nn.Module) -> dict[str, Reading]:
    from prunescope.landscape.size import compression, dense_bytes, sparse_bytes

    sparse = "a bitmask and the non-zero float32 values per tensor, or dense where that is smaller"
    return {
        "compression": Reading(compression(model), "1", estimator="all parameters / non-zero parameters"),
        "bytes_dense": Reading(float(dense_bytes(model)), "byte", estimator="float32"),
        "bytes_sparse": Reading(float(sparse_bytes(model)), "byte", estimator=sparse),
    }


def _blank(model: nn.Module, data: Data, *, images: int) -> Tensor:
    """Return black images that fit the model."""
    import torch

    weight = next(model.parameters())
    shape = (images, data.in_chans, *data.image_size)
    return torch.zeros(shape, device=weight.device, dtype=weight.dtype).contiguous(memory_format=torch.channels_last)


def _limited(limit: int | None, batch_size: int, images: int) -> int:
    """Return how many images the first `limit` batches hold."""
    return images if limit is None else min(images, limit * batch_size)
