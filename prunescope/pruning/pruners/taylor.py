"""Pruning by the first-order Taylor expansion of the loss."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from prunescope.pruning.pruners.by_gradient import GradientScored
from prunescope.pruning.pruners.options import ScoringBatchSize

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from torch import Tensor, nn

    from prunescope.api import Objective
    from prunescope.pruning.loss import Batch


@dataclass(frozen=True, kw_only=True)
class Taylor(GradientScored):
    """Keep the weights whose removal changes the loss most. The squared first-order change, averaged over batches.

    Formula: score = mean over mini-batches b of (w · ∂L_b/∂w)². Source: Molchanov et al. 2017 (channels) and 2019.
    """

    batch_size: ScoringBatchSize = 32

    citations = ("molchanov2017pruning", "molchanov2019importance")

    def scores(
        self, model: nn.Module, weights: Mapping[str, Tensor], batches: Sequence[Batch], objective: Objective
    ) -> Mapping[str, Tensor]:
        """Return the squared change of the loss of every weight, averaged over batches."""
        from prunescope.pruning.gradient import taylor

        return taylor(model, weights, batches, objective=objective, batchnorm=self.batchnorm)
