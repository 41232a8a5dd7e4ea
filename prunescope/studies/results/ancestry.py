"""What a network was made from, and what a study holds of it: its diagnoses and its measured errors."""

from __future__ import annotations

from typing import TYPE_CHECKING

from prunescope.runs.recipe import run_of

if TYPE_CHECKING:
    from prunescope.runs.files.runfile import Run
    from prunescope.runs.session import Session

ERROR = "errors/test_error"


def follow_inputs(reference: str, session: Session) -> list[Run]:
    """Return a network's run and those it was made from, the newest first: replica, pruned, dense."""
    found = [session.read(run_of(reference))]
    while found[-1].recipe.inputs and found[-1].recipe.step != "train":
        found.append(session.read(run_of(found[-1].recipe.inputs[0])))
    return found


def diagnoses_of(chain: list[Run], session: Session) -> list[Run]:
    """Return the diagnoses of the dense network at the end of a chain, the oldest first."""
    runs = [session.read(run_id) for run_id in session.store.ids() if run_id.startswith("diagnose-")]
    found = [run for run in runs if run_of(run.recipe.inputs[0]) == chain[-1].id]
    return sorted(found, key=lambda run: (run.created, run.id))


def measured_errors(run: Run, session: Session) -> list[float]:
    """Return the test errors that probes measured on a run, one for each probe run that saw most examples."""
    import numpy as np

    found: list[tuple[int | None, float]] = []
    for run_id in session.store.ids():
        if run_id.startswith("probe-"):
            probed = session.store.read(run_id, only=(ERROR,))
            values = [named["test_error"] for named in probed.readings.values() if "test_error" in named]
            places = [place for place, one in enumerate(probed.recipe.inputs) if run_of(one) == run.id]
            found += [(reading.n, float(np.atleast_1d(reading.value)[place])) for reading in values for place in places]
    most = max((count or 0 for count, _ in found), default=0)
    return [error for count, error in found if (count or 0) == most]
