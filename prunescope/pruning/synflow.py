"""SynFlow: iterative pruning by synaptic flow, without data."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch

from prunescope.api import Mask
from prunescope.api.errors import UsageError
from prunescope.landscape.linear_flow import linear, positive
from prunescope.landscape.norms import other_norms
from prunescope.networks.masks import density_left, keep_largest

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from torch import Tensor, nn


def synaptic_flow(model: nn.Module, names: Sequence[str], shape: tuple[int, ...]) -> dict[str, Tensor]:
    """Return the flow through each named weight of a network made positive and linear.

    Formula: |θ| ⊙ ∂R/∂|θ| with R = 1ᵀ (Π_l |θ_l|) 1: the sum of the outputs for an image of ones. Biases are zero and
    norms only scale (prunescope.landscape.linear_flow), so that the flow into a layer is the flow out of it. At
    initialisation, where BatchNorm is the identity in eval mode, this is what the authors' code computes; of a trained
    network that code takes |running mean| and |β| along as well, which adds flow that no weight carries.
    Source: Tanaka et al. 2020, section 6. Shapes: as the weights, float64; shape: of one input, such as
    (channels, height, width).
    Unit: that of the logits, ≥ 0 but where an activation or attention breaks linearity (their magnitude is taken).

    Raises:
        UsageError: the flow does not fit into float64.

    >>> from torch import nn
    >>> model = nn.Sequential(nn.Flatten(), nn.Linear(2, 2, bias=False), nn.Linear(2, 1, bias=False))
    >>> model[1].weight.data = torch.tensor([[1.0, -2.0], [3.0, 0.0]])
    >>> model[2].weight.data = torch.tensor([[1.0, -1.0]])
    >>> flow = synaptic_flow(model, ["1.weight", "2.weight"], (1, 1, 2))
    >>> flow["1.weight"].tolist(), flow["2.weight"].tolist()
    ([[1.0, 2.0], [3.0, 0.0]], [[3.0, 3.0]])
    """
    twin = positive(model)
    return _flow(twin, names, shape, other_norms(twin, shape))


def synflow(
    model: nn.Module, weights: Mapping[str, Tensor], density: float, *, shape: tuple[int, ...], rounds: int = 100
) -> Mask:
    """Prune round by round on an exponential schedule: after round k of n the density is density^(k/n).

    Each round scores the weights that are left, ranks them over the model and keeps the largest; what is gone stays
    gone.
    Source: Tanaka et al. 2020, algorithm 1. The paper's n is 100; one round is one-shot pruning by the same score.

    Raises:
        UsageError: `density` lies outside [0, 1], or the flow does not fit into float64.
    """
    twin = positive(model)
    parameters, others = dict(twin.named_parameters()), other_norms(twin, shape)
    kept = {name: torch.ones_like(parameters[name], dtype=torch.bool) for name in weights}
    mask = Mask(kept)
    for number in range(1, rounds + 1):
        flow = _flow(twin, list(weights), shape, others)
        ranked = {name: torch.where(mask.kept[name], flow[name], -1.0) for name in weights}
        step = density if number == rounds else min(_at(density, number, rounds), density_left(ranked))
        mask = keep_largest(ranked, step, scope="global")
        with torch.no_grad():
            for name, ones in mask.kept.items():
                parameters[name].mul_(ones)
    return Mask({name: ones.to(weights[name].device) for name, ones in mask.kept.items()})


def _at(density: float, number: int, rounds: int) -> float:
    return density if number == rounds or not 0 < density < 1 else density ** (number / rounds)


def _flow(
    twin: nn.Module, names: Sequence[str], shape: tuple[int, ...], others: Mapping[nn.Module, int | None]
) -> dict[str, Tensor]:
    parameters = dict(twin.named_parameters())
    at = [parameters[name].requires_grad_() for name in names]
    with linear(twin, others):
        outputs = twin(torch.ones(1, *shape, dtype=torch.float64, device=at[0].device))
        found = torch.autograd.grad(outputs.sum(), at, materialize_grads=True)
    flow = {name: (weight * gradient).abs().detach() for name, weight, gradient in zip(names, at, found, strict=True)}
    for name, one in flow.items():
        if not bool(torch.isfinite(one).all()):
            raise UsageError(
                f"SynFlow: the flow through {name!r} does not fit into float64",
                fix="the product of the layers' weights is too large: use lamp or magnitude",
            )
    return flow
