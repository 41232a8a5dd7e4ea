"""How many tensors a checkpoint may hold, and of how many dimensions: to look at more takes minutes."""

from __future__ import annotations

from typing import TYPE_CHECKING

from prunescope.api.errors import InputError
from prunescope.api.wording import count_text

if TYPE_CHECKING:
    from torch import Tensor

MOST_TENSORS = 100_000
"""Tensors of a file; the networks of timm and torchvision have a few thousand."""

MOST_DIMENSIONS = 64
"""Of a tensor: torch computes with no more."""


def check_count(count: int) -> None:
    """Raise InputError for more tensors than any network has."""
    if count > MOST_TENSORS:
        raise InputError(
            f"the checkpoint holds {count_text(count, 'tensor')}, wanted at most {MOST_TENSORS:,}",
            fix="check what it is",
        )


def check_dimensions(name: str, tensor: Tensor) -> None:
    """Raise InputError for a tensor that torch cannot compute with."""
    if tensor.dim() > MOST_DIMENSIONS:
        raise InputError(
            f"tensor {name[:80]!r} has {tensor.dim():,} dimensions, wanted at most {MOST_DIMENSIONS}",
            fix="save it as an ordinary tensor of the network's type",
        )
