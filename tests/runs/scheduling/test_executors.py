"""The local executor with real worker processes."""

from __future__ import annotations

import inspect
import os
import signal
import subprocess
import sys
import textwrap
import time
from functools import partial
from pathlib import Path

import pytest

from prunescope.api import Job
from prunescope.api.errors import InputError
from prunescope.plugins.testing import check_executor
from prunescope.runs.scheduling import devices
from prunescope.runs.scheduling.local import Local


def note(job: Job, *, folder: str) -> None:
    """Leave the process id in a file named after the job; jobs named "bad" fail, their needs must be done."""
    for need in job.needs:
        assert Path(folder, need).is_file()
    if job.id.startswith("bad"):
        raise InputError("no such thing", fix="look elsewhere")
    Path(folder, job.id).write_text(str(os.getpid()))


class TwoPartError(Exception):
    """An exception that pickle cannot restore: it requires two arguments and keeps one."""

    def __init__(self, one: str, two: str) -> None:
        Exception.__init__(self, f"{one} and {two}")


def end_oddly(job: Job) -> None:
    """Exit, or raise what cannot go from one process to another."""
    if job.id == "exits":
        sys.exit("as asked")
    if job.id == "odd":
        raise TwoPartError("one", "two")


@pytest.mark.parametrize("workers", [1, 2])
def test_an_exit_and_an_exception_that_cannot_be_pickled_fail_their_job_alone(workers: int) -> None:
    jobs = [Job(id="exits"), Job(id="odd"), Job(id="after", needs=("odd",)), Job(id="alone")]
    outcomes = {outcome.id: outcome for outcome in Local(workers=workers).run(jobs, end_oddly)}
    errors = {name: outcome.error for name, outcome in outcomes.items()}
    assert errors == {
        "exits": "SystemExit: as asked",
        "odd": "TwoPartError: one and two",
        "after": "needs odd",
        "alone": "",
    }
    assert "in end_oddly" in outcomes["odd"].details


@pytest.mark.parametrize("workers", [1, 2])
def test_it_is_an_executor(workers: int) -> None:
    check_executor(Local(workers=workers))


DIAMOND = [
    Job(id="top"),
    Job(id="left", needs=("top",)),
    Job(id="bad-right", needs=("top",)),
    Job(id="bottom", needs=("left", "bad-right")),
    Job(id="below", needs=("bottom",)),
    Job(id="alone"),
]


@pytest.mark.parametrize("workers", [1, 2])
def test_a_failed_task_skips_its_descendants_and_the_rest_goes_on(tmp_path: Path, workers: int) -> None:
    outcomes = {
        outcome.id: outcome for outcome in Local(workers=workers).run(DIAMOND, partial(note, folder=str(tmp_path)))
    }
    assert len(outcomes) == len(DIAMOND)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["alone", "left", "top"]
    assert "no such thing" in outcomes["bad-right"].error
    assert "look elsewhere" in outcomes["bad-right"].error
    assert not outcomes["bad-right"].skipped
    assert outcomes["bottom"].skipped
    assert outcomes["below"].skipped


def test_steps_run_in_workers_unless_they_are_to_run_in_this_process(tmp_path: Path) -> None:
    jobs = [Job(id=str(number)) for number in range(4)]
    list(Local(in_process=True).run(jobs, partial(note, folder=str(tmp_path))))
    assert {int(path.read_text()) for path in tmp_path.iterdir()} == {os.getpid()}
    for workers in (1, 2):
        list(inspect.unwrap(Local.run)(Local(workers=workers), jobs, partial(note, folder=str(tmp_path))))
        assert os.getpid() not in {int(path.read_text()) for path in tmp_path.iterdir()}


def end_the_process(job: Job) -> None:
    """End this process in the way that the job's name says."""
    ways = {"exit": lambda: os._exit(0), "stop": lambda: sys.exit(0), "signal": lambda: os.kill(os.getpid(), 15)}
    ways.get(job.id, int)()


