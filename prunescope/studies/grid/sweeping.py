"""From the question of a sweep to its finished steps."""

from __future__ import annotations

from dataclasses import dataclass, replace
from time import monotonic
from typing import TYPE_CHECKING

from prunescope.api.errors import StoreError, UsageError
from prunescope.api.wording import count_text, verb_text
from prunescope.runs import failures
from prunescope.runs.files import glance
from prunescope.runs.store import CANNOT_WRITE
from prunescope.studies.grid import selection, studyfolder

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from prunescope.api import Outcome
    from prunescope.runs.recipe import Recipe
    from prunescope.runs.scheduling.cost import CostEstimate
    from prunescope.runs.session import Session
    from prunescope.studies.grid.layout import Grid
    from prunescope.studies.grid.question import SweepQuestion

STATES = ("finished", "running", "failed", "damaged", "waiting")


@dataclass(frozen=True, kw_only=True)
class Swept:
    """How a sweep ended."""

    named: Mapping[str, Recipe]
    """The steps that were asked for, by name."""
    before: int
    """Steps that were finished before."""
    outcomes: Sequence[Outcome]
    done: int
    """Steps that were finished now and are still there."""
    lost: int
    """Steps that were finished, and are no longer in the study, or do not open."""
    seconds: float
    """That it took by the clock on the wall."""
    seconds_of_workers: float
    """Of the steps that were finished now, summed."""

    @property
    def failed(self) -> tuple[Outcome, ...]:
        """The steps that failed."""
        return tuple(outcome for outcome in self.outcomes if outcome.error and not outcome.skipped)

    @property
    def skipped(self) -> tuple[Outcome, ...]:
        """The steps that need one that failed."""
        return tuple(outcome for outcome in self.outcomes if outcome.skipped)

    @property
    def finished(self) -> int:
        """Number of steps that are finished, before or now, and still there."""
        return self.before + sum(not outcome.error for outcome in self.outcomes) - self.lost

    @property
    def cannot_write(self) -> bool:
        """Whether a result found no room: the steps after it were not run."""
        return any(outcome.error.startswith(CANNOT_WRITE) for outcome in self.failed)


@dataclass(frozen=True, kw_only=True)
class StepStates:
    """Every step and how far it is."""

    named: Mapping[str, Recipe]
    states: Mapping[str, str]
    """Name of a step -> one of STATES."""
    problems: tuple[str, ...] = ()
    """What is wrong with damaged steps."""


def answer_sweep(question: SweepQuestion, session: Session) -> Swept | StepStates | CostEstimate:
    """Run every step that is asked for and not finished; the states or the cost where only those are asked."""
    file, store = question.file, session.store
    if not (question.list_steps or question.dry_run):
        studyfolder.settle(file, store.study, trust=store.trust, data=question.data)
    grid = studyfolder.load_grid(store.study, at=file, trust=store.trust, data=question.data)
    named = _chosen(grid, question)
    damaged = store.damaged([recipe.id for recipe in named.values()])
    if question.list_steps:
        states = find_states(named, session, damaged)
        return StepStates(named=named, states=states, problems=tuple(damaged.values()))
    repaired = _repair(named, damaged, session, question)
    estimate = repaired.estimate(list(named.values()))
    return estimate if question.dry_run else _complete(named, repaired, of=grid.recipes, estimate=estimate)


def find_states(named: Mapping[str, Recipe], session: Session, damaged: Mapping[str, str]) -> dict[str, str]:
    """Return the state of every step by its name: one of STATES; damaged: what is wrong, by run id."""
    store = session.store
    finished, failed = set(store.ids()), failures.known(store.study)

    def state(run_id: str) -> str:
        if run_id in damaged:
            return "damaged"
        if run_id in finished:
            return "finished"
        if store.is_busy(run_id):
            return "running"
        return "failed" if run_id in failed else "waiting"

    return {name: state(recipe.id) for name, recipe in named.items()}


