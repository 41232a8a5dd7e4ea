"""SNIP: single-shot network pruning by connection sensitivity."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from prunescope.api import Pruner
from prunescope.pruning.pruners.choosing import weights_of
from prunescope.pruning.pruners.options import BatchNorm, First, Images, Last, Linear, ScoringBatchSize

if TYPE_CHECKING:
    from torch import nn

    from prunescope.api import Data, Mask


@dataclass(frozen=True, kw_only=True)
class Snip(Pruner):
    """SNIP: keep the weights of largest connection sensitivity. Ranked over the model (Lee 2019).

    Formula: score = |∂L/∂c| at c = 1 of the gated weights c · w, which is |w · ∂L/∂w|. Source: Lee et al. 2019, section
    4.1. The paper prunes at initialisation, with one mini-batch.
    """

    images: Images = 128
    batch_size: ScoringBatchSize = 128
    batchnorm: BatchNorm = "batch"
    linear: Linear = None
    first: First = True
    last: Last = True

    citations = ("lee2019snip",)

    def mask(self, model: nn.Module, data: Data, density: float, *, seed: int) -> Mask:  # noqa: ARG002
        """Rank by connection sensitivity on the first training images."""
        from prunescope.networks.masks import keep_largest
        from prunescope.pruning.gradient import connection_sensitivity
        from prunescope.pruning.loss import scored_images

        weights = weights_of(self, model)
        batches = scored_images(data.train, images=self.images, batch_size=self.batch_size)
        scores = connection_sensitivity(model, weights, batches, objective=data.objective, batchnorm=self.batchnorm)
        return keep_largest(scores, density, scope="global")
