"""N:M: fine-grained structured sparsity that hardware can use."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated

from prunescope.api import Option, Pruner
from prunescope.pruning.pruners.choosing import weights_of
from prunescope.pruning.pruners.options import First, Last, Linear

if TYPE_CHECKING:
    from torch import nn

    from prunescope.api import Data, Mask


@dataclass(frozen=True, kw_only=True)
class NOfM(Pruner):
    """Keep the N largest of every M consecutive weights. The density is N / M (Zhou 2021).

    Formula: in each group of M weights of one output, input channel fastest, the N of largest magnitude. Source: Zhou
    et al. 2021, section 3.1. Densities that are no N / M are refused.
    """

    group: Annotated[int, Option("M: weights of a group", minimum=2)] = 4
    linear: Linear = None
    first: First = True
    last: Last = True

    citations = ("zhou2021learning",)

    def mask(self, model: nn.Module, data: Data, density: float, *, seed: int) -> Mask:  # noqa: ARG002
        """Rank by magnitude within each group."""
        from prunescope.pruning.n_of_m import n_of_m

        return n_of_m(weights_of(self, model), density, group=self.group)

    def densities(self) -> tuple[float, ...]:
        """Return every N / M."""
        return tuple(kept / self.group for kept in range(1, self.group + 1))
