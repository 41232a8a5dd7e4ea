"""The gradients of a trainer by SGD: of one network, and of several networks as one."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from torch import nn

    from prunescope.api import Mask
    from prunescope.networks.grouped.grouping import Grouped
    from prunescope.training.gradient import StepGradient
    from prunescope.training.gradient_together import GroupGradient


@dataclass(frozen=True, kw_only=True)
class StepGradients:
    """What fills `.grad` in a step."""

    alone: Callable[[nn.Module], StepGradient]
    """Of one network."""
    grouped: Callable[[Grouped, Sequence[Mask | None]], GroupGradient]
    """Of a grouped network, under the mask of each."""


def plain_gradients() -> StepGradients:
    """Return the gradients of the loss at the weights."""
    from prunescope.training.gradient import plain
    from prunescope.training.gradient_together import plain_group

    return StepGradients(alone=plain, grouped=plain_group)
