"""Pruning by gradient times weight: ShrinkBench's GlobalMagGrad and LayerMagGrad."""

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
class GradientWeight(Pruner):
    """Keep the weights with the largest |weight × gradient|. This is ShrinkBench's Global- or LayerMagGrad.

    Formula: score = |w · ∂L/∂w|, L the mean loss of the images: the change of the loss when w is removed, to
    first order. Source: Blalock et al. 2020, section 7.
    """

    scope: Scope = "global"
    allocation: Allocation = "uniform"
    images: Images = 512
    batch_size: ScoringBatchSize = 128
    batchnorm: BatchNorm = "running"
    linear: Linear = None
    first: First = True
    last: Last = True

    citations = ("blalock2020state",)

    def __post_init__(self) -> None:
        check_scope(self)

    def mask(self, model: nn.Module, data: Data, density: float, *, seed: int) -> Mask:  # noqa: ARG002
        """Rank by weight times gradient on the first training images."""
        from prunescope.pruning.gradient import connection_sensitivity
        from prunescope.pruning.loss import scored_images

        weights = weights_of(self, model)
        batches = scored_images(data.train, images=self.images, batch_size=self.batch_size)
        return keep(
            self,
            weights,
            connection_sensitivity(model, weights, batches, objective=data.objective, batchnorm=self.batchnorm),
            density,
        )
