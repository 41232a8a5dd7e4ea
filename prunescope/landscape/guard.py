"""What every measurement holds fixed while it runs: eval mode and full float32 arithmetic."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

from prunescope.networks.precision import full_precision

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from torch import Tensor, nn


@contextmanager
def guarded(models: Sequence[nn.Module]) -> Iterator[None]:
    """Hold `models` in eval mode and keep TF32 out of convolutions and products; restore both at the end.

    Every module gets its own mode back: a model whose BatchNorm layers alone are frozen stays that way.
    """
    modes = [(module, module.training) for model in models for module in model.modules()]
    try:
        for module, _ in modes:
            module.training = False
        with full_precision():
            yield
    finally:
        for module, mode in modes:
            module.training = mode


def double(tensor: Tensor) -> Tensor:
    """Return `tensor` in float64, on the CPU where the device (Apple's) has no float64.

    >>> import torch
    >>> double(torch.tensor([1, 2])).dtype
    torch.float64
    """
    return tensor.cpu().double() if tensor.device.type == "mps" else tensor.double()
