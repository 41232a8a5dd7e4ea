"""Largest eigenvalues of a symmetric operator by the Lanczos method with thick restarts."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch

from prunescope.api.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Callable

    from torch import Tensor


@dataclass(frozen=True)
class Eigenvalues:
    """The largest eigenvalues found, in descending order."""

    values: Tensor
    """float64 (count,)."""
    residuals: Tensor
    """‖A y − θ y‖ of each: an eigenvalue of A lies within this distance of θ. float64 (count,)."""
    products: int


def largest_eigenvalues(
    operator: Callable[[Tensor], Tensor],
    draw: Callable[[], Tensor],
    *,
    rank: int,
    count: int,
    tolerance: float = 1e-3,
    max_products: int = 200,
) -> Eigenvalues:
    """Largest (algebraic) eigenvalues of a symmetric operator known by its products with vectors.

    Lanczos with full reorthogonalisation, twice; when the basis is full it restarts from the best Ritz vectors. It
    stops when every residual ‖A y − θ y‖ ≤ tolerance · |θ|, or after `max_products`, and returns how far it came.
    Source: Wu & Simon 2000 (thick restart); Golub & Van Loan 2013, section 10.5.
    `draw` returns random vectors of the space, of dimension `rank`, on which the operator acts. At most `rank`
    eigenvalues are returned. Memory: max(20, 2 count + 10) vectors. Unit: that of the operator. A multiple eigenvalue
    may be found once only, as in every Krylov method.

    Raises UsageError when fewer than one eigenvalue is asked for.

    >>> matrix, generator = torch.diag(torch.tensor([1.0, 5.0, 3.0])), torch.Generator().manual_seed(0)
    >>> found = largest_eigenvalues(lambda v: matrix @ v, lambda: torch.randn(3, generator=generator), rank=3, count=2)
    >>> [round(float(value), 4) for value in found.values]
    [5.0, 3.0]
    """
    if count < 1:
        raise UsageError(f"{count} eigenvalues were requested", fix="give one or more")
    count = min(count, rank)
    capacity = min(max(20, 2 * count + 10), rank)
    basis = _Basis(draw(), capacity=capacity)
    products = 0
    while products < max_products:
        products += 1
        broken = basis.extend(operator)
        values, residuals = basis.ritz()
        small = residuals[:count] <= tolerance * values[:count].abs()
        # A broken recurrence means nothing for the rest of the space: it continues from a new vector.
        if basis.size == rank or (basis.size >= count and not broken and bool(small.all())):
            break
        if broken:
            basis.start_anew(draw())
        if basis.size == capacity:
            basis.restart(keep=count + 5)
    return Eigenvalues(values[:count], residuals[:count], products)


def tridiagonal(operator: Callable[[Tensor], Tensor], start: Tensor, *, steps: int) -> Tensor:
    """Return the matrix of a symmetric operator in the Krylov basis of `start`: tridiagonal, float64, on the CPU.

    Lanczos with full reorthogonalisation, twice. It has fewer than `steps` rows where the space closes sooner. Memory:
    `steps` vectors. Source: Golub & Van Loan 2013, section 10.3.

    >>> tridiagonal(lambda v: 2 * v, torch.ones(3), steps=3)
    tensor([[2.]], dtype=torch.float64)
    """
    basis = _Basis(start, capacity=steps)
    for _ in range(steps):
        if basis.extend(operator):
            break
        if basis.size < steps:
            basis.matrix[basis.size, basis.size - 1] = basis.matrix[basis.size - 1, basis.size] = basis.beta
    return basis.matrix[: basis.size, : basis.size]


class _Basis:
    """An orthonormal basis V (rows) with A Vᵀ = Vᵀ T + β v eᵀ: T is A within it, v the next direction."""

    def __init__(self, start: Tensor, *, capacity: int) -> None:
        self.vectors = start.new_zeros(capacity, len(start))
        self.matrix = torch.zeros(capacity, capacity, dtype=torch.float64)
        self.size = 0
        self.beta = 0.0
        self.next = start / start.norm()

    def extend(self, operator: Callable[[Tensor], Tensor]) -> bool:
        """Take in the next direction at the cost of one product; True when the space is closed under A."""
        self.vectors[self.size] = self.next
        self.size += 1
        image, along = self._orthogonal(operator(self.next))
        self.matrix[: self.size, self.size - 1] = self.matrix[self.size - 1, : self.size] = along.double().cpu()
        self.beta = float(image.norm())
        broken = self.beta <= 10 * torch.finfo(image.dtype).eps * float(self.matrix.abs().max())
        self.next = image if broken else image / self.beta
        return broken

    def start_anew(self, fresh: Tensor) -> None:
        """Go on from a new random direction outside the space."""
        outside, _ = self._orthogonal(fresh / fresh.norm())
        self.next, self.beta = outside / outside.norm(), 0.0

    def ritz(self) -> tuple[Tensor, Tensor]:
        """Return the eigenvalues of T in descending order and the norms of their residuals."""
        values, inner = self._eigen()
        return values, self.beta * inner[-1].abs()

    def restart(self, *, keep: int) -> None:
        """Shrink the basis to its best Ritz vectors."""
        values, inner = self._eigen()
        self.vectors[:keep] = inner[:, :keep].T.to(self.vectors) @ self.vectors[: self.size]
        self.matrix.zero_()
        self.matrix.diagonal()[:keep] = values[:keep]
        self.size = keep

    def _eigen(self) -> tuple[Tensor, Tensor]:
        values, inner = torch.linalg.eigh(self.matrix[: self.size, : self.size])
        return values.flip(0), inner.flip(1)

    def _orthogonal(self, vector: Tensor) -> tuple[Tensor, Tensor]:
        """Return the part of `vector` outside the space, and its components inside."""
        inside = self.vectors[: self.size]
        first = inside @ vector
        outside = vector - first @ inside
        second = inside @ outside
        return outside - second @ inside, first + second
