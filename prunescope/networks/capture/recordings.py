"""Recorded steps that outlive their training: the next one of the same kind repeats them on its own values."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import lru_cache
from typing import TYPE_CHECKING, final

import torch

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from torch import Tensor

    from prunescope.networks.capture.traces import CapturedTrace

MOST = 4
"""Kinds of steps that are kept."""

KEPT_BYTES = 1 << 30
"""Memory of a recorded step beyond which it is not kept: what it takes to record a large one is little beside training,
and others need the memory."""


@dataclass
class Recording:
    """The repetitions of a kind of step, and the memory they read and write."""

    trace: CapturedTrace
    repeat: Mapping[int, Callable[[], None]]
    """By the number of images of the batch."""
    size: int
    """Bytes of the device that it occupies besides the values of its training."""
    busy: bool = False
    """Whether a training uses it at this moment."""


@final
@dataclass
class Recordings:
    """Those of this process, the one used last at the end."""

    kept: list[Recording] = field(default_factory=list)

    def find(self, trace: CapturedTrace) -> Recording | None:
        """Return a recording of the same operations that no training uses at this moment."""
        for one in self.kept:
            if one.trace.signature == trace.signature and not one.busy:
                self.kept.remove(one)
                self.kept.append(one)
                return one
        return None

    def keep(self, recording: Recording) -> bool:
        """Keep a recording, unless it is large; return whether it is kept."""
        if recording.size > KEPT_BYTES:
            return False
        self.kept.append(recording)
        while len(self.kept) > MOST:
            del self.kept[0]
        return True

    def forget(self) -> bool:
        """Free the memory of all recordings; return whether there were any."""
        had = bool(self.kept)
        self.kept.clear()
        return had


@lru_cache(maxsize=1)
def recordings() -> Recordings:
    """Return the recordings of this process."""
    return Recordings()


def copy_memory(places: Sequence[Tensor], values: Sequence[Tensor]) -> None:
    """Copy the bytes of `values` into `places`."""
    with torch.no_grad():
        for place, value in zip(places, values, strict=True):
            if place.data_ptr() != value.data_ptr():
                place.copy_(value)
