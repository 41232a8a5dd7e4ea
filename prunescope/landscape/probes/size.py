"""Density, operations, bytes and latency."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated

from prunescope.api import Data, Option, Probe, Reading, Replica

if TYPE_CHECKING:
    from torch import Tensor, nn


@dataclass(frozen=True, kw_only=True)
class Size(Probe):
    """Density, compression, operations, bytes and latency. Of one model; bytes and latency are measured."""

    latency_repeats: Annotated[int, Option("timed forward passes; 0 measures no latency", minimum=0)] = 30
    latency_batch: Annotated[int, Option("images per timed forward pass", minimum=1)] = 1

    replicas = 1

    citations = ("blalock2020state",)

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
        what = f"forward pass of {self.latency_batch} image(s); zeros are multiplied: a mask does not reduce the time"
        return {
            "latency": Reading(found.median, "second", n=found.n, estimator=f"median, {what}"),
            "latency_spread": Reading(found.spread, "second", n=found.n, estimator=f"interquartile range, {what}"),
        }


def _densities(replica: Replica) -> dict[str, Reading]:
    """Return the density of the mask, or of the non-zero prunable weights where there is none."""
    import numpy as np

    from prunescope.api import Mask
    from prunescope.networks import masks, models

    weights = models.prunable(replica.model)
    mask = replica.mask or Mask({name: weight != 0 for name, weight in weights.items()})
    if not mask.n_weights:
        return {}
    how = "kept by the mask" if replica.mask else "non-zero, no mask given"
    layers = masks.per_layer_density(mask)
    values = np.array(list(layers.values()))
    return {
        "density": Reading(masks.density(mask), "fraction", estimator=how),
        "whole_density": Reading(masks.whole_density(replica.model, mask), "fraction", estimator=how),
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
        limit = "operations of all weights / of non-zero ones, a bound: a mask alone does not reduce the run time"
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
    """Return black images, or inputs of zeros, that fit the model."""
    import torch

    weight = next(model.parameters())
    one = next(inputs for inputs, _ in data.train.batches(1, limit=1))
    kind = weight.dtype if one.is_floating_point() else one.dtype
    blank = torch.zeros((images, *one.shape[1:]), device=weight.device, dtype=kind)
    return blank.contiguous(memory_format=torch.channels_last) if blank.dim() == 4 else blank
