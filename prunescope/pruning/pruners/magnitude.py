"""Pruning by magnitude."""

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
class Magnitude(Pruner):
    """Keep the weights of largest magnitude, one-shot. Zhou 2023: uniform per layer, convolutions only.

    Formula: score = |w|. Source: Han et al. 2015, section 3.
    """

    scope: Scope = "layer"
    allocation: Allocation = "uniform"
    linear: Linear = None
    first: First = True
    last: Last = True

    citations = ("han2015learning", "zhou2023three")

    def __post_init__(self) -> None:
        check_scope(self)

    def mask(self, model: nn.Module, data: Data, density: float, *, seed: int) -> Mask:  # noqa: ARG002
        """Rank by absolute value."""
        weights = weights_of(self, model)
        return keep(self, weights, {name: weight.detach().abs() for name, weight in weights.items()}, density)
