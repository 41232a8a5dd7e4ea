"""How far a step is: from the code that performs it to whoever receives that in the same process."""

from __future__ import annotations

from contextlib import contextmanager
from contextvars import ContextVar
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from typing import Final

    Receiver = Callable[[str, float], None]

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
