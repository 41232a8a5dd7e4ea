"""Pruning by magnitude times the norm of the activations: Wanda's score, for convolutions too."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from prunescope.api import Pruner
from prunescope.pruning.pruners.choosing import check_scope, keep, weights_of
from prunescope.pruning.pruners.options import Allocation, First, Images, Last, Linear, Scope, ScoringBatchSize

if TYPE_CHECKING:
    from torch import nn

    from prunescope.api import Data, Mask


@dataclass(frozen=True, kw_only=True)
class Activation(Pruner):
    """Keep weights with large magnitude × norm of their inputs. This is the score of Wanda (Sun 2024).

    Formula: score = |W_ij| · ‖X_j‖₂, X_j the j-th input over all images and places. Source: Sun et al. 2024, equation
    1; convolutions are read as linear layers on patches. Ranked within each layer: Wanda ranks within each output.
    """

    scope: Scope = "layer"
    allocation: Allocation = "uniform"
    images: Images = 512
    batch_size: ScoringBatchSize = 128
    linear: Linear = None
    first: First = True
    last: Last = True

    citations = ("sun2024simple",)

    def __post_init__(self) -> None:
        check_scope(self)

    def mask(self, model: nn.Module, data: Data, density: float, *, seed: int) -> Mask:  # noqa: ARG002
        """Rank by magnitude times the norm of the inputs on the first training images."""
        from prunescope.pruning.activation import activation_weighted
        from prunescope.pruning.loss import scored_images

        weights = weights_of(self, model)
        batches = scored_images(data.train, images=self.images, batch_size=self.batch_size)
        return keep(self, weights, activation_weighted(model, weights, batches), density)
