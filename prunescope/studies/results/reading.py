"""The finished runs of a study, those that can be read; and the run that an id's beginning names."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from prunescope.api.errors import InputError, PrunescopeError, UsageError
from prunescope.runs.recipe import run_of

if TYPE_CHECKING:
    from prunescope.runs.files.runfile import Run
    from prunescope.runs.session import Session
    from prunescope.studies.results.question import ResultsQuestion


@dataclass(frozen=True, kw_only=True)
class ReadableRuns:
    """The runs of a study that can be read, the oldest first."""

    runs: tuple[Run, ...]
    problems: tuple[str, ...]
    """Of each run that cannot be read, what is wrong."""


def check_exists(question: ResultsQuestion, session: Session) -> None:
    """Raise UsageError where the folder is no study."""
    if not session.store.runs.is_dir():
        raise UsageError(
            f"{question.study} is not a study: it has no folder {session.store.runs}", fix="name one: --study DIR"
        )


def read_runs(session: Session) -> ReadableRuns:
    """Return the runs that can be read, and what is wrong with the others."""
    runs, problems = [], []
    for run_id in session.store.ids():
        try:
            runs.append(session.read(run_id))
        except PrunescopeError as error:
            problems.append(error.message)
    runs.sort(key=lambda run: (run.created, run.id))
    return ReadableRuns(runs=tuple(runs), problems=tuple(problems))


def find_run(text: str, session: Session) -> Run:
    """Return the run of an id or its beginning; InputError where there is none."""
    store = session.store
    reference = store.resolve(text)
    if reference is None:
        fix = f"see: prunescope results list --study {store.study}"
        raise InputError(f"there is no run {text!r} in {store.study}", fix=fix)
    return store.read(run_of(reference))
