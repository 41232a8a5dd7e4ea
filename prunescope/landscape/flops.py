"""Floating-point operations of a model's convolutions and linear layers, dense and of the non-zero weights alone."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, cast

import torch
from torch import nn
from torch.nn.modules.conv import _ConvNd, _ConvTransposeNd

from prunescope.landscape.guard import guarded

if TYPE_CHECKING:
    from collections.abc import Callable

    from torch import Tensor


@dataclass(frozen=True)
class Flops:
    """Operations of one layer for one image; a multiply-add is two."""

    dense: int
    kept: int
    """Those of the non-zero weights."""


def layer_flops(model: nn.Module, image: Tensor) -> dict[str, Flops]:
    """Count the operations of every convolution and linear layer that `model` runs on one image.

    Formula: 2 · weights · places, with places = output positions (input positions of a transposed convolution); dense
    counts all weights, kept the non-zero ones. A multiply-add is two operations. Biases, norms, activations, pooling
    and products of activations with each other (attention) are not counted; torch.utils.flop_counter counts the last
    of these, and agrees for networks without attention.
    Source: Blalock et al. 2020 (ShrinkBench), appendix. Shapes: image (1, channels, height, width).
    Unit: operations per image. A layer that is called several times counts every time.

    >>> from torch import nn
    >>> layer_flops(nn.Conv2d(1, 2, 3, bias=False), torch.zeros(1, 1, 4, 4))
    {'': Flops(dense=144, kept=144)}
    """
    counted: dict[str, Flops] = {}
    handles = [
        module.register_forward_hook(_counter(name, counted))
        for name, module in model.named_modules()
        if isinstance(module, _ConvNd | nn.Linear)
    ]
    try:
        with guarded([model]), torch.inference_mode():
            model(image)
    finally:
        for handle in handles:
            handle.remove()
    return counted


def _counter(name: str, counted: dict[str, Flops]) -> Callable[[nn.Module, tuple[Tensor, ...], Tensor], None]:
    def count(module: nn.Module, inputs: tuple[Tensor, ...], output: Tensor) -> None:
        weight = cast("Tensor", module.weight)
        where = inputs[0] if isinstance(module, _ConvTransposeNd) else output
        places = where.numel() // weight.shape[0]
        before = counted.get(name, Flops(0, 0))
        counted[name] = Flops(
            before.dense + 2 * weight.numel() * places,
            before.kept + 2 * int(torch.count_nonzero(weight)) * places,
        )

    return count
