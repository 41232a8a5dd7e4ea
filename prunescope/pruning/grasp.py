"""GraSP: gradient signal preservation."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch

from prunescope.api import CLASSIFICATION
from prunescope.pruning.loss import leaves, loss_gradients, loss_shares, mean_gradients, scoring
from prunescope.pruning.twice import TwiceDifferentiable

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from torch import Tensor, nn

    from prunescope.api import Objective
    from prunescope.pruning.loss import Batch, BatchNorm


def gradient_flow(
    model: nn.Module,
    weights: Mapping[str, Tensor],
    batches: Sequence[Batch],
    *,
    objective: Objective = CLASSIFICATION,
    temperature: float = 200.0,
    batchnorm: BatchNorm = "batch",
) -> dict[str, Tensor]:
    """Return how much of the gradient's norm each weight holds: what GraSP calls −S(−w), so that larger is worth more.

    Formula: w ⊙ H g, with g = ∂L/∂w, H = ∂²L/∂w², L the mean loss of the outputs divided by `temperature`.
    Removing w changes the squared norm of g by 2 S(−w) = −2 w ⊙ H g, to first order: GraSP removes the weights with
    the largest S(−w), those whose removal lowers the norm least or raises it most. Scores have either sign.
    Source: Wang, Zhang & Grosse 2020, section 4; the temperature is that of the authors' code.
    Shapes: as the weights. Unit: the loss's squared, divided by the weights' unit squared.
    """
    at = leaves(weights)
    products = [torch.zeros_like(weight) for weight in weights.values()]
    with scoring(model, batchnorm=batchnorm), TwiceDifferentiable():
        along = mean_gradients(model, at, batches, objective=objective, temperature=temperature)
        for batch, share in zip(batches, loss_shares(batches), strict=True):
            found = loss_gradients(model, at, batch, objective=objective, temperature=temperature, graph=True)
            flow = torch.stack([(one * other).sum() for one, other in zip(found, along, strict=True)]).sum()
            step = torch.autograd.grad(flow, list(at.values()), materialize_grads=True)
            products = [product.detach() + share * one for product, one in zip(products, step, strict=True)]
    return {name: weights[name].detach() * product for name, product in zip(at, products, strict=True)}
