"""CKA of many layers of replicas in bounded memory: exact where the kernels fit, else from mini-batches."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from prunescope.landscape.features import layer_batches, layer_sizes, layers_features
from prunescope.landscape.similarity import kernel, minibatch_cka

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from torch import Tensor, nn

    from prunescope.api import Split
    from prunescope.landscape.similarity import Kernel

AT_ONCE = 4 << 30
"""Bytes up to which several layers are taken from one pass, where no other bound is given."""


@dataclass(frozen=True)
class Plan:
    """Which layers to take from one pass over the images, and which do not fit."""

    together: tuple[tuple[str, ...], ...]
    """Groups of layers whose kernels are exact; the layers of a group are in memory together."""
    streamed: tuple[str, ...]
    """Layers that need more memory than there may be."""


def needed(features: int, *, images: int, replicas: int) -> int:
    """Return the bytes that the exact CKA of one layer takes: one replica's features, and the kernels of all.

    Features are float32, and copied once while they are collected; kernels are float64, of min(features, images)
    columns.

    >>> needed(10, images=100, replicas=3)
    32000
    """
    return 8 * images * features + 8 * replicas * images * min(features, images)


def plan(sizes: Mapping[str, int], *, images: int, replicas: int, memory: int | None) -> Plan:
    """Divide layers, given their numbers of features, among passes; `memory` in bytes, None for as much as it takes.

    >>> plan({"a": 5, "b": 5, "c": 50}, images=100, replicas=2, memory=24_000)
    Plan(together=(('a', 'b'),), streamed=('c',))
    """
    groups: list[tuple[list[str], int]] = []
    streamed = []
    for layer, features in sizes.items():
        size = needed(features, images=images, replicas=replicas)
        if memory is not None and size > memory:
            streamed.append(layer)
        elif groups and groups[-1][1] + size <= (AT_ONCE if memory is None else memory):
            groups[-1] = ([*groups[-1][0], layer], groups[-1][1] + size)
        else:
            groups.append(([layer], size))
    return Plan(tuple(tuple(layers) for layers, _ in groups), tuple(streamed))


def plan_for(
    models: Sequence[nn.Module], layers: Sequence[str], split: Split, *, images: int, memory: int | None
) -> Plan:
    """Divide the layers of `models` among passes; see `plan`."""
    sizes = layer_sizes(models[0], layers, split) if layers else {}
    return plan(sizes, images=min(images, len(split)), replicas=len(models), memory=memory)


def kernels(
    models: Sequence[nn.Module], layers: Sequence[str], split: Split, *, images: int, batch_size: int
) -> dict[str, list[Kernel]]:
    """Return the kernels of all models for every layer, from one pass of each model over the images."""
    found: dict[str, list[Kernel]] = {layer: [] for layer in layers}
    for model in models:
        features = layers_features(model, layers, split, images=images, batch_size=batch_size)
        for layer in layers:
            found[layer].append(kernel(features.pop(layer)))
    return found


def streamed_cka(
    models: Sequence[nn.Module], layer: str, split: Split, *, images: int, batch_size: int
) -> tuple[list[float], int]:
    """CKA of every pair at one layer from mini-batches, and the number of images: see `similarity.minibatch_cka`."""

    def batches() -> Iterator[list[Tensor]]:
        options = {"images": images, "batch_size": batch_size}
        for found in zip(*(layer_batches(model, [layer], split, **options) for model in models), strict=True):
            yield [batch[layer] for batch in found]

    return minibatch_cka(batches())
