"""SynFlow: iterative synaptic flow pruning."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated

from prunescope.api import Option, Pruner
from prunescope.api.errors import UsageError
from prunescope.pruning.pruners.choosing import weights_of
from prunescope.pruning.pruners.options import First, Last, Linear

if TYPE_CHECKING:
    from torch import nn

    from prunescope.api import Data, Mask


@dataclass(frozen=True, kw_only=True)
class Synflow(Pruner):
    """SynFlow: keep the weights with most synaptic flow. Prunes in rounds, without data (Tanaka 2020).

    Formula: score = |θ| ⊙ ∂R/∂|θ| with R = 1ᵀ (Π_l |θ_l|) 1; after round k of n the density is density^(k/n). Source:
    Tanaka et al. 2020, section 6 and algorithm 1. The paper prunes at initialisation.
    """

    version = 2

    rounds: Annotated[int, Option("rounds of scoring and pruning; 1 is one-shot", minimum=1)] = 100
    linear: Linear = None
    first: First = True
    last: Last = True

    citations = ("tanaka2020pruning",)

    def mask(self, model: nn.Module, data: Data, density: float, *, seed: int) -> Mask:  # noqa: ARG002
        """Rank by synaptic flow; of the data only the shape of an image counts."""
        from prunescope.pruning.synflow import synflow

        one = next(inputs for inputs, _ in data.train.batches(1, limit=1))
        if not one.is_floating_point():
            raise UsageError(
                f"synflow uses an input of ones, but the network requires {one.dtype} (token ids)",
                fix="use a pruner that uses weights or the loss, such as magnitude or snip",
            )
        shape = tuple(one.shape[1:])
        return synflow(model, weights_of(self, model), density, shape=shape, rounds=self.rounds)