def test_however_a_step_ends_its_process_one_step_fails() -> None:
    jobs = [Job(id="exit"), Job(id="stop"), Job(id="signal"), Job(id="after", needs=("exit",)), Job(id="alone")]
    outcomes = {one.id: one for one in inspect.unwrap(Local.run)(Local(workers=1), jobs, end_the_process)}
    assert sorted(name for name, one in outcomes.items() if one.error and not one.skipped) == ["exit", "signal", "stop"]
    assert outcomes["after"].skipped
    assert not outcomes["alone"].error


def wait_for_ever(job: Job) -> None:
    """Ignore what ends a worker, and never return, where the job is the one that hangs."""
    if job.id == "hangs":
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        time.sleep(600)


def test_a_step_that_takes_too_long_fails_alone() -> None:
    jobs = [Job(id="hangs"), *(Job(id=str(number)) for number in range(3))]
    run = inspect.unwrap(Local.run)(Local(workers=1, step_timeout=20), jobs, wait_for_ever)
    outcomes = {outcome.id: outcome.error.partition("\n")[0] for outcome in run}
    assert outcomes == {"hangs": "took longer than --step-timeout allows: 20 s", "0": "", "1": "", "2": ""}


def die(job: Job) -> None:
    """End this worker as the kernel does when memory runs out."""
    if job.id == "killed":
        os.kill(os.getpid(), signal.SIGKILL)


def test_a_worker_that_is_killed_fails_its_task_alone_and_hangs_nobody() -> None:
    jobs = [Job(id="killed"), Job(id="after", needs=("killed",)), *(Job(id=str(number)) for number in range(20))]
    outcomes = {outcome.id: outcome for outcome in Local(workers=2).run(jobs, die)}
    assert len(outcomes) == len(jobs)
    assert "worker process died" in outcomes["killed"].error
    assert outcomes["after"].skipped
    assert [run_id for run_id, outcome in outcomes.items() if outcome.error] == ["killed", "after"]


def test_workers_end_with_a_parent_that_is_killed(tmp_path: Path) -> None:
    program = tmp_path / "parent.py"
    program.write_text(
        textwrap.dedent("""
        import os, time
        from functools import partial
        from pathlib import Path
        from prunescope.api import Job
        from prunescope.runs.scheduling.local import Local

        def sleep(job, *, folder):
            Path(folder, job.id).write_text(str(os.getpid()))
            time.sleep(600)

        if __name__ == "__main__":
            folder = os.path.dirname(os.path.abspath(__file__))
            list(Local(workers=2).run([Job(id="a"), Job(id="b")], partial(sleep, folder=folder)))
        """)
    )
    parent = subprocess.Popen([sys.executable, str(program)])
    workers = [_wait_for(tmp_path / name) for name in "ab"]
    parent.send_signal(signal.SIGKILL)
    parent.wait()
    deadline = time.monotonic() + 20
    while any(_alive(worker) for worker in workers):
        assert time.monotonic() < deadline, "a worker outlived its parent"
        time.sleep(0.05)


def _wait_for(path: Path) -> int:
    deadline = time.monotonic() + 60
    while not (path.is_file() and path.read_text()):
        assert time.monotonic() < deadline
        time.sleep(0.05)
    return int(path.read_text())


def _alive(process: int) -> bool:
    try:
        return Path(f"/proc/{process}/stat").read_text().split()[2] != "Z"
    except FileNotFoundError:
        return False


def note_gpu(job: Job, *, folder: str) -> None:
    """Leave the device that "cuda" is in this worker of a machine with two GPUs."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(devices, "gpus", lambda: 2)
        found = devices.resolve("cuda")
    here = Path(folder, job.id)
    here.write_text(found)
    while len(list(Path(folder).iterdir())) < 2:  # so that both workers take one
        time.sleep(0.01)


def test_workers_use_the_gpus_in_turn(tmp_path: Path) -> None:
    outcomes = list(Local(workers=2).run([Job(id="0"), Job(id="1")], partial(note_gpu, folder=str(tmp_path))))
    assert not any(outcome.error for outcome in outcomes)
    assert sorted(path.read_text() for path in tmp_path.iterdir()) == ["cuda:0", "cuda:1"]
