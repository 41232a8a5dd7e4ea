"""GraSP: picking winning tickets by preserving gradient flow."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated

from prunescope.api import Option, Pruner
from prunescope.pruning.pruners.choosing import weights_of
from prunescope.pruning.pruners.options import BatchNorm, First, Last, Linear, ScoringBatchSize

if TYPE_CHECKING:
    from torch import nn

    from prunescope.api import Data, Mask


@dataclass(frozen=True, kw_only=True)
class Grasp(Pruner):
    """GraSP: keep the weights that preserve the gradient norm. Ranked over the model (Wang 2020).

    Formula: S(−w) = −w ⊙ H g, gradient g and Hessian H of the loss; the weights with the largest S(−w) are removed,
    those with the largest w ⊙ H g kept. Source: Wang et al. 2020, section 4. The paper prunes at
    initialisation.
    """

    images_per_class: Annotated[int, Option("training images per class for the scores", minimum=1)] = 10
    batch_size: ScoringBatchSize = 128
    temperature: Annotated[float, Option("divides the logits, as in the authors' code", minimum=1e-3)] = 200.0
    batchnorm: BatchNorm = "batch"
    linear: Linear = None
    first: First = True
    last: Last = True

    citations = ("wang2020picking",)

    def mask(self, model: nn.Module, data: Data, density: float, *, seed: int) -> Mask:  # noqa: ARG002
        """Rank by gradient flow on the first training images."""
        from prunescope.networks.masks import keep_largest
        from prunescope.pruning.grasp import gradient_flow
        from prunescope.pruning.loss import scored_images

        weights = weights_of(self, model)
        images = self.images_per_class * data.num_classes
        batches = scored_images(data.train, images=images, batch_size=self.batch_size)
        scores = gradient_flow(
            model, weights, batches, temperature=self.temperature, objective=data.objective, batchnorm=self.batchnorm
        )
        return keep_largest(scores, density, scope="global")
