"""An exponential moving average of the weights over the steps of training."""

from __future__ import annotations

from itertools import chain
from typing import TYPE_CHECKING, final

import torch

from prunescope.networks import masks

if TYPE_CHECKING:
    from torch import Tensor, nn

    from prunescope.api import Mask


@final
class Average:
    """The average of a model's weights, beside the model.

    Formula: a <- decay a + (1 - decay) w after every optimiser step (`update`), from a = w before the first, over
    parameters and floating-point buffers (BatchNorm's running statistics too); other buffers are those of w.
    Source: Polyak and Juditsky 1992; Tarvainen and Valpola 2017; timm's ModelEmaV3 without warm-up computes the same.
    Masked weights of the average are exactly zero where it is shown. The model, in channels_last, keeps its tensors.
    """

    def __init__(self, model: nn.Module, *, decay: float, mask: Mask | None) -> None:
        self.decay = decay
        self.own = _tensors(model)
        self.average = [tensor.clone() for tensor in self.own]
        self.hold = masks.holder(model, mask)

    @torch.no_grad()
    def update(self) -> None:
        """Follow the weights by one step."""
        torch._foreach_lerp_(self.average, self.own, 1 - self.decay)

    def show(self) -> list[Tensor]:
        """Put the average into the model; return the model's own weights."""
        raw = [tensor.clone() for tensor in self.own]
        self.put(self.average)
        self.hold()
        return raw

    @torch.no_grad()
    def put(self, values: list[Tensor]) -> None:
        """Put values into the model."""
        torch._foreach_copy_(self.own, values)


def _tensors(model: nn.Module) -> list[Tensor]:
    found = chain(model.parameters(), model.buffers())
    return [tensor.detach() for tensor in found if tensor.is_floating_point()]
