"""A state_dict as the bytes that `torch.save` writes."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING

import torch

if TYPE_CHECKING:
    from collections.abc import Mapping

    from torch import Tensor


def state_bytes(state: Mapping[str, Tensor]) -> bytes:
    """Return a state_dict as a file that `torch.load(..., weights_only=True)` reads; each tensor has its own storage.

    >>> torch.load(io.BytesIO(state_bytes({"a": torch.zeros(2)})), weights_only=True)
    {'a': tensor([0., 0.])}
    """
    file = io.BytesIO()
    torch.save({name: tensor.detach().cpu().contiguous().clone() for name, tensor in state.items()}, file)
    return file.getvalue()
