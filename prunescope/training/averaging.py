"""An exponential moving average of the weights over the steps of training."""

from __future__ import annotations

from itertools import chain
from typing import TYPE_CHECKING

import torch

from prunescope.networks import masks

if TYPE_CHECKING:
    from collections.abc import Iterator

    from torch import Tensor, nn
    from torch.optim import Optimizer

    from prunescope.api import Epoch, Mask


def averaged(
    epochs: Iterator[Epoch], model: nn.Module, *, optimizer: Optimizer, decay: float, mask: Mask | None
) -> Iterator[Epoch]:
    """Yield the epochs of a training with the average of the weights in `model`; it trains on from its own weights.

    Formula: a <- decay a + (1 - decay) w after every optimiser step, from a = w before the first, over parameters and
    floating-point buffers (BatchNorm's running statistics too); other buffers are those of w.
    Source: Polyak and Juditsky 1992; Tarvainen and Valpola 2017; timm's ModelEmaV3 without warm-up computes the same.
    Masked weights of the average are exactly zero. After the last epoch the average stays in `model`.
    """
    model.to(memory_format=torch.channels_last)  # as the loop does, which would leave the tensors taken here behind
    own, average = _tensors(model), [tensor.clone() for tensor in _tensors(model)]
    hold = masks.holder(model, mask)

    @torch.no_grad()
    def update(_optimizer: Optimizer, _args: object, _kwargs: object) -> None:
        torch._foreach_lerp_(average, own, 1 - decay)

    hook = optimizer.register_step_post_hook(update)
    try:
        for epoch in epochs:
            raw = [tensor.clone() for tensor in own]
            _put(own, average)
            hold()
            yield epoch
            if epoch.number < epoch.of:
                _put(own, raw)
    finally:
        hook.remove()


def _tensors(model: nn.Module) -> list[Tensor]:
    found = chain(model.parameters(), model.buffers())
    return [tensor.detach() for tensor in found if tensor.is_floating_point()]


def _put(places: list[Tensor], values: list[Tensor]) -> None:
    with torch.no_grad():
        torch._foreach_copy_(places, values)
