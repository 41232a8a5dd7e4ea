"""CKA of many layers of replicas in bounded memory: exact where the kernels fit, else from mini-batches."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from prunescope.api.room import scaled_bytes
from prunescope.landscape.features import layer_batches, layer_sizes, layers_features
from prunescope.landscape.similarity import kernel, minibatch_cka

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping, Sequence

    import torch
    from torch import Tensor, nn

    from prunescope.api import Split
    from prunescope.landscape.similarity import Kernel

AT_ONCE = 4 << 30
"""Bytes up to which several layers are taken from one pass, where no other bound is given."""


SHARE = 0.7
"""Of the free memory of a GPU, what the features and kernels of a pass may take."""


@dataclass(frozen=True)
class LayerPlan:
    """Which layers to take from one pass over the images, and which do not fit."""

    together: tuple[tuple[str, ...], ...]
    """Groups of layers whose kernels are exact; the layers of a group are in memory together."""
    grams: frozenset[str]
    """Layers whose kernels are best kept as Gram matrices although they have fewer features than images."""
    streamed: tuple[str, ...]
    """Layers that need more memory than there may be."""


def gram_pays(features: int, *, images: int, replicas: int) -> bool:
    """Whether Gram matrices take fewer operations than comparing all pairs of replicas by their features.

    Formula: r Gram matrices take about r · n²p operations, the half of each above its diagonal; r (r + 1) / 2
    comparisons in feature space, each replica with itself too, take r (r + 1) · np².

    >>> gram_pays(1000, images=5000, replicas=2), gram_pays(1000, images=5000, replicas=5)
    (False, True)
    """
    return (replicas + 1) * features > images


def needed(features: int, *, images: int, replicas: int, gram: bool) -> int:
    """Return the bytes that the exact CKA of one layer takes: one replica's features, and the kernels of all.

    Features are float32, and copied once while they are collected; kernels are float64, of as many columns as there are
    features, or images if `gram`.

    >>> needed(10, images=100, replicas=3, gram=False)
    32000
    """
    return 8 * images * features + 8 * replicas * images * (images if gram else features)


def plan(
    sizes: Mapping[str, int], *, images: int, replicas: int, memory: int | None, at_once: int = AT_ONCE
) -> LayerPlan:
    """Divide layers, given their numbers of features, among passes; `memory` in bytes, None for as much as it takes.

    at_once: bytes up to which several layers are taken from one pass where `memory` is None.

    >>> plan({"a": 5, "b": 5, "c": 50, "d": 500}, images=100, replicas=2, memory=210_000)
    LayerPlan(together=(('a', 'b'), ('c',)), grams=frozenset({'c'}), streamed=('d',))
    """
    groups: list[list[str]] = []
    streamed, grams, room, left = [], set(), at_once if memory is None else memory, 0
    bound = AT_ONCE if memory is None else memory
    for layer, features in sizes.items():
        gram = features > images
        if not gram and gram_pays(features, images=images, replicas=replicas):
            gram = needed(features, images=images, replicas=replicas, gram=True) <= bound
            grams |= {layer} if gram else set()
        size = needed(features, images=images, replicas=replicas, gram=gram)
        if memory is not None and size > memory:
            streamed.append(layer)
        elif groups and size <= left:
            groups[-1].append(layer)
            left -= size
        else:
            groups.append([layer])
            left = room - size
    return LayerPlan(tuple(map(tuple, groups)), frozenset(grams), tuple(streamed))


def plan_for(
    models: Sequence[nn.Module], layers: Sequence[str], split: Split, *, images: int, memory: int | None
) -> LayerPlan:
    """Divide the layers of `models` among passes; see `plan`."""
    sizes = layer_sizes(models[0], layers, split) if layers else {}
    room = at_once(next(models[0].parameters()).device)
    return plan(sizes, images=min(images, len(split)), replicas=len(models), memory=memory, at_once=room)


def at_once(device: torch.device) -> int:
    """Return the bytes up to which several layers are taken from one pass: on a GPU most of what is free.

    It decides how many passes there are, and changes no number.
    """
    if device.type != "cuda":
        return scaled_bytes(AT_ONCE)
    import torch

    free, _ = torch.cuda.mem_get_info(device)
    unused = free + torch.cuda.memory_reserved(device) - torch.cuda.memory_allocated(device)
    return scaled_bytes(max(AT_ONCE, int(SHARE * unused)))


def kernels(
    models: Sequence[nn.Module],
    layers: Sequence[str],
    split: Split,
    *,
    images: int,
    batch_size: int,
    grams: Collection[str] = (),
) -> dict[str, list[Kernel]]:
    """Return the kernels of all models for every layer, from one pass of each model.

    grams: layers whose kernels are to be Gram matrices although they have fewer features than images.
    """
    found: dict[str, list[Kernel]] = {layer: [] for layer in layers}
    for model in models:
        features = layers_features(model, layers, split, images=images, batch_size=batch_size)
        for layer in layers:
            found[layer].append(kernel(features.pop(layer), gram=layer in grams))
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