def _chosen(grid: Grid, question: SweepQuestion) -> dict[str, Recipe]:
    named = grid.named
    if question.shard is not None:
        number, of = question.shard
        if not 1 <= number <= of:
            raise UsageError(f"--shard got {number}/{of}", fix="it requires K/N, for example 1/4, 2/4, 3/4 and 4/4")
        named = selection.shard(grid, number, of=of)
    return selection.only(named, question.only) if question.only else named


def _repair(
    named: Mapping[str, Recipe], damaged: Mapping[str, str], session: Session, question: SweepQuestion
) -> Session:
    """Name the damaged steps; return the session whose study has them no more, where they shall be computed again."""
    store = session.store
    for name, recipe in named.items():
        if recipe.id in damaged:
            session.note(f"damaged: {name}: {damaged[recipe.id]}")
    if damaged and not question.repair:
        raise StoreError(
            f"{len(damaged)} of the finished steps in {store.study} are damaged: nothing was run",
            fix=f"compute them again: prunescope sweep {question.file} --repair",
        )
    if question.dry_run:
        return replace(session, store=replace(store, without=frozenset(damaged)))
    for run_id in damaged:
        store.set_aside(run_id)
    return session


def _complete(named: Mapping[str, Recipe], session: Session, *, of: Sequence[Recipe], estimate: CostEstimate) -> Swept:
    """Run what is not finished, a part of the study `of`, and report every failure as it comes."""
    from prunescope.runs.scheduling import scheduler

    store, recipes = session.store, list(named.values())
    if not store.has_locks():
        session.note(f"note: this file system has no locks: files in {store.runs / '.locks'} are used instead")
        session.note("fix: after the crash of a machine, remove its *.lease there when none of its processes runs")
    todo = store.unfinished(recipes)
    names = {recipe.id: name for name, recipe in named.items()}
    before, outcomes, started = len(named) - len(todo), [], monotonic()
    if before:
        session.note(f"{before} of {count_text(len(named), 'step')} {verb_text(before, 'are')} already finished")
    if todo:
        with session.watcher.watch(todo, store.progress, session.shares(todo)):
            executor = session.executor_for(todo)
            expected = estimate.expected(device=session.device)
            for outcome in scheduler.run(recipes, store, executor, device=session.device, of=of, expected=expected):
                outcomes.append(outcome)
                _report_failure(outcome, names[outcome.id], session)
    seconds = monotonic() - started
    unreadable = _unreadable(named, session, performed=bool(todo))
    done = [outcome.id for outcome in outcomes if not outcome.error and outcome.id not in unreadable]
    failed = sum(bool(outcome.error) for outcome in outcomes)
    never = len(todo) - len(outcomes)  # a result found no room: what came after it was not run
    missing = len(unreadable)
    return Swept(
        named=named,
        before=before,
        outcomes=outcomes,
        done=len(done),
        lost=max(0, missing - failed - never),
        seconds=seconds,
        seconds_of_workers=sum(glance.wall_seconds(store.path(run_id)) for run_id in done),
    )


def _unreadable(named: Mapping[str, Recipe], session: Session, *, performed: bool) -> set[str]:
    """Return the ids of steps that are not there, or whose file does not open, which is reported.

    performed: whether steps were performed since all results were verified.
    """
    store = session.store
    ids, finished = [recipe.id for recipe in named.values()], set(store.ids())
    problems = store.incomplete(ids) if performed else {}  # else all were looked at just now
    for name, recipe in named.items():
        if recipe.id in problems:
            session.note(f"damaged: {name}: {problems[recipe.id]}")
    return {run_id for run_id in ids if run_id not in finished or run_id in problems}


def _report_failure(outcome: Outcome, name: str, session: Session) -> None:
    if outcome.error and not outcome.skipped:
        message = outcome.error.partition("\n")[0]
        session.note(f"failed: {name}: {message}")
        session.note(f"        see {failures.path(session.store.study, outcome.id)}")
