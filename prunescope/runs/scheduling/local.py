"""Built-in executor: processes of this machine, its cores and GPUs divided among them."""

from __future__ import annotations

import os
import signal
import threading
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from graphlib import TopologicalSorter
from heapq import heappop, heappush
from typing import TYPE_CHECKING, Annotated

from prunescope.api import Executor, Job, Option, Outcome, describe_failure

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from multiprocessing.sharedctypes import Synchronized

DIED = "a worker process died (killed, or out of memory): the same command resumes"

SAFE_PATH = "PYTHONSAFEPATH"
"""Where it is set, Python does not search the working directory."""


@dataclass(frozen=True, kw_only=True)
class Local(Executor):
    """Worker processes on this machine; one worker runs the steps in this very process."""

    workers: Annotated[int, Option("worker processes; 0: one per core", minimum=0)] = 0

    def run(self, jobs: Sequence[Job], perform: Callable[[Job], None]) -> Iterator[Outcome]:
        """Start every job as soon as those it needs are done and a worker is free."""
        cores = _cores()
        workers = min(self.slots(), max(len(jobs), 1))
        if workers == 1:
            yield from _in_this_process(jobs, perform)
        else:
            yield from _in_processes(jobs, perform, workers=workers, threads=max(cores // workers, 1))

    def slots(self) -> int:
        """Return the number of workers: the option, or the cores that this process may use."""
        return self.workers or _cores()

    def with_slots(self, slots: int) -> Local | None:
        """Return it with so many workers, unless its option says how many."""
        return None if self.workers else replace(self, workers=slots)


def _cores() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _in_this_process(jobs: Sequence[Job], perform: Callable[[Job], None]) -> Iterator[Outcome]:
    """Perform jobs one after the other; they come in dependency order."""
    failed: set[str] = set()
    for job in jobs:
        outcome = _skipped(job, failed) if failed.intersection(job.needs) else _attempt(perform, job)
        if outcome.error:
            failed.add(job.id)
        yield outcome


def _attempt(perform: Callable[[Job], None], job: Job) -> Outcome:
    """Perform a job and return how it ended: text, which reaches another process whatever the exception is made of."""
    try:
        perform(job)
    except (Exception, SystemExit) as error:  # noqa: BLE001 - one failed step must not end the others
        return describe_failure(job, error)
    return Outcome(id=job.id)


def _in_processes(
    jobs: Sequence[Job], perform: Callable[[Job], None], *, workers: int, threads: int
) -> Iterator[Outcome]:
    """Keep the workers busy; they are started once and end with this process, however it ends.

    When a worker dies, the jobs under way are lost with it and nobody knows whose fault it was: each is tried again
    alone in a new worker, and fails if that dies too.
    """
    queue = _queue(jobs)
    suspects: list[Job] = []
    while queue.sorter.is_active():
        while suspects:
            with _pool(1, threads) as pool:
                yield queue.end(_alone(suspects.pop(0), perform, pool))
        with _pool(workers, threads) as pool:
            yield from _side_by_side(queue, perform, pool, workers=workers, lost=suspects)


@contextmanager
def _pool(workers: int, threads: int) -> Iterator[ProcessPoolExecutor]:
    import multiprocessing

    before = os.environ.get(SAFE_PATH)
    with _safe_path():  # the process that tracks semaphores is started with the first of them
        context = multiprocessing.get_context("spawn")
        initial = (os.getpid(), threads, before, context.Value("i", 0))
        pool = ProcessPoolExecutor(workers, mp_context=context, initializer=_start_worker, initargs=initial)
    try:
        yield pool
    finally:
        with _ctrl_c_held():
            for process in list((pool._processes or {}).values()):  # noqa: SLF001 - shutdown alone waits for running jobs
                process.terminate()
            pool.shutdown(wait=True, cancel_futures=True)


def _alone(job: Job, perform: Callable[[Job], None], pool: ProcessPoolExecutor) -> Outcome:
    return _outcome(job, _submit(pool, perform, job))


def _outcome(job: Job, future: Future[Outcome]) -> Outcome:
    """Return how a job ended, where its worker lived to report it and where it did not."""
    error = future.exception()
    if error is None:
        return future.result()
    failure = describe_failure(job, error)
    return replace(failure, error=DIED) if isinstance(error, BrokenProcessPool) else failure


def _side_by_side(
    queue: _Queue, perform: Callable[[Job], None], pool: ProcessPoolExecutor, *, workers: int, lost: list[Job]
) -> Iterator[Outcome]:
    """Perform the queue until it is empty or a worker dies; put what was under way then into `lost`."""
    running: dict[Future[Outcome], Job] = {}
    while running or (queue.sorter.is_active() and not lost):
        yield from queue.skip()
        for job in queue.take(0 if lost else workers - len(running)):
            running[_submit(pool, perform, job)] = job
        for future in wait(running, return_when=FIRST_COMPLETED).done if running else ():
            job = running.pop(future)
            if isinstance(future.exception(), BrokenProcessPool):
                lost.append(job)
            else:
                yield queue.end(_outcome(job, future))


def _submit(pool: ProcessPoolExecutor, perform: Callable[[Job], None], job: Job) -> Future[Outcome]:
    """Hand a job to the pool; a pool that a dying worker broke loses it as that worker lost its own."""
    try:
        with _ctrl_c_held(), _safe_path():
            return pool.submit(_attempt, perform, job)
    except BrokenProcessPool as error:
        broken: Future[Outcome] = Future()
        broken.set_exception(error)
        return broken


@dataclass(frozen=True, kw_only=True)
class _Queue:
    """Jobs in the order given, each ready once those it needs have ended."""

    jobs: Sequence[Job]
    sorter: TopologicalSorter[int]
    """Of their positions in the order."""
    positions: Mapping[str, int]
    ready: list[int] = field(default_factory=list)
    """A heap: a cell begun early is finished early."""
    failed: set[str] = field(default_factory=set)

    def skip(self) -> Iterator[Outcome]:
        """Move what became ready to the heap; yield what is skipped because a job it needs failed."""
        while found := self.sorter.get_ready():
            for position in found:
                if self.failed.isdisjoint(self.jobs[position].needs):
                    heappush(self.ready, position)
                else:
                    yield self.end(_skipped(self.jobs[position], self.failed))

    def take(self, count: int) -> list[Job]:
        """Return up to so many ready jobs, those that come first."""
        return [self.jobs[heappop(self.ready)] for _ in range(min(count, len(self.ready)))]

    def end(self, outcome: Outcome) -> Outcome:
        """Record how a job ended."""
        if outcome.error:
            self.failed.add(outcome.id)
        self.sorter.done(self.positions[outcome.id])
        return outcome


def _queue(jobs: Sequence[Job]) -> _Queue:
    positions = {job.id: position for position, job in enumerate(jobs)}
    graph = {positions[job.id]: [positions[need] for need in job.needs if need in positions] for job in jobs}
    sorter = TopologicalSorter(graph)
    sorter.prepare()
    return _Queue(jobs=jobs, sorter=sorter, positions=positions)


def _skipped(job: Job, failed: set[str]) -> Outcome:
    return Outcome(id=job.id, error=f"needs {min(failed.intersection(job.needs))}", skipped=True)


@contextmanager
def _ctrl_c_held() -> Iterator[None]:
    """Hold Ctrl-C back while workers start or are stopped.

    Those that start keep it blocked from their first moment; this process gets it afterwards.
    """
    if not hasattr(signal, "pthread_sigmask"):  # Windows
        yield
        return
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
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
    """Take this worker's share of cores and GPUs, keep freed memory, leave Ctrl-C to the parent, and die with it.

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
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    torch.set_num_threads(threads)
    threading.Thread(target=_die_with, args=(parent,), daemon=True).start()


def _die_with(parent: int) -> None:
    """End this process soon after its parent is gone, even by kill -9: nobody waits for what it computes."""
    ticks = threading.Event()
    while not ticks.wait(0.5):
        if os.getppid() != parent:
            os._exit(1)
