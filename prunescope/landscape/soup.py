"""Model soup: replicas of one mask averaged weight by weight."""

from __future__ import annotations

from copy import deepcopy
from typing import TYPE_CHECKING

import torch

from prunescope.api.errors import MismatchError, UsageError
from prunescope.landscape import batchnorm

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from torch import Tensor, nn

    from prunescope.api import Split


def average_states(states: Sequence[Mapping[str, Tensor]]) -> dict[str, Tensor]:
    """Return the mean of state_dicts, tensor by tensor; whole numbers (counters) are those of the first.

    Formula: θ = Σ θ_k / K, summed in float64. Weights that are zero in every replica are zero.
    Source: Wortsman et al. 2022 (model soups); Zimmer, Spiegel and Pokutta 2023 for replicas of one pruned network.

    >>> average_states([{"w": torch.tensor([1.0, 0.0])}, {"w": torch.tensor([2.0, 0.0])}])
    {'w': tensor([1.5000, 0.0000])}

    Raises:
        UsageError: no state.
        MismatchError: the states have other tensors.
    """
    if not states:
        raise UsageError("there is no replica to average", fix="give two or more")
    shapes = [{name: tuple(tensor.shape) for name, tensor in state.items()} for state in states]
    if any(shape != shapes[0] for shape in shapes):
        raise MismatchError("the replicas have other tensors: they cannot be averaged", fix="give replicas of one mask")
    return {
        name: torch.stack([state[name].double() for state in states]).mean(0).to(first.dtype)
        if first.is_floating_point()
        else first.clone()
        for name, first in states[0].items()
    }


def cook_soup(models: Sequence[nn.Module], split: Split, *, batch_size: int, limit: int | None = None) -> nn.Module:
    """Return a new network of the averaged weights, with BatchNorm re-estimated on `split`; what these raise."""
    soup = deepcopy(models[0])
    soup.load_state_dict(average_states([model.state_dict() for model in models]))
    batchnorm.re_estimate(soup, split, batch_size=batch_size, limit=limit)
    return soup
