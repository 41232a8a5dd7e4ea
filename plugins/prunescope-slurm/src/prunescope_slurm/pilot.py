"""A pilot: takes ready jobs of the plan, one after the other, until every job has ended.

Pilots know nothing of each other but what they note: the core's locks decide who performs a step.
"""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
import time
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from submitit.helpers import DelayedSubmission

from prunescope.api import Outcome, attempt_job, describe_failure, describe_skip
from prunescope.api.errors import BUSY
from prunescope_slurm.ending import heed_warnings

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from prunescope.api import Job
    from prunescope_slurm.board import Board

POLL_SECONDS = 0.5

PATIENCE_SECONDS = 60.0
"""How long the processes of a pilot that is to end may take to save their state."""

LOST = "the process that performed it was lost"

USER_SIGNALS = ("SIGUSR1", "SIGUSR2")
"""What Slurm warns by: the pilot acts on it, its processes do not."""


@dataclass
class Pilot:
    """What one Slurm job does; submitit calls it, and `checkpoint` when the job is preempted or reaches its time."""

    board: Board
    workers: int
    pools: list[ProcessPoolExecutor] = field(default_factory=list)

    def __call__(self) -> int:
        """Perform jobs until all have ended; return how many this pilot performed."""
        jobs, perform = self.board.read_plan()
        flight = _Flight(board=self.board, jobs=jobs, perform=perform)
        self.pools = flight.pools
        heed_warnings(self)
        try:
            return flight.fly(self.workers)
        finally:
            self.stop()

    def checkpoint(self) -> DelayedSubmission:
        """Let the trainings save their state; return what is queued again."""
        self.stop()
        return DelayedSubmission(Pilot(board=self.board, workers=self.workers))

    def stop(self) -> None:
        """End the processes: at SIGTERM a training saves its state."""
        processes = [process for pool in self.pools for process in list((pool._processes or {}).values())]  # noqa: SLF001
        for process in processes:
            process.terminate()
        until = time.monotonic() + PATIENCE_SECONDS
        for process in processes:
            process.join(max(0.0, until - time.monotonic()))
            if process.is_alive():
                process.kill()
        self.pools.clear()

    def __getstate__(self) -> dict[str, object]:
        return {"board": self.board, "workers": self.workers, "pools": []}


@dataclass(kw_only=True)
class _Flight:
    """The jobs of a pilot under way."""

    board: Board
    jobs: Sequence[Job]
    perform: Callable[[Job], None]
    pools: list[ProcessPoolExecutor] = field(default_factory=list)
    ended: dict[str, Outcome] = field(default_factory=dict)
    lost: dict[str, int] = field(default_factory=dict)
    """How often the process of a job was lost here."""
    busy: dict[str, float] = field(default_factory=dict)
    """Jobs that another pilot performs -> when to look again."""
    claims: dict[str, int] = field(default_factory=dict)
    """Of the jobs under way here: what holds them."""
    performed: int = 0

    def fly(self, workers: int) -> int:
        """Keep so many processes busy until every job has ended; return how many jobs ended here."""
        running: dict[Future[Outcome], tuple[Job, ProcessPoolExecutor]] = {}
        free: list[ProcessPoolExecutor] = []
        while self._look() < len(self.jobs) and not self.board.is_closed:
            under_way = {job.id for job, _ in running.values()}
            for job in self._claimed(under_way, workers - len(running)):
                pool = free.pop() if free else self._pool()
                running[pool.submit(attempt_job, job, self.perform)] = job, pool
            for future in wait(running, timeout=POLL_SECONDS, return_when=FIRST_COMPLETED).done:
                job, pool = running.pop(future)
                if self._land(job, future):
                    free.append(pool)
                elif pool in self.pools:
                    self.pools.remove(pool)
                os.close(self.claims.pop(job.id))
            if not running:
                time.sleep(POLL_SECONDS)
        return self.performed

    def _look(self) -> int:
        """Note what others have ended, and what is skipped; return how many jobs have ended."""
        self.ended |= {outcome.id: outcome for outcome in self.board.new_outcomes(self.ended)}
        failed = {name for name, outcome in self.ended.items() if outcome.error}
        for job in self.jobs if failed else ():
            if job.id not in self.ended and not failed.isdisjoint(job.needs):
                self.ended[job.id] = describe_skip(job, failed)
                failed.add(job.id)
        return len(self.ended)

    def _claimed(self, under_way: set[str], count: int) -> list[Job]:
        """Return up to so many jobs that are ready, and that this pilot alone has claimed."""
        found: list[Job] = []
        for job in self._ready(under_way) if count > 0 else ():
            claim = self.board.claim(job.id)
            if claim is None:
                self.busy[job.id] = time.monotonic() + POLL_SECONDS
                continue
            self.claims[job.id] = claim
            found.append(job)
            if len(found) == count:
                break
        return found

    def _ready(self, under_way: set[str]) -> Iterator[Job]:
        """Yield jobs whose needs are done and that no other pilot was seen to perform, in their order."""
        now, known = time.monotonic(), {job.id for job in self.jobs}
        for job in self.jobs:
            free = job.id not in self.ended and job.id not in under_way and self.busy.get(job.id, 0.0) <= now
            if free and all(need in self.ended for need in job.needs if need in known):
                yield job

    def _land(self, job: Job, future: Future[Outcome]) -> bool:
        """Note how a job ended; return whether its process lives on."""
        error = future.exception()
        if error is None:
            outcome = future.result()
            if outcome.error.startswith(BUSY):
                self.busy[job.id] = time.monotonic() + 2 * POLL_SECONDS
            else:
                self._note(outcome)
            return True
        self.lost[job.id] = self.lost.get(job.id, 0) + 1
        if self.lost[job.id] > job.retries or not isinstance(error, BrokenProcessPool):
            found = describe_failure(job, error)
            words = f"{LOST} {self.lost[job.id]} times: killed, or out of memory\nthe same command resumes"
            self._note(Outcome(id=job.id, error=words, details=found.details))
        return False

    def _note(self, outcome: Outcome) -> None:
        self.ended[outcome.id] = outcome
        self.performed += 1
        self.board.note(outcome)

    def _pool(self) -> ProcessPoolExecutor:
        """Return a process of its own: one that is lost takes one job with it."""
        context = multiprocessing.get_context("spawn")
        pool = ProcessPoolExecutor(1, mp_context=context, initializer=_start_worker, initargs=(os.getpid(),))
        self.pools.append(pool)
        return pool


def _start_worker(parent: int) -> None:
    """Act on SIGTERM alone, and end with the pilot."""
    for name in ("SIGINT", *USER_SIGNALS):
        if hasattr(signal, name):
            signal.signal(getattr(signal, name), signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    threading.Thread(target=_end_with, args=(parent,), daemon=True).start()


def _end_with(parent: int) -> None:
    """Ask this process to end soon after its pilot is gone: a training saves its state."""
    while os.getppid() == parent:
        time.sleep(0.5)
    os.kill(os.getpid(), signal.SIGTERM)
