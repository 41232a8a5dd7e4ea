"""Top eigenvalues of the Hessian of the mean cross-entropy."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch

from prunescope.landscape.hessian import Gradient, shares, weights
from prunescope.landscape.lanczos import largest_eigenvalues

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from torch import Tensor, nn

    from prunescope.api import Mask
    from prunescope.landscape.hessian import Batch, Weights
    from prunescope.landscape.lanczos import Eigenvalues


def top_eigenvalues(
    model: nn.Module,
    batches: Sequence[Batch],
    *,
    count: int,
    generator: torch.Generator,
    mask: Mask | None = None,
    tolerance: float = 1e-3,
    max_products: int = 200,
) -> Eigenvalues:
    """Largest (algebraic) eigenvalues of the Hessian of the mean cross-entropy over the images of `batches`.

    Formula: H = Σ_b w_b H_b, w_b the share of batch b in the images; eigenvalues by Lanczos (`largest_eigenvalues`).
    Over all parameters; of masked tensors over the kept weights alone. Eval mode, the model's own precision.
    Source: Yao et al. 2020 (PyHessian), section 3; Wu & Simon 2000 (thick restart).
    Unit: nat / weight². Error: the residual norms; an eigenvalue lies within each. Cost: one product is a pass forwards
    and about three backwards over all batches; `products` in the result counts these. A single batch keeps its graph.
    NaN: never; UsageError instead.

    Raises UsageError when `count` < 1 or there are no images.
    """
    at = weights(model, mask)

    def draw() -> Tensor:
        leaf = next(iter(at.leaves.values()))
        return at.project(torch.randn(at.size, generator=generator).to(leaf.detach()))

    return largest_eigenvalues(
        _operator(model, at, batches),
        draw,
        rank=at.rank,
        count=count,
        tolerance=tolerance,
        max_products=max_products,
    )


def _operator(model: nn.Module, at: Weights, batches: Sequence[Batch]) -> Callable[[Tensor], Tensor]:
    """Return v -> H v. Graphs are rebuilt for every product, so that memory holds that of one batch."""
    parts = shares(batches)
    if len(batches) == 1:
        return Gradient(model, at, batches[0]).product

    def product(vector: Tensor) -> Tensor:
        total = torch.zeros_like(vector)
        for share, batch in zip(parts, batches, strict=True):
            total += share * Gradient(model, at, batch).product(vector)
        return total

    return product
