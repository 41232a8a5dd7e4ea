"""The eigenvalues of W W^T of one layer."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

import numpy as np
import torch

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from torch import Tensor

Convolutions = Literal["positions", "flat"]


def eigenvalues(weight: Tensor, *, convolutions: Convolutions = "positions") -> NDArray[np.float64]:
    """Return the squared singular values of a layer that are not zero to rounding, ascending.

    A linear layer is its matrix, (out, in). A convolution is either one matrix (out, in) for each position of the
    kernel, their eigenvalues pooled ("positions", as in AlphaPruning's and WeightWatcher's code), or one matrix
    (out, in * kernel) ("flat"). Computed in float64 on the CPU; zero is below the largest times the machine's
    precision times the longer side, squared, as for a matrix's rank.

    >>> eigenvalues(torch.tensor([[3.0, 0.0], [0.0, 2.0]])).round(9).tolist()
    [4.0, 9.0]
    """
    matrix = weight.detach().cpu().double().flatten(2 if convolutions == "positions" and weight.dim() > 2 else 1)
    stacked = matrix.permute(2, 0, 1) if matrix.dim() == 3 else matrix[None]
    singular = torch.linalg.svdvals(stacked).flatten().numpy()
    longest = max(stacked.shape[1:])
    smallest = singular.max() * longest * np.finfo(np.float64).eps
    kept = singular[singular > smallest]
    return np.asarray(np.sort(kept**2), dtype=np.float64)
