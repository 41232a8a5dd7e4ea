"""Pruning by the magnitude of the gradient."""

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
class Gradient(Pruner):
    """Keep the weights with the largest gradient of the loss.

    Formula: score = |∂L/∂w|, L the mean loss of the images. A control for the methods that multiply the
    gradient by the weight.
    """

    scope: Scope = "layer"
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
        """Rank by the gradient of the loss on the first training images."""
        from prunescope.pruning.gradient import gradient_magnitude
        from prunescope.pruning.loss import scored_images

        weights = weights_of(self, model)
        batches = scored_images(data.train, images=self.images, batch_size=self.batch_size)
        return keep(
            self,
            weights,
            gradient_magnitude(model, weights, batches, objective=data.objective, batchnorm=self.batchnorm),
            density,
        )
