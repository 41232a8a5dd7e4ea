"""How many weights each layer keeps, and the best of each by their scores."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from prunescope.networks.masks import keep_counts, keep_largest, layer_counts
from prunescope.pruning.erdos_renyi import erdos_renyi_kernel
from prunescope.pruning.lamp import lamp

if TYPE_CHECKING:
    from collections.abc import Mapping

    from torch import Tensor

    from prunescope.api import Mask

Allocation = Literal["uniform", "erk", "lamp"]


def allocate(weights: Mapping[str, Tensor], density: float, *, allocation: Allocation) -> dict[str, int]:
    """Return how many weights each tensor keeps, round(density · n) in all.

    "uniform": the same density everywhere. "erk": denser where a tensor is small, by its shape alone
    (`erdos_renyi_kernel`). "lamp": as many as ranking LAMP's scores over the model would keep (`lamp`).

    Raises:
        UsageError: `density` lies outside [0, 1].
    """
    if allocation == "erk":
        return erdos_renyi_kernel({name: tuple(weight.shape) for name, weight in weights.items()}, density)
    if allocation == "lamp":
        mask = keep_largest({name: lamp(weight) for name, weight in weights.items()}, density, scope="global")
        return {name: int(kept.sum()) for name, kept in mask.kept.items()}
    return layer_counts({name: weight.numel() for name, weight in weights.items()}, density)


def keep_allocated(
    scores: Mapping[str, Tensor], weights: Mapping[str, Tensor], density: float, *, allocation: Allocation
) -> Mask:
    """Keep the largest scores of each tensor, as many as its allocation gives it."""
    return keep_counts(scores, allocate(weights, density, allocation=allocation))
