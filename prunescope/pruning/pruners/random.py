"""Pruning at random."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from prunescope.api import Pruner
from prunescope.pruning.pruners.choosing import check_scope, keep, weights_of
from prunescope.pruning.pruners.options import Allocation, First, Last, Linear, Scope

if TYPE_CHECKING:
    from torch import nn

    from prunescope.api import Data, Mask


@dataclass(frozen=True, kw_only=True)
class Random(Pruner):
    """Keep weights drawn at random: the control of comparisons."""

    scope: Scope = "layer"
    allocation: Allocation = "uniform"
    linear: Linear = None
    first: First = True
    last: Last = True

    def __post_init__(self) -> None:
        check_scope(self)

    def mask(self, model: nn.Module, data: Data, density: float, *, seed: int) -> Mask:  # noqa: ARG002
        """Rank by numbers drawn on the CPU: a seed gives the same mask on every device."""
        import torch

        weights = weights_of(self, model)
        draw = torch.Generator().manual_seed(seed)
        scores = {
            name: torch.rand(weight.shape, generator=draw, dtype=torch.float64).to(weight.device)
            for name, weight in weights.items()
        }
        return keep(self, weights, scores, density)
