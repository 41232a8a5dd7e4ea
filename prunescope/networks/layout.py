"""The memory layout in which a network runs: channels_last, or plain where channels_last fails or differs."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

import torch

if TYPE_CHECKING:
    from torch import Tensor, nn

Network = TypeVar("Network", bound="nn.Module")


class Plainly:
    """A hook that gives a network its inputs in plain layout; its presence means that the weights stay plain too."""

    def __call__(self, module: nn.Module, inputs: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
        """Return the inputs, contiguous."""
        del module
        return tuple(plain(one) for one in inputs)


def plain(tensor: Tensor) -> Tensor:
    """Return a tensor in plain layout: one of one channel counts as contiguous in channels_last as well.

    >>> plain(torch.zeros(2, 1, 3, 3).as_strided((2, 1, 3, 3), (9, 1, 3, 1))).stride()
    (9, 9, 3, 1)
    """
    return tensor.contiguous().view(-1).view(tensor.shape)


def run_plainly(model: nn.Module) -> None:
    """Let a network run in plain layout from now on, its copies too."""
    model.to(memory_format=torch.contiguous_format)
    if not runs_plainly(model):
        model.register_forward_pre_hook(Plainly())


def runs_plainly(model: nn.Module) -> bool:
    """Whether a network is to run in plain layout."""
    return any(isinstance(hook, Plainly) for hook in model._forward_pre_hooks.values())  # noqa: SLF001 - no public way


def laid_out(model: Network) -> Network:
    """Return the network itself, its weights in channels_last unless it is to run in plain layout.

    >>> layer = laid_out(torch.nn.Conv2d(2, 2, 3))
    >>> layer.weight.is_contiguous(memory_format=torch.channels_last)
    True
    """
    layout = torch.contiguous_format if runs_plainly(model) else torch.channels_last
    return model.to(memory_format=layout)
