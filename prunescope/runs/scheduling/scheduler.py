"""Runs recipes in dependency order through an executor: what is finished is not run again.

Several processes may work on one study. A step that another one performs is put aside, with what needs it, and asked
for again when that process is done with it or gone; meanwhile the workers do the rest. Trainings that one call of their
trainer can do are one job; when that fails, they are asked for one by one.
"""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING

from prunescope.api import Outcome, Progress
from prunescope.api.errors import BUSY, PluginError
from prunescope.runs import failures, locations, pipeline
from prunescope.runs.recipe import run_of
from prunescope.runs.scheduling import arrivals, devices, groups
from prunescope.runs.scheduling.works import works
from prunescope.runs.store import CANNOT_WRITE

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path

    from prunescope.api import Executor
    from prunescope.runs.recipe import Recipe
    from prunescope.runs.scheduling.groups import Group
    from prunescope.runs.scheduling.works import Expected
    from prunescope.runs.store import Store

WAIT_SECONDS = 0.5


@dataclass
class _State:
    """How far a sweep is."""

    store: Store
    left: dict[str, Recipe]
    """Steps whose outcome is not known yet."""
    together: dict[str, Group]
    failed: set[str] = field(default_factory=set)
    """Runs that failed or were skipped for good."""
    busy: set[str] = field(default_factory=set)
    """Of this round: runs that another process performs."""
    split: bool = False
    """Of this round: whether a group failed, whose members come one by one in the next."""

    def split_up(self, recipes: Group) -> None:
        """Let what is left of a group be performed one by one."""
        self.split = self.split or len(recipes) > 1
        for recipe in recipes:
            self.together.pop(recipe.id, None)

    def end(self, run_id: str, *, error: str = "", skipped: bool = False, details: str = "") -> Outcome:
        """Record how a step ended."""
        del self.left[run_id]
        if error:
            self.failed.add(run_id)
        return Outcome(id=run_id, error=error, skipped=skipped, details=details)

    def wait(self) -> None:
        """Wait until another process is done with one of the steps it performs, or gone."""
        if not self.busy:
            raise PluginError("the executor ended before all steps", fix="report it to the author of the executor")
        while all(self.store.is_busy(run_id) for run_id in self.busy):
            time.sleep(WAIT_SECONDS)


def run(
    recipes: Sequence[Recipe],
    store: Store,
    executor: Executor,
    *,
    device: str,
    of: Sequence[Recipe] = (),
    expected: Expected | None = None,
) -> Iterator[Outcome]:
    """Run what is not finished; yield how each step ended, those included that another process finished.

    of: all steps of the study, where `recipes` are a part: groups are those of the whole, as far as they are asked for.
    expected: what the steps take, where an estimate was made. A step succeeded once its result is in the study's folder
    and opens. Stops after a step whose result could not be written: the next ones would be computed in vain.
    """
    locations.note_places(recipes, store)
    perform = partial(pipeline.perform_job, device=device, trust=store.trust)
    state = _State(
        store,
        left={recipe.id: recipe for recipe in store.unfinished(recipes)},
        together=_asked(groups.divide_recipes(of or recipes, store, device=devices.resolve_here(device)), recipes),
    )
    while state.left:
        round_ = {work.job.id: work for work in works(list(state.left.values()), store, state.together, expected)}
        here = {recipe.id for work in round_.values() for recipe in work.recipes}
        for run_id in [run_id for run_id in state.left if run_id not in here]:
            yield _noted(state.end(run_id), study=store.study)
        state.busy, state.split = set(), False
        for found in executor.run([work.job for work in round_.values()], perform):
            if isinstance(found, Progress):
                store.note_progress(found.run, found.fraction)
                continue
            outcome = arrivals.check_arrival(found, round_[found.id].recipes, store)
            for ended in _ended(outcome, round_[found.id].recipes, state):
                yield _noted(ended, study=store.study)
            if outcome.error.startswith(CANNOT_WRITE):
                return
        if state.left and not state.split:
            state.wait()


def _asked(found: Mapping[str, Group], recipes: Sequence[Recipe]) -> dict[str, Group]:
    """Keep of every group the members that are asked for."""
    asked = {recipe.id for recipe in recipes}
    parts = {run_id: tuple(one for one in group if one.id in asked) for run_id, group in found.items()}
    return {run_id: group for run_id, group in parts.items() if len(group) > 1 and run_id in asked}


def _ended(outcome: Outcome, recipes: Group, state: _State) -> Iterator[Outcome]:
    """Yield how the steps of one job ended; those that must be asked for again stay in `left`."""
    mine = [recipe for recipe in recipes if recipe.id in state.left]
    if outcome.error.startswith(BUSY):
        state.busy |= {recipe.id for recipe in mine if state.store.is_busy(recipe.id)} or {mine[0].id}
    elif outcome.skipped:
        for recipe in mine:
            lost = state.failed.intersection(map(run_of, recipe.inputs))
            if lost:
                state.split_up(recipes)
                yield state.end(recipe.id, error=f"needs {min(lost)}", skipped=True)
    elif outcome.error and len(recipes) > 1 and not outcome.error.startswith(CANNOT_WRITE):
        state.split_up(recipes)
    else:
        for recipe in mine:
            yield state.end(recipe.id, error=outcome.error, details=outcome.details)


def _noted(outcome: Outcome, *, study: Path) -> Outcome:
    if outcome.error and not outcome.skipped:
        failures.note(study, outcome)
    elif not outcome.error:
        failures.forget(study, outcome.id)
    return outcome
