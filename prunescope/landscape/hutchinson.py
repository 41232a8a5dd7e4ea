"""Trace of the Hessian by Hutchinson's estimator."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch

from prunescope.errors import UsageError
from prunescope.landscape.estimate import Estimate
from prunescope.landscape.guard import double
from prunescope.landscape.hessian import Gradient, shares, weights

if TYPE_CHECKING:
    from collections.abc import Sequence

    from torch import Tensor, nn

    from prunescope.api import Mask
    from prunescope.landscape.hessian import Batch


@dataclass(frozen=True)
class Trace:
    """Trace of the Hessian; `products` Hessian-vector products of one batch each went into it."""

    estimate: Estimate
    """Value, its standard error over the random vectors, and the number of images."""
    products: int


def rademacher(size: int, *, generator: torch.Generator) -> Tensor:
    """Return a vector of independent signs, ±1 with probability ½, drawn on the CPU: the same on every device."""
    return torch.randint(0, 2, (size,), generator=generator).float().mul_(2).sub_(1)


def trace(
    model: nn.Module,
    batches: Sequence[Batch],
    *,
    vectors: int,
    generator: torch.Generator,
    mask: Mask | None = None,
) -> Trace:
    """Trace of the Hessian of the mean cross-entropy over the images of `batches`, in eval mode.

    Formula: H = Σ_b w_b H_b with w_b the share of batch b in the images; tr H ≈ Σ_b w_b · mean_j v_bjᵀ H_b v_bj with
    independent Rademacher vectors v_bj, `vectors` of them for every batch. Independent vectors per batch have less
    variance than the same vectors for all batches, at the same cost; the graph of each batch is built once for all its
    vectors. stderr² = Σ_b w_b² s_b² / vectors, s_b² the sample variance within batch b: it covers the random vectors,
    not the choice of images.
    Over all parameters; of masked tensors over the kept weights alone.
    Source: Hutchinson 1990; Yao et al. 2020 (PyHessian), section 3. Unit: nat / weight².
    NaN: where the loss is.

    Raises UsageError with fewer than two vectors or no images.
    """
    if vectors < 2:
        raise UsageError(f"{vectors} random vector gives no standard error", fix="use two vectors or more")
    at = weights(model, mask)
    value = variance = 0.0
    for share, batch in zip(shares(batches), batches, strict=True):
        gradient = Gradient(model, at, batch)
        draws = torch.stack([_draw(gradient, generator) for _ in range(vectors)])
        value += share * float(draws.mean())
        variance += share**2 * float(draws.var()) / vectors
    n = sum(len(labels) for _, labels in batches)
    return Trace(Estimate(value, math.sqrt(variance), n), products=vectors * len(batches))


def _draw(gradient: Gradient, generator: torch.Generator) -> Tensor:
    """Return vᵀ H v for one random v."""
    vector = rademacher(gradient.at.size, generator=generator).to(gradient.leaves[0])
    return double(vector) @ double(gradient.product(vector))
