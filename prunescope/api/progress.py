"""How far a step is: from the code that performs it to whoever receives that in the same process."""

from __future__ import annotations

from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    Receiver = Callable[[str, float], None]

STRIDE = 0.01
"""The least fraction of a step between two notes of its progress."""

_RECEIVER: Final[ContextVar[Receiver | None]] = ContextVar("receiver of progress", default=None)


@contextmanager
def receive_progress(receiver: Receiver) -> Iterator[None]:
    """Let `receiver` get (run id, fraction in [0, 1]) of every step that this thread performs inside the block.

    >>> with receive_progress(lambda run, fraction: print(run, fraction)):
    ...     report_progress("train-1", 0.5)
    train-1 0.5
    """
    before = _RECEIVER.set(receiver)
    try:
        yield
    finally:
        _RECEIVER.reset(before)


def report_progress(run: str, fraction: float) -> None:
    """Give the receiver, if there is one, how far the step of a run is."""
    receiver = _RECEIVER.get()
    if receiver is not None:
        receiver(run, fraction)


@dataclass(kw_only=True)
class StepCount:
    """How much of one step is done; `note` receives the fraction at most once for each STRIDE of it."""

    expected: float
    """Passes that the whole step takes: images sent forward, a backward pass counting as two."""
    note: Callable[[float], None]
    passes: float = 0.0
    _next: float = STRIDE

    def reach(self, fraction: float) -> None:
        """Note that so much is done, where it is a stride more than what was noted; 1 is noted by the finished run."""
        if fraction >= self._next and self._next < 1:
            self.note(min(fraction, 1 - STRIDE))
            self._next = fraction + STRIDE


_COUNT: Final[ContextVar[StepCount | None]] = ContextVar("count of the passes of a step", default=None)


@contextmanager
def count_passes(expected: float, note: Callable[[float], None]) -> Iterator[None]:
    """Let `note` get the fraction of a step that is done, while the block counts its passes.

    expected: passes of the whole step; 0 where it is not known: then only `reach_fraction` moves it.

    >>> with count_passes(200, lambda fraction: print(f"{fraction:.2f}")):
    ...     add_passes(50)
    ...     add_passes(1)
    ...     add_passes(100)
    0.25
    0.76
    """
    before = _COUNT.set(StepCount(expected=expected, note=note))
    try:
        yield
    finally:
        _COUNT.reset(before)


def add_passes(passes: float) -> None:
    """Count images that were sent forward, a backward pass as two; outside of a step nothing happens."""
    count = _COUNT.get()
    if count is not None and count.expected > 0:
        count.passes += passes
        count.reach(count.passes / count.expected)


def reach_fraction(fraction: float) -> None:
    """Note how far the step of this thread is, in [0, 1]; outside of a step nothing happens."""
    count = _COUNT.get()
    if count is not None:
        count.reach(fraction)
