"""From a pruner's options to the weights it may prune and the ones it keeps."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from prunescope.api.errors import UsageError
from prunescope.api.wording import percent

if TYPE_CHECKING:
    from collections.abc import Mapping

    from torch import Tensor, nn

    from prunescope.api import Mask
    from prunescope.pruning.allocation import Allocation


class Layers(Protocol):
    """A pruner whose options choose the layers it prunes."""

    @property
    def linear(self) -> bool | None:
        """Whether linear layers are pruned too; None: where the network is made of them."""

    @property
    def first(self) -> bool:
        """Whether the first layer is pruned."""

    @property
    def last(self) -> bool:
        """Whether the last layer is pruned."""


class Scoped(Protocol):
    """A pruner whose options choose the weights among which it ranks."""

    @property
    def scope(self) -> str:
        """Ranked within each layer, or over the model."""

    @property
    def allocation(self) -> Allocation:
        """The density of each layer, where weights are ranked within it."""


def weights_of(options: Layers, model: nn.Module) -> dict[str, nn.Parameter]:
    """Return the weights a pruner may prune.

    Raises UsageError where there are none, where one is not what its layer multiplies by, and where they are less than
    half of the network without being asked for: a density of them would mean little for the network.
    """
    from prunescope.networks.layers import LEAST_SHARE, choose_prunable
    from prunescope.networks.multiplied import refuse_computed

    found = choose_prunable(model, linear=options.linear, first=options.first, last=options.last)
    refuse_computed(found.computed)
    if not found.weights:
        raise UsageError(
            f"{type(model).__name__} has no prunable weights with linear={options.linear}, first={options.first}, "
            f"last={options.last}",
            fix="prune linear layers too (linear), or the first and last layer",
        )
    if options.linear is None and found.share < LEAST_SHARE:
        raise UsageError(
            f"only {percent(found.share)} of the parameters of {type(model).__name__} are prunable ({found.kinds})",
            fix="confirm with --linear, or with --no-linear for convolutions only",
        )
    return found.weights


def check_scope(options: Scoped) -> None:
    """Raise UsageError for an allocation that ranking over the model would ignore."""
    if options.scope == "global" and options.allocation != "uniform":
        raise UsageError(
            f"allocation {options.allocation} sets the density of each layer, but scope global ranks over the model",
            fix="leave out one of them",
        )


def keep(options: Scoped, weights: Mapping[str, Tensor], scores: Mapping[str, Tensor], density: float) -> Mask:
    """Keep the largest scores, of each layer or of the model."""
    from prunescope.networks.masks import keep_largest
    from prunescope.pruning.allocation import keep_allocated

    if options.scope == "global":
        return keep_largest(scores, density, scope="global")
    return keep_allocated(scores, weights, density, allocation=options.allocation)
