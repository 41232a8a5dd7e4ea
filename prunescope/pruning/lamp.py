"""LAMP: layer-adaptive magnitude-based pruning."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch

from prunescope.landscape.guard import double

if TYPE_CHECKING:
    from torch import Tensor


def lamp(weight: Tensor) -> Tensor:
    """Return each weight's square as a share of those of its tensor that would outlive it.

    Formula: score(u) = w_u² / Σ_{v ≥ u} w_v², the weights of the tensor sorted by magnitude, ascending. The largest of
    each tensor scores 1, so that ranking scores over the model empties no layer before every other keeps one weight.
    Weights of equal magnitude rank by index, the first one highest.
    Source: Lee et al. 2021, section 3.
    Shapes: any; scores float64, of the same shape. Unit: pure number in [0, 1]; 0 where all that outlive it are 0 too.

    >>> lamp(torch.tensor([[1.0, -3.0], [2.0, 0.0]]))
    tensor([[0.0714, 1.0000],
            [0.3077, 0.0000]], dtype=torch.float64)
    """
    squares = double(weight.detach()).square().flatten()
    descending, order = torch.sort(squares, descending=True, stable=True)
    outlived = torch.cumsum(descending, 0)
    scores = torch.empty_like(squares)
    scores[order] = torch.where(outlived > 0, descending / outlived.clamp_min(torch.finfo(outlived.dtype).tiny), 0.0)
    return scores.reshape(weight.shape)
