"""The interface of a pruner: a dense network in, a mask out."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, ClassVar

if TYPE_CHECKING:
    from torch import Tensor, nn

    from prunescope.api.interfaces.data import Data
    from prunescope.api.interfaces.mask import Mask


class Pruner(ABC):
    """Chooses which weights of a dense model to keep."""

    citations: ClassVar[tuple[str, ...]] = ()
    """Publications of the method: keys of entries in `references.bib` of the plugin's package, or of prunescope's."""

    version: ClassVar[int] = 1
    """Raise it when the same options give other numbers: it is part of every run's id."""

    exact: ClassVar[bool] = True
    """False for a pruner of whole structures (channels): its mask keeps at most round(density * n) weights, as near as
    they come, and at least one; what it keeps is recorded."""

    @abstractmethod
    def mask(self, model: nn.Module, data: Data, density: float, *, seed: int) -> Mask:
        """Return a mask of exactly round(density * n) kept weights per scope; leave `model` as it was.

        n counts the weights that the mask covers. UsageError where the method cannot reach the density.
        """

    def compact_network(self, model: nn.Module, mask: Mask, inputs: Tensor) -> nn.Module | None:
        """Return the smaller network that computes what `model` computes under `mask`, which exports and timings take.

        None, the default: there is none, because single weights are pruned. inputs: a few examples.
        """
        del model, mask, inputs
        return None

    def densities(self) -> tuple[float, ...]:
        """Return the densities that the method can reach, rising; (), the default: any in (0, 1]."""
        return ()
