"""Pruning by the first-order Taylor expansion of the loss."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from prunescope.api import Pruner
from prunescope.pruning.pruners.choosing import check_scope, keep, weights_of
from prunescope.pruning.pruners.options import (
    Allocation,
    BatchNorm,
    First,
    Images,
    Last,
    Linear,
    Scope,
    ScoringBatchSize,
)

if TYPE_CHECKING:
    from torch import nn

    from prunescope.api import Data, Mask


@dataclass(frozen=True, kw_only=True)
class Taylor(Pruner):
    """Keep the weights whose removal changes the loss most. The squared first-order change, averaged over batches.

    Formula: score = mean over mini-batches b of (w · ∂L_b/∂w)². Source: Molchanov et al. 2017 (channels) and 2019.
    """

    scope: Scope = "global"
    allocation: Allocation = "uniform"
    images: Images = 512
    batch_size: ScoringBatchSize = 32
    batchnorm: BatchNorm = "running"
    linear: Linear = None
    first: First = True
    last: Last = True

    citations = ("molchanov2017pruning", "molchanov2019importance")

    def __post_init__(self) -> None:
        check_scope(self)

    def mask(self, model: nn.Module, data: Data, density: float, *, seed: int) -> Mask:  # noqa: ARG002
        """Rank by the squared change of the loss on batches of the first training images."""
        from prunescope.pruning.gradient import taylor
        from prunescope.pruning.loss import scored_images

        weights = weights_of(self, model)
        batches = scored_images(data.train, images=self.images, batch_size=self.batch_size)
        return keep(
            self, weights, taylor(model, weights, batches, objective=data.objective, batchnorm=self.batchnorm), density
        )
