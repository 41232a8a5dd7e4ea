"""From finished runs to recorders: every epoch and every number, as each step ends."""

from __future__ import annotations

from typing import TYPE_CHECKING

from prunescope.runs import coordinates
from prunescope.runs.watching import label

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from prunescope.api import Recorder
    from prunescope.runs.store import Store


def record_runs(run_ids: Iterable[str], recorders: Sequence[Recorder], store: Store) -> int:
    """Hand the epochs and readings of finished runs to recorders; return how many runs had any."""
    return sum(record_run(run_id, recorders, store) for run_id in run_ids)


def record_run(run_id: str, recorders: Sequence[Recorder], store: Store) -> bool:
    """Hand the epochs and readings of one run to recorders; return whether there were any."""
    if not recorders or not store.has(run_id):
        return False
    run = store.read(run_id)
    named = label(run.recipe)
    rows = list(coordinates.read_rows([run_id], store)) if run.readings else []
    for recorder in recorders:
        for epoch in run.history:
            recorder.record_epoch(run_id, named, epoch)
        for row in rows:
            recorder.record_reading(run_id, named, row)
    return bool(run.history or rows)
