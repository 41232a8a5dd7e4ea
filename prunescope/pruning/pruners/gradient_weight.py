"""Pruning by gradient times weight: ShrinkBench's GlobalMagGrad and LayerMagGrad."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from prunescope.pruning.pruners.by_gradient import GradientScored

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from torch import Tensor, nn

    from prunescope.api import Objective
    from prunescope.pruning.loss import Batch


@dataclass(frozen=True, kw_only=True)
class GradientWeight(GradientScored):
    """Keep the weights with the largest |weight × gradient|. This is ShrinkBench's Global- or LayerMagGrad.

    Formula: score = |w · ∂L/∂w|, L the mean loss of the images: the change of the loss when w is removed, to
    first order. Source: Blalock et al. 2020, section 7.
    """

    citations = ("blalock2020state",)

    def scores(
        self, model: nn.Module, weights: Mapping[str, Tensor], batches: Sequence[Batch], objective: Objective
    ) -> Mapping[str, Tensor]:
        """Return weight times gradient of every weight."""
        from prunescope.pruning.gradient import connection_sensitivity

        return connection_sensitivity(model, weights, batches, objective=objective, batchnorm=self.batchnorm)
