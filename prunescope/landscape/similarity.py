"""Centred kernel alignment (CKA), linear kernel, of two representations of the same images."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property
from itertools import combinations, combinations_with_replacement
from typing import TYPE_CHECKING

import torch

from prunescope.api.errors import UsageError
from prunescope.api.wording import count_text
from prunescope.landscape.guard import double

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from torch import Tensor

_CONSTANT = 4 * torch.finfo(torch.float32).eps
SMALLEST = 4
"""Images that HSIC₁ needs."""

_NARROW = 1024
"""Numbers in the product of two matrices that are narrow."""

_BLOCK = (1024, 256)
"""Columns of X, and rows of X Xᵀ, in a product on a CPU: their float64 copies stay in the cache."""

_WIDE_BLOCK = (1 << 15, 256)
"""The same on other devices, which large products keep busy."""


@dataclass(frozen=True)
class Kernel:
    """The linear kernel K = X Xᵀ of n centred feature vectors, in float64: as X itself where that is smaller."""

    matrix: Tensor
    """X (n, features), or K (n, n)."""
    is_gram: bool

    @property
    def n(self) -> int:
        """Number of images."""
        return len(self.matrix)

    @cached_property
    def diagonal(self) -> Tensor:
        """Diagonal of K (n,)."""
        return self.matrix.diagonal() if self.is_gram else self.matrix.square().sum(1)

    def trace(self) -> float:
        """Return the trace of K, the squared norm of X."""
        return float(self.matrix.trace() if self.is_gram else self.matrix.square().sum())


def kernel(features: Tensor, *, gram: bool = False) -> Kernel:
    """Return the centred linear kernel of `features` (n, ...), which are flattened to (n, features).

    Features are centred first; X is kept when features ≤ n, unless `gram` asks for K, else K = X Xᵀ is accumulated over
    blocks of columns.
    Features that are equal for all images up to float32 rounding have the kernel 0 exactly.

    Raises UsageError with fewer than two images.

    >>> kernel(torch.tensor([[1.0], [3.0]])).matrix
    tensor([[-1.],
            [ 1.]], dtype=torch.float64)
    """
    flat = features.detach().flatten(1)
    n, columns = flat.shape
    if n < 2:
        raise UsageError(f"CKA requires two images or more, got {n}", fix="use more images")
    is_gram = gram or columns > n
    matrix, size = _gram(flat) if is_gram else _centred(flat)
    found = Kernel(matrix, is_gram)
    return Kernel(torch.zeros_like(matrix), is_gram) if found.trace() <= (_CONSTANT**2) * float(size) else found


def _centred(flat: Tensor) -> tuple[Tensor, Tensor]:
    """Return X minus its mean, and the squared norm of X before."""
    if flat.is_cuda:  # one kernel converts and subtracts, and the squares of X are those of its two parts
        mean = flat.mean(0, dtype=torch.float64)
        centred = torch.sub(flat, mean)
        return centred, torch.linalg.vector_norm(centred).square() + len(flat) * mean.square().sum()
    exact = double(flat)
    return exact - exact.mean(0), exact.square().sum()


def _gram(flat: Tensor) -> tuple[Tensor, Tensor]:
    """Return X Xᵀ of the centred X, and the squared norm of X before; float64 copies are made block by block.

    The matrix is symmetric: only blocks on and above the diagonal are multiplied.
    """
    width, height = _BLOCK if flat.device.type in {"cpu", "mps"} else _WIDE_BLOCK
    matrix = double(flat.new_zeros(len(flat), len(flat)))
    sizes = []
    for columns in torch.split(flat, width, dim=1):
        centred, norm = _centred(columns)
        for start in range(0, len(flat), height):
            matrix[start : start + height, start:].addmm_(centred[start : start + height], centred[start:].T)
        sizes.append(norm)
    for start in range(0, len(flat), height):
        matrix[start:, start : start + height] = matrix[start : start + height, start:].T.clone()
    return matrix, torch.stack(sizes).sum()


def _inner(first: Kernel, second: Kernel) -> float:
    """Return tr(K L) of the centred kernels."""
    if first.n != second.n:
        raise UsageError(
            f"features of {first.n} and of {count_text(second.n, 'image')} cannot be compared",
            fix="use the same images",
        )
    if first.is_gram and second.is_gram:
        return float(torch.dot(first.matrix.view(-1), second.matrix.view(-1)))
    if not first.is_gram and not second.is_gram:
        return float(_product(first.matrix, second.matrix).square().sum())
    gram, plain = (first.matrix, second.matrix) if first.is_gram else (second.matrix, first.matrix)
    return float((plain * (gram @ plain)).sum())


def _product(x: Tensor, y: Tensor) -> Tensor:
    """Return Xᵀ Y. numpy's BLAS is faster where both are narrow, and takes half the operations for Xᵀ X."""
    if x.is_cpu and x.shape[1] * y.shape[1] <= _NARROW:
        return torch.from_numpy(x.T.numpy() @ y.numpy())
    return x.T @ y


def hsic(first: Kernel, second: Kernel) -> float:
    """Biased estimate of the Hilbert–Schmidt independence criterion of two linear kernels.

    Formula: HSIC₀ = tr(K H L H) / (n − 1)², H = I − 1 1ᵀ / n; with centred features tr(K L) = ‖Xᵀ Y‖²_F.
    Source: Gretton et al. 2005, section 3; Kornblith et al. 2019, section 3. Unit: that of X² Y²; ≥ 0.

    >>> x = kernel(torch.tensor([[0.0], [1.0], [5.0], [2.0]]))
    >>> round(hsic(x, x), 6)
    21.777778
    """
    return _inner(first, second) / (first.n - 1) ** 2


