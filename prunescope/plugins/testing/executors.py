"""Checks an executor."""

from __future__ import annotations

from collections import Counter
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from prunescope.api import Executor, Outcome, Progress
from prunescope.api.wording import count_text
from prunescope.plugins.testing import jobs as given
from prunescope.plugins.testing.plugin import check_plugin, require, title

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from prunescope.api import Job


def check_executor(executor: Executor, *, folder: Path | None = None) -> None:
    """Check that an executor performs every job once, after those it needs, and yields how each ended.

    A job that fails, be it by an exit or by an exception that pickle cannot restore, is yielded with its error; those
    that need it are skipped, the others are performed. Outcomes come as soon as they are known. Each job finds its
    inputs in the folder of its study, and its result lies in the study's folder here when its outcome comes, whether
    the workers share that folder or not. The jobs leave notes in `folder`, where the processes that perform them must
    be able to write; None: a temporary folder of this machine.

    Raises:
        AssertionError: what is wrong.
    """
    check_plugin(executor, Executor)
    who = title(executor)
    _check_slots(who, executor)
    with _folder(folder) as place:
        require(isinstance(executor.remote, bool), f"{who}.remote is {executor.remote!r}, wanted True or False")
        require(not _run(who, executor, (), place)[0], f"{who} yields outcomes where there are no jobs")
        _check(who, executor, given.CHAIN, place / "chain")
        _check(who, executor, given.FAILING, place / "failing")


def _check_slots(who: str, executor: Executor) -> None:
    slots, sized = executor.slots(), executor.with_slots(2)
    require(isinstance(slots, int) and slots >= 1, f"{who}.slots() is {slots!r}, wanted a whole number from 1")
    fits = sized is None or (isinstance(sized, Executor) and sized.slots() == 2)
    require(fits, f"{who}.with_slots(2) is {sized!r}, wanted None or an executor of 2 slots")


@contextmanager
def _folder(folder: Path | None) -> Iterator[Path]:
    with TemporaryDirectory(dir=folder) as made:
        yield Path(made)


def _check(who: str, executor: Executor, jobs: Sequence[Job], folder: Path) -> None:
    folder.mkdir()
    jobs = given.in_study(jobs, folder / "study")
    outcomes, late = _run(who, executor, jobs, folder)
    _check_each_once(who, jobs, outcomes)
    _check_performed(who, [job for job in jobs if job.id not in given.SKIPPED], folder, remote=executor.remote)
    _check_order(who, jobs, [outcome.id for outcome in outcomes])
    for outcome in outcomes:
        _check_outcome(who, outcome)
    require(not late, f"{who} yields the outcome of {late}, but the result is not in the study's folder here")


def _run(who: str, executor: Executor, jobs: Sequence[Job], folder: Path) -> tuple[list[Outcome], list[str]]:
    """Return the outcomes in the order they come, and the jobs whose results came later than they."""
    outcomes: list[Outcome] = []
    late: list[str] = []
    try:
        for found in executor.run(jobs, partial(given.perform_marked, folder=str(folder))):
            if isinstance(found, Progress):
                _check_progress(who, jobs, found)
                continue
            (folder / given.SEEN).touch()
            outcomes.append(found)
            late += [] if _lies_here(jobs, found) else [found.id]
    except AssertionError:
        raise
    except (Exception, SystemExit) as error:
        raise AssertionError(f"{who}.run raises {error!r}: yield the failure of a job as its outcome") from error
    return outcomes, late


def _check_progress(who: str, jobs: Sequence[Job], found: Progress) -> None:
    known = found.run in {job.id for job in jobs} and 0 <= found.fraction <= 1
    require(known, f"{who} yields {found}, wanted the id of a run under way and a fraction in [0, 1]")


def _lies_here(jobs: Sequence[Job], outcome: object) -> bool:
    """Whether the result of a job that succeeded is in the study's folder of this process."""
    if not isinstance(outcome, Outcome) or outcome.error:
        return True
    return all(Path(job.study, job.outputs[-1]).is_file() for job in jobs if job.id == outcome.id)


def _check_each_once(who: str, jobs: Sequence[Job], outcomes: Sequence[object]) -> None:
    for outcome in outcomes:
        require(isinstance(outcome, Outcome), f"{who} yields {outcome!r}, wanted a prunescope.api.Outcome")
    counts = Counter(outcome.id for outcome in outcomes if isinstance(outcome, Outcome))
    unknown = sorted(set(counts) - {job.id for job in jobs})
    require(not unknown, f"{who} yields an outcome of {unknown}, which is not a job")
    for job in jobs:
        require(counts[job.id] == 1, f"{who} yields {counts[job.id]} outcomes of one job, wanted 1")


def _check_performed(who: str, wanted: Sequence[Job], folder: Path, *, remote: bool) -> None:
    notes, by_id = given.read_notes(folder), {job.id: job for job in wanted}
    counts = Counter(note.job.id for note in notes)
    for note in notes:
        job = note.job
        require(not note.early, f"{who} runs a job before the jobs it requires are done")
        require(job.id in by_id, f"{who} runs a job that requires a failed one")
        as_given = replace(job, study=by_id[job.id].study) if remote else job
        require(as_given == by_id[job.id], f"{who} passes on a different job from the one given: {job}")
        require(not note.absent, f"{who} runs a job in whose study the input {note.absent} is not")
    for job in wanted:
        require(counts[job.id] == 1, f"{who} runs a job {count_text(counts[job.id], 'time')}, wanted 1")


def _check_order(who: str, jobs: Sequence[Job], ended: Sequence[str]) -> None:
    place = {name: position for position, name in enumerate(ended)}
    for job in jobs:
        late = [need for need in job.needs if place[need] > place[job.id]]
        require(not late, f"{who} yields the outcome of a job before those of the jobs it requires")


def _check_outcome(who: str, outcome: Outcome) -> None:
    require(outcome.skipped == (outcome.id in given.SKIPPED), f"{who} has a wrong `skipped` in {outcome}")
    failure = given.FAILURES.get(outcome.id, "")
    if outcome.skipped:
        require(bool(outcome.error), f"{who} skips a job without an error: name the job that it requires")
    elif failure:
        require(failure in outcome.error, f"{who} reports a failure as {outcome.error!r}, wanted {failure!r} in it")
        begins = failure != given.ERROR or outcome.error.startswith(failure)
        require(
            begins,
            f"{who} reports {outcome.error!r}, wanted a text that begins like that of prunescope.api.describe_failure",
        )
    else:
        require(not outcome.error, f"{who} reports the error {outcome.error!r} of a job that succeeds")
