"""Floating-point operations of a model's weights, dense and of the non-zero ones alone."""

from __future__ import annotations

from contextlib import nullcontext
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

import torch
from torch import nn
from torch.nn.modules.conv import _ConvNd

from prunescope.landscape.guard import guarded
from prunescope.networks.products import Product, watched

if TYPE_CHECKING:
    from contextlib import AbstractContextManager

    from torch import Tensor


@dataclass(frozen=True)
class Flops:
    """Operations of one layer for one image; a multiply-add is two."""

    dense: int
    kept: int
    """Those of the non-zero weights."""


def layer_flops(model: nn.Module, image: Tensor) -> dict[str, Flops]:
    """Count the operations of every weight that `model` multiplies by on one image, by the layer that holds it.

    Formula: 2 · weights · places, with places = output positions (input positions of a transposed convolution); dense
    counts all weights, kept the non-zero ones, as they are where they are multiplied. A multiply-add is two operations.
    A weight that a function takes from another module (fused projections of attention) counts as one of a layer that
    is called. Biases, norms, activations, pooling (by a fixed filter too) and products of activations with each other
    (attention) are not counted; torch.utils.flop_counter counts the last two, and agrees for networks without them.
    Source: Blalock et al. 2020 (ShrinkBench), appendix. Shapes: image (1, channels, height, width).
    Unit: operations per image. A layer that is called several times counts every time.

    >>> from torch import nn
    >>> layer_flops(nn.Conv2d(1, 2, 3, bias=False), torch.zeros(1, 1, 4, 4))
    {'': Flops(dense=144, kept=144)}
    """
    counting = _Counting(model)
    handles = []
    for name, module in model.named_modules():
        if isinstance(module, _ConvNd | nn.Linear):
            handles.append(module.register_forward_pre_hook(partial(counting.enter, name)))
            handles.append(module.register_forward_hook(counting.leave))
    try:
        with guarded([model]), watched(counting.see, counting.make), _by_products(model):
            model(image)
    finally:
        for handle in handles:
            handle.remove()
    return counting.counted


def _by_products(model: nn.Module) -> AbstractContextManager[None]:
    """Let recurrent layers compute by products of matrices: oneDNN's are one operation with nothing to see inside."""
    recurrent = any(isinstance(module, nn.RNNBase) for module in model.modules())
    return torch.backends.mkldnn.flags(enabled=False) if recurrent else nullcontext()


class _Counting:
    """Counts products with weights: with parameters, views of them, and what is computed of them alone."""

    def __init__(self, model: nn.Module) -> None:
        self.counted: dict[str, Flops] = {}
        self.inside: list[str] = []
        self.owners = {_place(weight): name for name, weight in model.named_parameters()}
        self.held: list[Tensor] = []
        """Computed weights: while they live, nothing else takes their place in memory."""

    def enter(self, name: str, *_: object) -> None:
        """Note that a layer is called."""
        self.inside.append(name)

    def leave(self, *_: object) -> None:
        """Note that it has returned."""
        self.inside.pop()

    def make(self, inputs: list[Tensor], outputs: list[Tensor]) -> None:
        """Note what is computed of parameters (and single numbers) alone."""
        used = [one for one in inputs if one.dim()]
        if used and all(_place(one) in self.owners for one in used):
            for output in outputs:
                if output.dim():
                    self.owners.setdefault(_place(output), self.owners[_place(used[0])])
                    self.held.append(output)

    def see(self, product: Product) -> None:
        """Count a product that has a weight among its operands, under the layer that is called or that holds it."""
        second = bool(product.convolution) or _place(product.second) in self.owners
        weight = product.second if second else product.first
        if _place(weight) not in self.owners and not self.inside:
            return
        if _place(weight) not in self.owners:
            weight, second = product.second, True
        name = self.inside[-1] if self.inside else self.owners[_place(weight)].rpartition(".")[0]
        places, before = product.places(second=second), self.counted.get(name, Flops(0, 0))
        self.counted[name] = Flops(
            before.dense + 2 * weight.numel() * places, before.kept + 2 * int(torch.count_nonzero(weight)) * places
        )


def _place(tensor: Tensor) -> int:
    return tensor.untyped_storage().data_ptr()
