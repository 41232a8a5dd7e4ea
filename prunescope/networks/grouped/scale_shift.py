"""BatchNorm with given statistics as one pass over its features, and its statistics of a batch.

Features in channels_last are rows of channels. A few channels make short rows, over which torch's loops are slow; the
rows of several pixels side by side are one long row (`long_rows`), whose statistics are merged afterwards.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import nn

if TYPE_CHECKING:
    from collections.abc import Sequence

    from torch import Tensor
    from torch.nn.modules.batchnorm import _BatchNorm

ENOUGH = 64
"""Channels that need no longer rows."""

PIXELS = (32, 16, 8, 4, 2)
"""How many pixels may lie side by side."""

LONGEST = 512
"""Numbers in a row beyond which nothing is gained."""


def pixels_per_row(shape: Sequence[int]) -> int:
    """Return how many pixels of features (images, channels, ...) go into one row; the same for any number of images.

    >>> pixels_per_row((7, 16, 32, 32)), pixels_per_row((7, 16, 7, 7)), pixels_per_row((7, 88, 8, 8))
    (32, 1, 1)
    """
    channels, area = shape[1], torch.Size(shape[2:]).numel()
    if channels >= ENOUGH:
        return 1
    return next((count for count in PIXELS if not area % count and count * channels <= LONGEST), 1)


def long_rows(x: Tensor, pixels: int) -> Tensor:
    """Return features (images, channels, ...) as rows (all pixels / pixels, pixels · channels).

    They are a view where the features are in channels_last.

    >>> long_rows(torch.arange(8).view(1, 2, 2, 2), 2)
    tensor([[0, 4, 1, 5],
            [2, 6, 3, 7]])
    """
    return x.movedim(1, -1).reshape(-1, pixels * x.shape[1])


class ScaleShift(nn.Module):
    """x ↦ γ (x − μ) / √(σ² + ε) + β, then ReLU if asked, as scale · x + shift; in place if asked.

    γ, β and ε are those of `norm`, read whenever statistics are given (`follow`).
    """

    def __init__(self, norm: _BatchNorm, *, in_place: bool, relu: bool) -> None:
        nn.Module.__init__(self)
        self.norm, self.in_place, self.relu = norm, in_place, relu
        self.pixels = 0
        self.coefficients: tuple[Tensor, Tensor] | None = None
        self.long: tuple[Tensor, Tensor] | None = None

    def follow(self, mean: Tensor, variance: Tensor) -> None:
        """Normalise with these statistics from now on."""
        self.coefficients, self.long = coefficients(self.norm, mean, variance), None

    def forward(self, x: Tensor) -> Tensor:
        """Features (batch, channels, ...) -> the same shape."""
        if x.dim() == 4 and not x.is_contiguous(memory_format=torch.channels_last):
            return self._planes(x)
        if self.long is None:
            self.long = self._lengthen(pixels_per_row(x.shape))
        scale, shift = self.long
        rows = long_rows(x, self.pixels)
        free = self.in_place or rows.data_ptr() != x.data_ptr()
        mine = torch.addcmul(shift, rows, scale, out=rows if free else torch.empty_like(rows))
        if self.relu:
            mine.relu_()
        return mine.view(len(x), *x.shape[2:], x.shape[1]).movedim(-1, 1)

    def _planes(self, x: Tensor) -> Tensor:
        """Do the same to features in NCHW, as they are on a GPU."""
        scale, shift = (one[:, None, None] for one in self._coefficients())
        made = torch.addcmul(shift, x, scale, out=x if self.in_place else torch.empty_like(x))
        return made.relu_() if self.relu else made

    def _coefficients(self) -> tuple[Tensor, Tensor]:
        if self.coefficients is None:
            raise ValueError("the statistics to normalise with are missing: call follow first")
        return self.coefficients

    def _lengthen(self, pixels: int) -> tuple[Tensor, Tensor]:
        scale, shift = self._coefficients()
        self.pixels = pixels
        return (scale.repeat(pixels), shift.repeat(pixels)) if pixels > 1 else (scale, shift)


def coefficients(norm: _BatchNorm, mean: Tensor, variance: Tensor) -> tuple[Tensor, Tensor]:
    """Return (scale, shift) of `norm` with the statistics of each channel.

    >>> coefficients(nn.BatchNorm1d(1, eps=0), torch.tensor([3.0]), torch.tensor([4.0]))
    (tensor([0.5000]), tensor([-1.5000]))
    """
    scale = (variance + norm.eps).rsqrt_()
    if norm.weight is not None:
        scale = scale.mul_(norm.weight.detach())
    if norm.bias is None:
        return scale, -mean * scale
    return scale, torch.addcmul(norm.bias.detach(), mean, scale, value=-1)


def moments(x: Tensor) -> tuple[Tensor, Tensor]:
    """Return mean and biased variance of features (images, channels, ...), over the columns of their long rows.

    Shapes: (pixels, channels) each; see `merge`.
    """
    pixels = pixels_per_row(x.shape)
    found = torch.batch_norm_update_stats(long_rows(x, pixels), None, None, 0.0)
    mean, variance = (values.view(pixels, -1) for values in found)
    return mean, variance


def merge(parts: Sequence[tuple[Tensor, Tensor]], sizes: Sequence[int]) -> tuple[Tensor, Tensor]:
    """Return mean and biased variance of each channel over all parts, of `sizes` images each.

    Formula: μ = Σ_p w_p μ_p and σ² = Σ_p w_p (σ²_p + (μ_p − μ)²), w_p a part's share of the images.
    Source: Chan, Golub and LeVeque 1983, equation 2.1.

    >>> a, b = (torch.tensor([[1.0]]), torch.tensor([[0.0]])), (torch.tensor([[4.0]]), torch.tensor([[0.0]]))
    >>> merge([a, b], [2, 1])
    (tensor([2.]), tensor([2.]))
    """
    rows = len(parts[0][0])
    if len(parts) * rows == 1:
        return parts[0][0][0], parts[0][1][0]
    means, variances = (torch.cat(side) if len(parts) > 1 else side[0] for side in zip(*parts, strict=True))
    if len(set(sizes)) == 1:
        between, mean = torch.var_mean(means, 0, correction=0)
        return mean, variances.mean(0).add_(between)
    share = means.new_tensor(sizes).div_(rows * sum(sizes)).repeat_interleave(rows)[:, None]
    mean = (means * share).sum(0)
    return mean, ((means - mean).square_().add_(variances) * share).sum(0)
