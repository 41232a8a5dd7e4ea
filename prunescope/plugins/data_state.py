"""Whether data are still as they were loaded: the steps of a process share them in memory."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Iterator

    from torch import Tensor

    from prunescope.api import Data

SAMPLED = 1 << 20
"""Bytes of a tensor that are looked at, at most: a few milliseconds."""

State: TypeAlias = "tuple[tuple[int, int], ...]"
"""Of each tensor: how often it was changed in place, as torch counts, and the sum of bytes of it."""


def data_state(data: Data) -> State:
    """Return what differs once tensors of the data are changed in place: by torch, or through numpy in many places."""
    return tuple(_tensor_state(tensor) for split in (data.train, data.test) for tensor in _tensors(split))


def _tensors(split: object) -> Iterator[Tensor]:
    """Yield the tensors of a split in memory, and of one that it is a view of; others have none."""
    import torch

    for value in getattr(split, "__dict__", {}).values():
        if isinstance(value, torch.Tensor):
            yield value
        elif hasattr(value, "batches"):
            yield from _tensors(value)


def _tensor_state(tensor: Tensor) -> tuple[int, int]:
    """Sum single bytes in equal distances, an odd number of bytes: of each number another one."""
    import torch

    changes = 0 if tensor.is_inference() else tensor._version  # noqa: SLF001 - torch has no other name for it
    with torch.no_grad():
        stored = torch.empty(0, dtype=torch.uint8, device=tensor.device).set_(tensor.untyped_storage())
        return changes, int(stored[:: (len(stored) // SAMPLED) | 1].sum(dtype=torch.int64))
