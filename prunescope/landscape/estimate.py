"""A mean over images or draws, with its standard error."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from torch import Tensor


@dataclass(frozen=True)
class Estimate:
    """A mean of `n` values and its standard error (NaN where n < 2)."""

    value: float
    stderr: float
    n: int


def mean(values: Tensor) -> Estimate:
    """Mean of independent values, with its standard error.

    Formula: x̄ = Σ x_i / n; stderr = √(Σ (x_i − x̄)² / (n (n − 1))), summed in float64.
    Shapes: values (n,), any real dtype, bool included. Unit: that of the values.
    NaN: the standard error of a single value; everything of no value.

    >>> import torch
    >>> mean(torch.tensor([0.0, 1.0, 1.0, 2.0]))
    Estimate(value=1.0, stderr=0.408248290463863, n=4)
    """
    n = len(values)
    exact = values.double()
    value = float(exact.sum()) / n if n else math.nan
    stderr = math.sqrt(float((exact - value).square().sum()) / (n * (n - 1))) if n > 1 else math.nan
    return Estimate(value, stderr, n)
