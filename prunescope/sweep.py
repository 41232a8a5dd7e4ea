"""Runs recipes in dependency order through an executor: what is finished is not run again.

Several processes may work on one study. A step that another one performs is put aside, with what needs it, and asked
for again when that process is done with it or gone; meanwhile the workers do the rest.
"""

from __future__ import annotations

import time
from functools import partial
from typing import TYPE_CHECKING

from prunescope import failures, pipeline
from prunescope.api import Outcome, Task
from prunescope.errors import BUSY, PluginError
from prunescope.recipe import run_of
from prunescope.store import CANNOT_WRITE

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from prunescope.api import Executor
    from prunescope.recipe import Recipe
    from prunescope.store import Store

POLL_SECONDS = 0.5


def pending(recipes: Sequence[Recipe], store: Store) -> list[Recipe]:
    """Return the recipes that are not finished yet, each once, in the order given."""
    once = {recipe.id: recipe for recipe in recipes}
    finished = set(store.ids())
    return [recipe for run_id, recipe in once.items() if run_id not in finished]


def tasks(recipes: Sequence[Recipe], store: Store) -> list[Task]:
    """Return one task per unfinished recipe; each waits for those of its inputs that are among them."""
    todo = {recipe.id: recipe for recipe in pending(recipes, store)}
    return [
        Task(
            id=run_id,
            needs=tuple(sorted({run_of(reference) for reference in recipe.inputs} & todo.keys())),
            recipe=recipe.canonical(),
            study=str(store.study),
        )
        for run_id, recipe in todo.items()
    ]


def run(recipes: Sequence[Recipe], store: Store, executor: Executor, *, device: str) -> Iterator[Outcome]:
    """Run what is not finished; yield how each step ended, those included that another process finished.

    Stops after a step whose result could not be written: the next ones would be computed in vain.
    """
    perform = partial(pipeline.perform_task, device=device)
    left = {recipe.id: recipe for recipe in pending(recipes, store)}
    failed: set[str] = set()
    while left:
        todo = {task.id: task for task in tasks(list(left.values()), store)}
        for run_id in [run_id for run_id in left if run_id not in todo]:
            del left[run_id]
            yield _noted(store, Outcome(id=run_id))
        busy: set[str] = set()
        aside: set[str] = set()
        for outcome in executor.run(list(todo.values()), perform):
            if outcome.error.startswith(BUSY):
                busy.add(outcome.id)
            if outcome.id in busy or _waits(outcome, todo[outcome.id], aside=aside, failed=failed):
                aside.add(outcome.id)
                continue
            if outcome.error:
                failed.add(outcome.id)
            del left[outcome.id]
            yield _noted(store, outcome)
            if outcome.error.startswith(CANNOT_WRITE):
                return
        if left:
            _wait(store, busy)


def _waits(outcome: Outcome, task: Task, *, aside: set[str], failed: set[str]) -> bool:
    """Whether a step was skipped only because another process performs one it needs."""
    return outcome.skipped and not aside.isdisjoint(task.needs) and failed.isdisjoint(task.needs)


def _noted(store: Store, outcome: Outcome) -> Outcome:
    if outcome.error and not outcome.skipped:
        failures.note(store.study, outcome)
    elif not outcome.error:
        failures.forget(store.study, outcome.id)
    return outcome


def _wait(store: Store, busy: set[str]) -> None:
    """Wait until another process is done with one of the steps it performs, or gone."""
    if not busy:
        raise PluginError("the executor ended before every step had", fix="report it to the author of the executor")
    while all(store.is_busy(run_id) for run_id in busy):
        time.sleep(POLL_SECONDS)
