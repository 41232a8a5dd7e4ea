"""Spectral density of the Hessian of the mean loss by stochastic Lanczos quadrature."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch

from prunescope.api import CLASSIFICATION
from prunescope.api.errors import UsageError
from prunescope.api.wording import count_text
from prunescope.landscape.hessian import weights
from prunescope.landscape.lanczos import tridiagonal
from prunescope.landscape.operator import operator

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from torch import Tensor, nn

    from prunescope.api import Mask, Objective
    from prunescope.landscape.hessian import Batch


@dataclass(frozen=True)
class Spectrum:
    """Gauss quadrature of the density of eigenvalues, one rule for every random vector."""

    nodes: Tensor
    """Ritz values, ascending, float64 (vectors, steps)."""
    masses: Tensor
    """Share of the eigenvalues that each node represents, float64 (vectors, steps); every row adds up to 1."""
    rank: int
    """Number of eigenvalues."""
    products: int

    def density(self, grid: Tensor, *, width: float) -> Tensor:
        """Return the density at the points of `grid`, (vectors, points): a Gaussian of this width for every node.

        >>> rule = Spectrum(torch.tensor([[0.0]]), torch.tensor([[1.0]]), rank=1, products=1)
        >>> rule.density(torch.tensor([0.0]), width=1.0)
        tensor([[0.3989]])
        """
        scaled = (grid[None, None] - self.nodes[..., None]) / width
        bells = torch.exp(-(scaled**2) / 2) / (width * math.sqrt(2 * math.pi))
        return (self.masses[..., None] * bells).sum(1)


def quadrature(
    multiply: Callable[[Tensor], Tensor], draw: Callable[[], Tensor], *, rank: int, vectors: int, steps: int
) -> Spectrum:
    """Density of the eigenvalues of a symmetric operator known by its products with vectors.

    Formula: φ(t) = (1/n) Σ_i δ(t − λ_i) ≈ mean_v Σ_k τ_k² δ(t − θ_k), θ_k the eigenvalues of the tridiagonal matrix of
    `steps` steps of Lanczos from v / ‖v‖, τ_k the first entries of its eigenvectors. Each rule is exact for polynomials
    up to degree 2 · steps − 1 in vᵀ p(A) v / ‖v‖².
    Source: Golub & Welsch 1969; Ubaru, Chen & Saad 2017; Ghorbani, Krishnan & Xiao 2019, section 2.2.
    Shapes: (vectors, min(steps, rank)); where the space closes sooner the last nodes have mass 0. Unit: that of the
    operator. Memory: `steps` vectors.

    Raises UsageError with fewer than one vector or step.

    >>> matrix, ones = torch.diag(torch.tensor([1.0, 3.0])), torch.ones(2)
    >>> found = quadrature(lambda v: matrix @ v, lambda: ones, rank=2, vectors=1, steps=2)
    >>> [round(x, 3) for x in (*found.nodes[0].tolist(), *found.masses[0].tolist())]
    [1.0, 3.0, 0.5, 0.5]
    """
    if vectors < 1 or steps < 1:
        raise UsageError(
            f"{vectors} vectors of {count_text(steps, 'step')} give no density", fix="use one or more of both"
        )
    steps, products = min(steps, rank), 0
    nodes, masses = [torch.zeros(vectors, steps, dtype=torch.float64) for _ in range(2)]
    for row in range(vectors):
        matrix = tridiagonal(multiply, draw(), steps=steps)
        values, inner = torch.linalg.eigh(matrix)
        nodes[row, : len(values)], masses[row, : len(values)] = values, inner[0].square()
        nodes[row, len(values) :] = values[-1]
        products += len(values)
    return Spectrum(nodes, masses, rank, products)


def spectrum(
    model: nn.Module,
    batches: Sequence[Batch],
    *,
    vectors: int,
    steps: int,
    generator: torch.Generator,
    mask: Mask | None = None,
    only: Sequence[str] = (),
    objective: Objective = CLASSIFICATION,
) -> Spectrum:
    """Spectral density of the Hessian of the mean loss over the images of `batches`, in eval mode.

    Formula: `quadrature` of H = Σ_b w_b H_b, w_b the share of batch b in the images, from Gaussian vectors.
    Over all parameters, or those that match `only`; of masked tensors over the kept weights alone.
    Source: Ghorbani, Krishnan & Xiao 2019; Yao et al. 2020 (PyHessian), section 3. Unit: the loss's / weight².
    Cost: vectors · steps products with all batches (`operator`). NaN: where the loss is.

    Raises UsageError with fewer than one vector or step, or no images.
    """
    at = weights(model, mask, only=only)

    def draw() -> Tensor:
        leaf = next(iter(at.leaves.values()))
        return at.project(torch.randn(at.size, generator=generator).to(leaf.detach()))

    return quadrature(
        operator(model, at, batches, objective=objective), draw, rank=at.rank, vectors=vectors, steps=steps
    )
