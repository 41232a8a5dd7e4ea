"""Freed memory is kept for the next tensor, and not looked for where none of it would be found."""

from __future__ import annotations

import ctypes
import gc
import sys
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

TRIM_THRESHOLD, MMAP_THRESHOLD = -1, -3
"""Parameters of glibc's mallopt (malloc.h)."""

KEPT_BYTES = (1 << 31) - 1
"""Free memory at the top of the heap beyond which it is given back."""

OWN_MAP_BYTES = 1 << 28
"""Size from which a tensor gets a mapping of its own, given back at once."""


def keep_freed() -> bool:
    """Let this process keep what it frees; return whether the C library, which must be glibc, accepts that.

    By default glibc maps a large block again for every tensor and gives it back when it is freed: the system zeroes the
    same pages again and again, a third of the time of linear mode connectivity of PreResNet-20 on 32×32
    (benchmarks/bench_memory.py). The process holds on to the most it ever used; numbers do not change.
    """
    if not sys.platform.startswith("linux"):
        return False
    change = getattr(ctypes.CDLL(None), "mallopt", None)  # other C libraries have none, or one that does nothing
    if change is None:
        return False
    return bool(change(MMAP_THRESHOLD, OWN_MAP_BYTES)) and bool(change(TRIM_THRESHOLD, KEPT_BYTES))


@contextmanager
def without_collector() -> Iterator[None]:
    """Do not look for unreachable cycles inside the block, and resume that after, if it was on.

    For short work that makes very many objects and keeps them: the collector walks over all of them again and again.
    """
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_on:
            gc.enable()
