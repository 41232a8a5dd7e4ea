"""How much of a device's memory a measurement may plan with: less after an attempt that did not fit."""

from __future__ import annotations

from contextlib import contextmanager
from contextvars import ContextVar
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterator

_SHARE: Final[ContextVar[float]] = ContextVar("share of the usual memory", default=1.0)


@contextmanager
def limit_memory(share: float) -> Iterator[None]:
    """Let this thread plan with `share` of the usual memory inside the block.

    >>> with limit_memory(0.25):
    ...     scaled_bytes(1000)
    250
    >>> scaled_bytes(1000)
    1000
    """
    before = _SHARE.set(share)
    try:
        yield
    finally:
        _SHARE.reset(before)


def scaled_bytes(usual: int) -> int:
    """Return the bytes to plan with where they are `usual` as long as nothing failed; at least one.

    Only what decides how many images, points, layers or batches are computed at once may depend on it, and no number.
    """
    return max(1, int(usual * _SHARE.get()))
