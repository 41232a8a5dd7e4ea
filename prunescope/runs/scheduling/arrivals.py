"""Whether the result of a job that succeeded is where this process reads it: a cluster may have written elsewhere."""

from __future__ import annotations

import time
from dataclasses import replace
from typing import TYPE_CHECKING

from prunescope.api.errors import PrunescopeError
from prunescope.runs.files.whole import list_folder

if TYPE_CHECKING:
    from collections.abc import Sequence

    from prunescope.api import Outcome
    from prunescope.runs.recipe import Recipe
    from prunescope.runs.store import Store

PATIENCE_SECONDS = 10.0
"""How long a result may take to appear: network file systems remember for seconds that a name does not exist."""

NOT_SHARED = (
    "the study must be one folder that all machines reach under the same path: give such a folder with --study, or "
    "use an executor that brings results back (ray with --executor-option shared=no)"
)


def check_arrival(outcome: Outcome, recipes: Sequence[Recipe], store: Store) -> Outcome:
    """Return how a job ended, which failed if one of its results is not there or does not open."""
    if outcome.error:
        return outcome
    for recipe in recipes:
        problem = _problem(recipe.id, store)
        if problem:
            return replace(outcome, error=problem)
    return outcome


def _problem(run_id: str, store: Store) -> str:
    """Return what is wrong with the result of a run, and what to do about it; empty when nothing is."""
    if not _appears(run_id, store):
        path = store.path(run_id).absolute()
        return f"the executor reports that it succeeded, but there is no result {path}\n{NOT_SHARED}"
    try:
        store.check_result(run_id)
    except PrunescopeError as error:
        return f"the executor reports that it succeeded, but {error}"
    return ""


def _appears(run_id: str, store: Store) -> bool:
    wait, until = 0.05, time.monotonic() + PATIENCE_SECONDS
    while not store.has(run_id):
        if time.monotonic() > until:
            return False
        time.sleep(wait)
        wait = min(2 * wait, 1.0)
        list_folder(store.runs)
    return True
