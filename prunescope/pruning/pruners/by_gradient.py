"""What pruners by the gradient of the loss share: their options, and the images that they score on."""

from __future__ import annotations

from abc import abstractmethod
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
    from collections.abc import Mapping, Sequence

    from torch import Tensor, nn

    from prunescope.api import Data, Mask, Objective
    from prunescope.pruning.loss import Batch


@dataclass(frozen=True, kw_only=True)
class GradientScored(Pruner):
    """A pruner that ranks weights by a score of the loss's gradient on the first training images."""

    scope: Scope = "global"
    allocation: Allocation = "uniform"
    images: Images = 512
    batch_size: ScoringBatchSize = 128
    batchnorm: BatchNorm = "running"
    linear: Linear = None
    first: First = True
    last: Last = True

    def __post_init__(self) -> None:
        check_scope(self)

    @abstractmethod
    def scores(
        self, model: nn.Module, weights: Mapping[str, Tensor], batches: Sequence[Batch], objective: Objective
    ) -> Mapping[str, Tensor]:
        """Return the score of every weight, in the shapes of the weights: the largest are kept."""

    def mask(self, model: nn.Module, data: Data, density: float, *, seed: int) -> Mask:  # noqa: ARG002
        """Rank by the score on the first training images."""
        from prunescope.pruning.loss import scored_images

        weights = weights_of(self, model)
        batches = scored_images(data.train, images=self.images, batch_size=self.batch_size)
        return keep(self, weights, self.scores(model, weights, batches, data.objective), density)
