"""Work that a device's memory does not hold, done in halves."""

from __future__ import annotations

import gc
from typing import TYPE_CHECKING, TypeVar

import torch

if TYPE_CHECKING:
    from collections.abc import Callable

Part = TypeVar("Part")


def in_halves(run: Callable[[slice], Part], count: int) -> list[Part]:
    """Return what `run` makes of items 0 to `count`, or of each half of them, and so on, where memory is too small.

    Raises torch.OutOfMemoryError where it does not hold a single item.

    >>> in_halves(lambda items: (items.start, items.stop), 5)
    [(0, 5)]
    """
    return _halved(run, slice(0, count))


def _halved(run: Callable[[slice], Part], items: slice) -> list[Part]:
    try:
        return [run(items)]
    except torch.OutOfMemoryError:
        if items.stop - items.start < 2:
            raise
    free_memory()  # here, where the frames of the failed try, and what they hold, are gone
    middle = (items.start + items.stop) // 2
    return [*_halved(run, slice(items.start, middle)), *_halved(run, slice(middle, items.stop))]


def free_memory() -> None:
    """Return to the device what nothing uses any more."""
    gc.collect()
    if torch.cuda.is_available():
        torch.cuda.empty_cache()
