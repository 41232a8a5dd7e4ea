"""`check_executor` accepts an executor that keeps to its interface and names what another does wrong."""

from __future__ import annotations

import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from defects import fails, plugin

from prunescope.api import Executor, Outcome, Progress, describe_failure
from prunescope.plugins.testing import check_executor, jobs


def attempt(perform, job):
    try:
        perform(job)
    except (Exception, SystemExit) as error:  # noqa: BLE001 - as an executor does
        return describe_failure(job, error)
    return Outcome(id=job.id)


def one_by_one(_self, given, perform, attempt=attempt):
    """Do it right, in this process."""
    failed = set()
    for job in given:
        lost = failed.intersection(job.needs)
        outcome = Outcome(id=job.id, error=f"needs {min(lost)}", skipped=True) if lost else attempt(perform, job)
        if outcome.error:
            failed.add(job.id)
        yield outcome


def each(change):
    """Return a `run` whose outcomes are changed; None leaves one out."""

    def run(self, given, perform):
        changed = map(change, one_by_one(self, given, perform))
        return (outcome for outcome in changed if outcome is not None)

    return run


def with_attempt(attempt):
    def run(self, given, perform):
        return one_by_one(self, given, perform, attempt)

    return run


def twice(perform, job):
    attempt(perform, job)
    return attempt(perform, job)


def exits(perform, job):
    try:
        perform(job)
    except Exception as error:  # noqa: BLE001 - what this executor does wrong is to let SystemExit pass
        return describe_failure(job, error)
    return Outcome(id=job.id)


def changed(perform, job):
    return attempt(perform, replace(job, study="/dev/null/elsewhere"))


def prefixed(perform, job):
    outcome = attempt(perform, job)
    return replace(outcome, error=outcome.error and f"failed: {outcome.error}")


def raises(_self, given, perform):
    for job in given:
        perform(job)
        yield Outcome(id=job.id)


def everything(_self, given, perform):
    """Perform what needs a failed job too."""
    for job in given:
        yield attempt(perform, job)


def backwards(self, given, perform):
    return one_by_one(self, reversed(given), perform)


def at_the_end(self, given, perform):
    return iter(list(one_by_one(self, given, perform)))


def late_by_one(self, given, perform):
    held = None
    for outcome in one_by_one(self, given, perform):
        if held is None:
            held = outcome
        else:
            yield from (outcome, held)
            held = None
    if held is not None:
        yield held


def doubled(self, given, perform):
    for outcome in one_by_one(self, given, perform):
        yield from (outcome, outcome)


def never_empty(self, given, perform):
    yield from one_by_one(self, given, perform) if given else [Outcome(id="nothing")]


def test_one_that_keeps_to_the_interface_passes():
    check_executor(plugin(Executor, run=one_by_one))


def test_the_folder_is_left_empty(tmp_path):
    check_executor(plugin(Executor, run=one_by_one), folder=tmp_path)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("run", "complaint"),
    [
        (never_empty, "yields outcomes where there are no jobs"),
        (raises, r"run raises InputError\('no such thing'\)"),
        (with_attempt(exits), r"run raises SystemExit\('the program was to end'\)"),
        (with_attempt(twice), "runs a job 2 times"),
        (with_attempt(changed), "passes on a different job from the one given"),
        (with_attempt(lambda _perform, job: Outcome(id=job.id)), "runs a job 0 times"),
        (with_attempt(prefixed), "wanted a text that begins like"),
        (everything, "runs a job before the jobs it requires are done"),
        (backwards, "runs a job before the jobs it requires are done"),
        (at_the_end, "reports the error 'TimeoutError: the outcome of the first job has not come"),
        (late_by_one, "yields the outcome of a job before those of the jobs it requires"),
        (doubled, "yields 2 outcomes of one job"),
        (each(lambda outcome: None if outcome.id == "alone" else outcome), "yields 0 outcomes of one job"),
        (each(lambda outcome: outcome.id), "yields 'one', wanted a prunescope.api.Outcome"),
        (
            each(lambda outcome: replace(outcome, id=outcome.id + "!")),
            "of .'one!', 'three!', 'two!'., which",
        ),
        (each(lambda outcome: replace(outcome, skipped=False)), "has a wrong `skipped`"),
        (each(lambda outcome: replace(outcome, skipped=bool(outcome.error))), "has a wrong `skipped`"),
        (each(lambda outcome: replace(outcome, error=outcome.error and "failed")), "reports a failure as 'failed'"),
        (each(lambda outcome: replace(outcome, error="" if outcome.skipped else outcome.error)), "without an error"),
        (each(lambda outcome: replace(outcome, error="" if outcome.id == "exit" else outcome.error)), "as '', wanted"),
        (each(lambda outcome: replace(outcome, error=outcome.error or "none")), "reports the error 'none'"),
    ],
)
def test_what_is_wrong_is_named(run, complaint, monkeypatch):
    monkeypatch.setattr(jobs, "PATIENCE_SECONDS", 0.01)
    fails(check_executor, plugin(Executor, run=run), complaint)


def elsewhere(bring_back, take_along):
    """Return the `run` of an executor whose workers share no folder with this process, in this process."""

    def run(_self, given, perform):
        for job in given:
            with TemporaryDirectory() as folder:
                here, there = Path(job.study), Path(folder)
                (there / "runs").mkdir()
                for path in job.inputs if take_along else ():
                    shutil.copy(here / path, there / path)
                outcome = attempt(perform, replace(job, study=folder))
                for path in there.glob("runs/*.h5") if bring_back else ():
                    (here / "runs").mkdir(parents=True, exist_ok=True)
                    shutil.copy(path, here / "runs")
            yield from (Progress(run=job.id, fraction=0.5), outcome)

    return run


@pytest.mark.parametrize(
    ("run", "complaint"),
    [
        (elsewhere(bring_back=False, take_along=False), "in whose study the input .'runs/.*.h5'. is not"),
        (each(lambda _: Progress(run="nobody", fraction=0.5)), "wanted the id of a run under way"),
        (each(lambda outcome: Progress(run=outcome.id, fraction=50)), "a fraction in .0, 1."),
    ],
)
def test_files_that_do_not_travel_and_false_progress_are_named(run, complaint):
    fails(check_executor, plugin(Executor, run=run, remote=True), complaint)


def test_a_result_that_does_not_come_back_is_named(monkeypatch):
    monkeypatch.setattr(jobs, "CHAIN", jobs.CHAIN[:1])
    run = elsewhere(bring_back=False, take_along=False)
    fails(check_executor, plugin(Executor, run=run, remote=True), "of .'one'., but the result is not in the study's")


def test_what_shares_no_folder_may_bring_files_along_and_back(monkeypatch):
    monkeypatch.setattr(jobs, "FAILING", jobs.CHAIN)
    check_executor(plugin(Executor, run=elsewhere(bring_back=True, take_along=True), remote=True))


def test_what_is_no_executor_is_refused():
    fails(check_executor, object(), "is not a Executor")


def test_the_process_of_a_job_loads_no_torch():
    command = "import sys, prunescope.plugins.testing.jobs; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", command], check=False).returncode == 0
