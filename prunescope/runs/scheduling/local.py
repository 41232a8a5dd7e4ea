"""Built-in executor: processes of this machine, its cores and GPUs divided among them."""

from __future__ import annotations

import math
import os
import signal
import threading
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from dataclasses import dataclass, replace
from time import monotonic
from typing import TYPE_CHECKING, Annotated

from prunescope.api import Executor, Job, Option, Outcome, attempt_job, describe_failure, describe_skip
from prunescope.api.queue import queue_jobs

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from multiprocessing.process import BaseProcess
    from multiprocessing.sharedctypes import Synchronized

    from prunescope.api.queue import JobQueue

DIED = "a worker process died (killed, or out of memory): the same command resumes"

PATIENCE_SECONDS = 5.0
"""How long a worker may take to end."""

SAFE_PATH = "PYTHONSAFEPATH"
"""Where it is set, Python does not search the working directory."""


TOO_LONG = "took longer than --step-timeout allows"


@dataclass(frozen=True, kw_only=True)
class Local(Executor):
    """Worker processes on this machine: however one of them ends, one step fails."""

    workers: Annotated[int, Option("worker processes; 0: one per core", minimum=0)] = 0
    step_timeout: Annotated[float, Option("seconds a step may take; 0: any time", minimum=0)] = 0.0
    in_process: Annotated[
        bool, Option("run the steps in this very process, one after the other: one that ends it ends all")
    ] = False

    def run(self, jobs: Sequence[Job], perform: Callable[[Job], None]) -> Iterator[Outcome]:
        """Start every job as soon as those it needs are done and a worker is free."""
        cores = _cores()
        if self.in_process or not jobs:
            yield from _in_this_process(jobs, perform)
            return
        workers = min(self.slots(), len(jobs))
        share = _Share(workers=workers, threads=max(cores // workers, 1), seconds=self.step_timeout)
        yield from _in_processes(jobs, perform, share)

    def slots(self) -> int:
        """Return the number of workers: the option, or the cores that this process may use."""
        return 1 if self.in_process else self.workers or _cores()

    def with_slots(self, slots: int) -> Local | None:
        """Return it with so many workers, unless its option gives the number."""
        return None if self.workers or self.in_process else replace(self, workers=slots)


@dataclass(frozen=True, kw_only=True)
class _Share:
    """What the jobs are given."""

    workers: int
    threads: int
    """Of each worker."""
    seconds: float
    """That a step may take; 0: any time."""

    def of(self, job: Job) -> float:
        """Return the seconds that a job may take: as long as its steps one after the other."""
        return self.seconds * max(len(job.recipes), 1) if self.seconds else math.inf


def _cores() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _in_this_process(jobs: Sequence[Job], perform: Callable[[Job], None]) -> Iterator[Outcome]:
    """Perform jobs one after the other; they come in dependency order."""
    failed: set[str] = set()
    for job in jobs:
        outcome = describe_skip(job, failed) if failed.intersection(job.needs) else attempt_job(job, perform)
        if outcome.error:
            failed.add(job.id)
        yield outcome


def _in_processes(jobs: Sequence[Job], perform: Callable[[Job], None], share: _Share) -> Iterator[Outcome]:
    """Keep the workers busy; they are started once and end with this process, however it ends.

    When a worker dies, the jobs under way are lost with it and it is not known whose fault it was: each is tried again
    alone in a new worker, and fails if that dies too.
    """
    queue = queue_jobs(jobs)
    suspects: list[Job] = []
    while queue.is_active():
        while suspects:
            with _pool(1, share.threads) as pool:
                yield queue.end(_alone(suspects.pop(0), perform, pool, share))
        with _pool(share.workers, share.threads) as pool:
            yield from _side_by_side(queue, perform, pool, share, lost=suspects)


@contextmanager
def _pool(workers: int, threads: int) -> Iterator[ProcessPoolExecutor]:
    import multiprocessing

    before = os.environ.get(SAFE_PATH)
    with _ctrl_c_held(), _safe_path():  # the process that tracks semaphores is started with the first of them
        context = multiprocessing.get_context("spawn")
        initial = (os.getpid(), threads, before, context.Value("i", 0))
        pool = ProcessPoolExecutor(workers, mp_context=context, initializer=_start_worker, initargs=initial)
    try:
        yield pool
    finally:
        with _ctrl_c_held():
            _end_workers(list((pool._processes or {}).values()))  # noqa: SLF001 - shutdown alone waits for running jobs
            pool.shutdown(wait=True, cancel_futures=True)


def _end_workers(processes: Sequence[BaseProcess]) -> None:
    """End processes; a plugin may have made one ignore the first signal."""
    for process in processes:
        process.terminate()
    deadline = monotonic() + PATIENCE_SECONDS
    for process in processes:
        process.join(max(0.0, deadline - monotonic()))
        if process.is_alive():
            process.kill()


def _alone(job: Job, perform: Callable[[Job], None], pool: ProcessPoolExecutor, share: _Share) -> Outcome:
    future = _submit(pool, perform, job)
    seconds = share.of(job)
    if wait([future], timeout=None if seconds == math.inf else seconds).not_done:
        return _too_long(job, seconds)
    return _outcome(job, future)


def _too_long(job: Job, seconds: float) -> Outcome:
    return Outcome(id=job.id, error=f"{TOO_LONG}: {seconds:g} s\ngive it more, or look for what it waits for")


def _outcome(job: Job, future: Future[Outcome]) -> Outcome:
    """Return how a job ended, where its worker lived to report it and where it did not."""
    error = future.exception()
    if error is None:
        return future.result()
    failure = describe_failure(job, error)
    return replace(failure, error=DIED) if isinstance(error, BrokenProcessPool) else failure


def _side_by_side(
    queue: JobQueue, perform: Callable[[Job], None], pool: ProcessPoolExecutor, share: _Share, *, lost: list[Job]
) -> Iterator[Outcome]:
    """Perform the queue until it is empty, a worker dies, or a job takes too long.

    What was under way when a worker died goes into `lost`; what was under way beside a job that took too long, whose
    worker cannot be ended alone, goes back to the queue.
    """
    running: dict[Future[Outcome], Job] = {}
    until: dict[str, float] = {}
    while running or (queue.is_active() and not lost):
        yield from queue.skip()
        for job in queue.take(0 if lost else share.workers - len(running)):
            running[_submit(pool, perform, job)] = job
            until[job.id] = monotonic() + share.of(job)
        for future in _ended(running, until):
            job = running.pop(future)
            if isinstance(future.exception(), BrokenProcessPool):
                lost.append(job)
            else:
                yield queue.end(_outcome(job, future))
        late = [job for job in running.values() if monotonic() > until[job.id]]
        if late:
            queue.put_back([job for job in running.values() if job not in late])
            for job in late:
                yield queue.end(_too_long(job, share.of(job)))
            return


def _ended(running: Mapping[Future[Outcome], Job], until: Mapping[str, float]) -> set[Future[Outcome]]:
    """Return the jobs that have ended once there is one, or none when the first has taken too long."""
    if not running:
        return set()
    left = max(0.0, min(until[job.id] for job in running.values()) - monotonic())
    return wait(running, timeout=None if left == math.inf else left, return_when=FIRST_COMPLETED).done


def _submit(pool: ProcessPoolExecutor, perform: Callable[[Job], None], job: Job) -> Future[Outcome]:
    """Hand a job to the pool; a pool that a dying worker broke loses it as that worker lost its own."""
    try:
        with _ctrl_c_held(), _safe_path():
            return pool.submit(attempt_job, job, perform)
    except BrokenProcessPool as error:
        broken: Future[Outcome] = Future()
        broken.set_exception(error)
        return broken


@contextmanager
def _ctrl_c_held() -> Iterator[None]:
    """Hold Ctrl-C, SIGTERM, SIGHUP and SIGUSR1 back while workers start or are stopped.

    Those that start keep them blocked from their first moment; this process gets them afterwards.
    """
    if not hasattr(signal, "pthread_sigmask"):  # Windows
        yield
        return
    ending = {signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGUSR1}
    before = signal.pthread_sigmask(signal.SIG_BLOCK, ending)
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


@contextmanager
def _safe_path() -> Iterator[None]:
    """Let processes that start look for no module in the working directory, not even for their first ones."""
    before = os.environ.get(SAFE_PATH)
    os.environ[SAFE_PATH] = "1"
    try:
        yield
    finally:
        _restore(before)


def _restore(safe_path: str | None) -> None:
    if safe_path is None:
        os.environ.pop(SAFE_PATH, None)
    else:
        os.environ[SAFE_PATH] = safe_path


def _start_worker(parent: int, threads: int, safe_path: str | None, started: Synchronized[int]) -> None:
    """Take this worker's share of cores and GPUs, keep freed memory, leave signals to the parent, and die with it.

    started: how many workers have started before.
    """
    _restore(safe_path)
    import torch

    from prunescope.runs.scheduling.devices import take_slot
    from prunescope.runs.scheduling.memory import keep_freed

    with started.get_lock():
        take_slot(started.value)
        started.value += 1
    keep_freed()
    _leave_signals()
    torch.set_num_threads(threads)
    threading.Thread(target=_die_with, args=(parent,), daemon=True).start()


def _leave_signals() -> None:
    """Ignore what a terminal or Slurm sends to all processes; SIGTERM, by which the parent ends a worker, ends it."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    if hasattr(signal, "pthread_sigmask"):
        signal.signal(signal.SIGHUP, signal.SIG_IGN)
        signal.signal(signal.SIGUSR1, signal.SIG_IGN)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGTERM})


def _die_with(parent: int) -> None:
    """End this process soon after its parent is gone, even by kill -9: nobody waits for what it computes."""
    ticks = threading.Event()
    while not ticks.wait(0.5):
        if os.getppid() != parent:
            os._exit(1)
