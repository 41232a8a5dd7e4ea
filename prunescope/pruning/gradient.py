"""Scores of the first derivative: gradient magnitude, and gradient times weight."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch

from prunescope.api import CLASSIFICATION
from prunescope.pruning.loss import leaves, loss_gradients, loss_shares, mean_gradients, scoring

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from torch import Tensor, nn

    from prunescope.api import Objective
    from prunescope.pruning.loss import Batch, BatchNorm


def gradient_magnitude(
    model: nn.Module,
    weights: Mapping[str, Tensor],
    batches: Sequence[Batch],
    *,
    objective: Objective = CLASSIFICATION,
    batchnorm: BatchNorm = "running",
) -> dict[str, Tensor]:
    """Return how fast the loss changes with each weight.

    Formula: |∂L/∂w|, L the mean loss over all images of `batches`.
    Shapes: as the weights. Unit: the loss's per unit of weight, ≥ 0; 0 for a weight that the loss does not reach.
    """
    at = leaves(weights)
    with scoring(model, batchnorm=batchnorm):
        found = mean_gradients(model, at, batches, objective=objective)
    return {name: gradient.abs() for name, gradient in zip(at, found, strict=True)}


def connection_sensitivity(
    model: nn.Module,
    weights: Mapping[str, Tensor],
    batches: Sequence[Batch],
    *,
    objective: Objective = CLASSIFICATION,
    batchnorm: BatchNorm = "batch",
) -> dict[str, Tensor]:
    """Return by how much the loss changes, to first order, when a weight's gate closes.

    Formula: |∂L/∂c| at c = 1 of the gated weight c · w, which is |w · ∂L/∂w|; L is the mean loss over all
    images of `batches`. Dividing by the sum over all weights, as the paper does, changes no rank and is left out.
    Source: Lee, Ajanthan & Torr 2019 (SNIP), section 4.1. The same score on a trained network is Global- and
    LayerMagGrad of Blalock et al. 2020 (ShrinkBench), section 7.
    Shapes: as the weights. Unit: the loss's, ≥ 0.
    """
    at = leaves(weights)
    with scoring(model, batchnorm=batchnorm):
        found = mean_gradients(model, at, batches, objective=objective)
    return {name: (weights[name].detach() * gradient).abs() for name, gradient in zip(at, found, strict=True)}


def taylor(
    model: nn.Module,
    weights: Mapping[str, Tensor],
    batches: Sequence[Batch],
    *,
    objective: Objective = CLASSIFICATION,
    batchnorm: BatchNorm = "running",
) -> dict[str, Tensor]:
    """Return the squared change of the loss, to first order, when a weight is removed; the mean over mini-batches.

    Formula: Σ_b share_b · (w · ∂L_b/∂w)², L_b the mean loss of mini-batch b. Unlike |w · ∂L/∂w| of all images
    at once, what cancels between batches counts.
    Source: Molchanov et al. 2019, section 3, for single weights; Molchanov et al. 2017, section 2.2, for
    channels.
    Shapes: as the weights. Unit: the loss's, squared, ≥ 0.
    """
    at = leaves(weights)
    found = {name: torch.zeros_like(weight) for name, weight in weights.items()}
    with scoring(model, batchnorm=batchnorm):
        for batch, share in zip(batches, loss_shares(batches), strict=True):
            for (name, leaf), gradient in zip(
                at.items(), loss_gradients(model, at, batch, objective=objective), strict=True
            ):
                found[name] = found[name].detach() + share * (leaf.detach() * gradient).square()
    return found
