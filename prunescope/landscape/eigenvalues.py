"""Top eigenvalues of the Hessian of the mean loss."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch

from prunescope.api import CLASSIFICATION
from prunescope.landscape.hessian import weights
from prunescope.landscape.lanczos import largest_eigenvalues
from prunescope.landscape.operator import operator

if TYPE_CHECKING:
    from collections.abc import Sequence

    from torch import Tensor, nn

    from prunescope.api import Mask, Objective
    from prunescope.landscape.hessian import Batch
    from prunescope.landscape.lanczos import Eigenvalues


def top_eigenvalues(  # noqa: PLR0913 - the objective beside what the estimator needs
    model: nn.Module,
    batches: Sequence[Batch],
    *,
    count: int,
    generator: torch.Generator,
    mask: Mask | None = None,
    only: Sequence[str] = (),
    objective: Objective = CLASSIFICATION,
    tolerance: float = 1e-3,
    max_products: int = 200,
) -> Eigenvalues:
    """Largest (algebraic) eigenvalues of the Hessian of the mean loss over the images of `batches`.

    Formula: H = Σ_b w_b H_b, w_b the share of batch b in the images; eigenvalues by Lanczos (`largest_eigenvalues`).
    Over all parameters, or those that match `only`; of masked tensors over the kept weights alone. Eval mode, the
    model's own precision.
    Source: Yao et al. 2020 (PyHessian), section 3; Wu & Simon 2000 (thick restart).
    Unit: the loss's / weight². Error: the residual norms; an eigenvalue lies within each. Cost: one product is a pass
    forwards and about three backwards over all batches, without the first two thirds for batches whose graph is kept
    (`operator`); `products` in the result counts these.
    NaN: never; UsageError instead.

    Raises UsageError when `count` < 1 or there are no images.
    """
    at = weights(model, mask, only=only)

    def draw() -> Tensor:
        leaf = next(iter(at.leaves.values()))
        return at.project(torch.randn(at.size, generator=generator).to(leaf.detach()))

    return largest_eigenvalues(
        operator(model, at, batches, objective=objective),
        draw,
        rank=at.rank,
        count=count,
        tolerance=tolerance,
        max_products=max_products,
    )
