"""LAMP: layer-adaptive sparsity for magnitude-based pruning."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from prunescope.api import Pruner
from prunescope.pruning.pruners.choosing import weights_of
from prunescope.pruning.pruners.options import First, Last, Linear

if TYPE_CHECKING:
    from torch import nn

    from prunescope.api import Data, Mask


@dataclass(frozen=True, kw_only=True)
class Lamp(Pruner):
    """LAMP: layer-adaptive magnitude, ranked over the model. Bounds the change of the output (Lee 2021).

    Formula: score(u) = w_u² / Σ_{v ≥ u} w_v², a tensor's weights in ascending order of magnitude; ranked over the
    model.
    Source: Lee et al. 2021, section 3.
    """

    linear: Linear = None
    first: First = True
    last: Last = True

    citations = ("lee2021layer",)

    def mask(self, model: nn.Module, data: Data, density: float, *, seed: int) -> Mask:  # noqa: ARG002
        """Rank by LAMP's score."""
        from prunescope.networks.masks import keep_largest
        from prunescope.pruning.lamp import lamp

        scores = {name: lamp(weight) for name, weight in weights_of(self, model).items()}
        return keep_largest(scores, density, scope="global")
