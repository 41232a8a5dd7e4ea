"""Which weights of a network are kept."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

    from torch import Tensor


@dataclass(frozen=True)
class Mask:
    """Which weights are kept: for every prunable parameter, by name, a bool tensor of its shape (True = kept)."""

    kept: Mapping[str, Tensor]

    @property
    def n_weights(self) -> int:
        """Number of prunable weights."""
        return sum(tensor.numel() for tensor in self.kept.values())

    @property
    def n_kept(self) -> int:
        """Number of kept weights."""
        return sum(int(tensor.sum()) for tensor in self.kept.values())

    @property
    def density(self) -> float:
        """Kept prunable weights / all prunable weights, in [0, 1]."""
        return self.n_kept / self.n_weights
