"""Masks <-> smaller networks: take out the channels a mask leaves empty."""

from __future__ import annotations

from copy import deepcopy
from typing import TYPE_CHECKING

import torch

from prunescope.api.errors import MismatchError
from prunescope_structured import channels, choosing

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from torch import Tensor, nn

    from prunescope.api import Mask

TOLERANCE = 1e-4
"""Largest difference of the outputs over their largest value that rounding may make."""


def empty_channels(model: nn.Module, mask: Mask, images: Tensor) -> dict[str, list[int]]:
    """Return the channels of which the mask keeps no weight, by the layer that makes them."""
    return choosing.removed(channels.find(model, images), mask.kept)


def shrunk(model: nn.Module, removed: Mapping[str, Sequence[int]], images: Tensor) -> nn.Module:
    """Return a copy of the network, in eval mode, without some channels and all that depends on them."""
    import torch_pruning

    made = deepcopy(model).eval()
    graph = channels.dependency_graph(made, images)
    for root, gone in removed.items():
        layer = made.get_submodule(root)
        prune = (
            torch_pruning.prune_linear_out_channels
            if isinstance(layer, torch.nn.Linear)
            else torch_pruning.prune_conv_out_channels
        )
        graph.get_pruning_group(layer, prune, idxs=list(gone)).prune()
    for parameter in made.parameters():
        parameter.grad = None
    made.to(memory_format=torch.channels_last)  # slicing made the weights contiguous
    return made


def compact(model: nn.Module, mask: Mask, images: Tensor) -> tuple[nn.Module, dict[str, list[int]]]:
    """Return the smaller network of a masked one, and the channels it lacks; both compute the same.

    images: some of the network's inputs, on its device.

    Raises:
        MismatchError: the smaller network computes something else.
    """
    removed = empty_channels(model, mask, images)
    made = shrunk(model, removed, images)
    found = difference(model, made, images)
    if found > TOLERANCE:
        raise MismatchError(
            f"the compact network's outputs differ by {found:.2g} of their largest value, wanted {TOLERANCE:g}",
            fix="this architecture cannot be shrunk: use the masked network",
        )
    return made, removed


@torch.no_grad()
def difference(one: nn.Module, other: nn.Module, images: Tensor) -> float:
    """Return the largest difference of two networks' outputs over the largest output of the first, in eval mode."""
    wanted, found = deepcopy(one).eval()(images), other(images)
    return float((wanted - found).abs().max() / wanted.abs().max().clamp(min=1e-30))
