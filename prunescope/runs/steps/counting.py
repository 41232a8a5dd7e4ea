"""The progress of a step between its epochs: batches that are counted become notes, a few in a second at most."""

from __future__ import annotations

from dataclasses import dataclass, field
from time import monotonic
from typing import TYPE_CHECKING

from prunescope.api.progress import count_passes

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from contextlib import AbstractContextManager

    from prunescope.runs.steps.context import StepContext

LEAST_SECONDS = 0.5
"""Between two notes, each of which is a file that is written: a step of milliseconds writes none."""


def count_batches(
    run_ids: Sequence[str], context: StepContext, *, expected: float = 0.0
) -> AbstractContextManager[None]:
    """Note the progress of these runs, which one step makes together, while the block sends batches.

    expected: the passes of the step, where they are what is counted; see `prunescope.api.progress.add_passes`.
    """
    return count_passes(expected, _Seldom(lambda fraction: _note_each(run_ids, context, fraction)))


def _note_each(run_ids: Sequence[str], context: StepContext, fraction: float) -> None:
    for run_id in run_ids:
        context.note_progress(run_id, fraction)


@dataclass
class _Seldom:
    """Gives a note on where the last one is long enough ago. The clock decides what is shown, never a result."""

    note: Callable[[float], None]
    last: float = field(default_factory=monotonic)

    def __call__(self, fraction: float) -> None:
        now = monotonic()
        if now - self.last >= LEAST_SECONDS:
            self.last = now
            self.note(fraction)
