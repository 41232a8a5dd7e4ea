"""Pruners of the core: by magnitude, and at random."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Literal

from prunescope.api import Option, Pruner

if TYPE_CHECKING:
    from torch import nn

    from prunescope.api import Data, Mask

Scope = Annotated[Literal["layer", "global"], Option("rank weights within each layer, or over the whole model")]
Linear = Annotated[bool, Option("prune linear layers too, not convolutions only")]
First = Annotated[bool, Option("prune the first layer")]
Last = Annotated[bool, Option("prune the last layer")]


@dataclass(frozen=True, kw_only=True)
class Magnitude(Pruner):
    """Keep the weights of largest magnitude, one-shot (Zhou 2023: uniform per layer, convolutions only)."""

    scope: Scope = "layer"
    linear: Linear = False
    first: First = True
    last: Last = True

    def mask(self, model: nn.Module, data: Data, density: float, *, seed: int) -> Mask:  # noqa: ARG002
        """Rank by absolute value."""
        from prunescope.masks import keep_largest

        weights = _weights(self, model)
        scores = {name: weight.detach().abs() for name, weight in weights.items()}
        return keep_largest(scores, density, scope=self.scope)


@dataclass(frozen=True, kw_only=True)
class Random(Pruner):
    """Keep weights drawn at random: the baseline every pruner must beat."""

    scope: Scope = "layer"
    linear: Linear = False
    first: First = True
    last: Last = True

    def mask(self, model: nn.Module, data: Data, density: float, *, seed: int) -> Mask:  # noqa: ARG002
        """Rank by numbers drawn on the CPU: a seed gives the same mask on every device."""
        import torch

        from prunescope.masks import keep_largest

        weights = _weights(self, model)
        draw = torch.Generator().manual_seed(seed)
        scores = {
            name: torch.rand(weight.shape, generator=draw, dtype=torch.float64).to(weight.device)
            for name, weight in weights.items()
        }
        return keep_largest(scores, density, scope=self.scope)


def _weights(options: Magnitude | Random, model: nn.Module) -> dict[str, nn.Parameter]:
    from prunescope.errors import UsageError
    from prunescope.models import prunable

    weights = prunable(model, linear=options.linear, first=options.first, last=options.last)
    if not weights:
        raise UsageError(
            f"{type(model).__name__} has no prunable weights with linear={options.linear}, first={options.first}, "
            f"last={options.last}",
            fix="prune linear layers too (linear), or the first and last layer",
        )
    return weights