def hsic_debiased(first: Kernel, second: Kernel) -> float:
    """Unbiased estimate of the Hilbert–Schmidt independence criterion of two linear kernels.

    Formula: HSIC₁ = [tr(K̃ L̃) + (1ᵀK̃1)(1ᵀL̃1) / ((n − 1)(n − 2)) − 2 / (n − 2) · 1ᵀK̃L̃1] / (n (n − 3)), where K̃ and L̃
    are K and L with zero diagonals. Centred features have K 1 = 0, so that 1ᵀK̃1 = −Σ k_ii, 1ᵀK̃L̃1 = Σ k_ii l_ii and
    tr(K̃ L̃) = tr(K L) − Σ k_ii l_ii; centring does not change HSIC₁.
    Source: Song et al. 2012, equation 5. Unit: that of X² Y²; around 0, negative too, for independent features.

    Raises UsageError with fewer than four images.

    >>> x = kernel(torch.tensor([[0.0], [1.0], [5.0], [2.0]]))
    >>> round(hsic_debiased(x, x), 6)
    8.166667
    """
    n = first.n
    if n < SMALLEST:
        raise UsageError(f"the debiased estimator requires four images or more, got {n}", fix="use more images")
    both = float(first.diagonal @ second.diagonal)
    traces = float(first.diagonal.sum()) * float(second.diagonal.sum())
    total = _inner(first, second) - both + traces / ((n - 1) * (n - 2)) - 2 * both / (n - 2)
    return total / (n * (n - 3))


def cka(first: Kernel, second: Kernel, *, debiased: bool = False) -> float:
    """Centred kernel alignment of two linear kernels of the same n images.

    Formula: HSIC(K, L) / √(HSIC(K, K) · HSIC(L, L)), with the biased HSIC₀ or the debiased HSIC₁.
    Source: Kornblith et al. 2019, equation 4; HSIC₁: Song et al. 2012.
    Unit: pure number; biased in [0, 1], debiased in [−1, 1] and around 0 for independent features. Invariant to
    rotation, shift and isotropic scaling. NaN: when a representation is the same for all images.

    Raises UsageError when the numbers of images differ or are too few.

    >>> x, y = kernel(torch.tensor([[0.0], [1.0], [5.0], [2.0]])), kernel(torch.tensor([[0.0], [2.0], [1.0], [1.0]]))
    >>> [round(value, 6) for value in (cka(x, x), cka(x, y), cka(x, y, debiased=True))]
    [1.0, 0.035714, -0.928571]
    """
    return pairwise_cka([first, second], debiased=debiased)[0]


def pairwise_cka(kernels: Sequence[Kernel], *, debiased: bool = False) -> list[float]:
    """CKA of every pair of replicas, in the order of itertools.combinations; see `cka`."""
    return ratios(hsic_table(kernels, debiased=debiased))


def hsic_table(kernels: Sequence[Kernel], *, debiased: bool) -> Tensor:
    """Return HSIC of every pair of kernels, of each with itself too: float64 (replicas, replicas)."""
    estimate = hsic_debiased if debiased else hsic
    table = torch.zeros(len(kernels), len(kernels), dtype=torch.float64)
    for a, b in combinations_with_replacement(range(len(kernels)), 2):
        table[a, b] = table[b, a] = estimate(kernels[a], kernels[b])
    return table


def ratios(table: Tensor) -> list[float]:
    """Return CKA of every pair from a table of HSIC; NaN where a representation is the same for all images.

    >>> ratios(torch.tensor([[1.0, 0.5], [0.5, 4.0]]))
    [0.25]
    """
    scales = {(a, b): float(table[a, a]) * float(table[b, b]) for a, b in combinations(range(len(table)), 2)}
    return [float(table[pair]) / math.sqrt(scale) if scale > 0 else math.nan for pair, scale in scales.items()]


def minibatch_cka(batches: Iterable[Sequence[Tensor]]) -> tuple[list[float], int]:
    """CKA of every pair of replicas from mini-batches, and the number of images: an approximation in bounded memory.

    Formula: Σ_b n_b HSIC₁(K_b, L_b) / √(Σ_b n_b HSIC₁(K_b, K_b) · Σ_b n_b HSIC₁(L_b, L_b)) over the batches b of n_b
    images. Each HSIC₁ is unbiased, so that the ratio tends to the debiased CKA as batches are added.
    Source: Nguyen, Raghu and Kornblith 2021, section 3, equations 4 and 5 (there with batches of one size).
    Shapes: batches yield the features (n_b, ...) of every replica. Unit: pure number around [0, 1]; NaN: as `cka`.
    Batches of fewer than four images are left out.

    Raises UsageError when no batch remains.

    >>> x = torch.tensor([[0.0], [1.0], [5.0], [2.0]])
    >>> minibatch_cka([(x, 2 * x), (x + 1, 2 * x)])
    ([1.0], 8)
    """
    table, images = torch.zeros(()), 0
    for features in batches:
        n = len(features[0])
        if n >= SMALLEST:
            table = table + n * hsic_table([kernel(one) for one in features], debiased=True)
            images += n
    if not images:
        raise UsageError(
            f"CKA requires mini-batches of {count_text(SMALLEST, 'image')} or more", fix="use a larger batch size"
        )
    return ratios(table), images
