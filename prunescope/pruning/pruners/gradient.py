"""Pruning by the magnitude of the gradient."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from prunescope.pruning.pruners.by_gradient import GradientScored
from prunescope.pruning.pruners.options import Scope

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from torch import Tensor, nn

    from prunescope.api import Objective
    from prunescope.pruning.loss import Batch


@dataclass(frozen=True, kw_only=True)
class Gradient(GradientScored):
    """Keep the weights with the largest gradient of the loss.

    Formula: score = |∂L/∂w|, L the mean loss of the images. A control for the methods that multiply the
    gradient by the weight.
    """

    scope: Scope = "layer"

    citations = ("blalock2020state",)

    def scores(
        self, model: nn.Module, weights: Mapping[str, Tensor], batches: Sequence[Batch], objective: Objective
    ) -> Mapping[str, Tensor]:
        """Return the gradient of every weight."""
        from prunescope.pruning.gradient import gradient_magnitude

        return gradient_magnitude(model, weights, batches, objective=objective, batchnorm=self.batchnorm)
