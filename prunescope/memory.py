"""How the C library treats freed memory: kept for the next tensor, not given back and asked for again."""

from __future__ import annotations

import ctypes
import sys

TRIM_THRESHOLD, MMAP_THRESHOLD = -1, -3
"""Parameters of glibc's mallopt (malloc.h)."""

KEPT_BYTES = (1 << 31) - 1
"""Free memory at the top of the heap beyond which it is given back."""

OWN_MAP_BYTES = 1 << 28
"""Size from which a tensor gets a mapping of its own, given back at once."""


def keep_freed() -> bool:
    """Let this process keep what it frees; return whether the C library, which must be glibc, can be told so.

    By default glibc maps a large block anew for every tensor and gives it back when it is freed: the system zeroes the
    same pages again and again, a third of the time of linear mode connectivity of PreResNet-20 on 32×32
    (benchmarks/bench_memory.py). The process holds on to the most it ever used; numbers do not change.
    """
    if not sys.platform.startswith("linux"):
        return False
    change = getattr(ctypes.CDLL(None), "mallopt", None)  # other C libraries have none, or one that does nothing
    if change is None:
        return False
    return bool(change(MMAP_THRESHOLD, OWN_MAP_BYTES)) and bool(change(TRIM_THRESHOLD, KEPT_BYTES))
