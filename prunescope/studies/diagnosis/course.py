"""The recorded course of a dense training, where its run is in the study."""

from __future__ import annotations

from typing import TYPE_CHECKING

from prunescope.regimes.one_checkpoint import measure_progress
from prunescope.runs.recipe import snapshot_of
from prunescope.studies.diagnosis.family import first_drop, own_run, own_snapshots

if TYPE_CHECKING:
    from prunescope.runs.session import Session


def measure_course(reference: str, session: Session) -> float | None:
    """Return the share of the fall of a dense training's loss that came before its learning rate first fell.

    None where the run that made the network is not in the study, or its rate did not fall in steps, or not long
    enough before the end.
    """
    run_id, drop = own_run(reference, session), first_drop([reference], session)
    if run_id is None or drop is None:
        return None
    losses = [epoch.train_loss for epoch in session.read(run_id, only=()).history]
    return measure_progress(losses[: snapshot_of(reference)], drop)


def find_knob_of_snapshot(reference: str, session: Session) -> str | None:
    """Return "epochs" of a network whose run kept others: to take another one is the change that costs nothing."""
    return "epochs" if snapshot_of(reference) is not None or own_snapshots(reference, session) else None
