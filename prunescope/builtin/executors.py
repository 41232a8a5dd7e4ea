"""Built-in executor: processes of this machine, its cores divided among them."""

from __future__ import annotations

import os
import signal
import threading
import traceback
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from dataclasses import dataclass, field
from graphlib import TopologicalSorter
from heapq import heappop, heappush
from typing import TYPE_CHECKING, Annotated

from prunescope.api import Executor, Option, Outcome, Task
from prunescope.errors import PrunescopeError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence


@dataclass(frozen=True, kw_only=True)
class Local(Executor):
    """Worker processes on this machine; one worker runs the steps in this very process."""

    workers: Annotated[int, Option("worker processes; 0: one per core", minimum=0)] = 0

    def run(self, tasks: Sequence[Task], perform: Callable[[Task], None]) -> Iterator[Outcome]:
        """Start every task as soon as those it needs are done and a worker is free."""
        cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
        workers = min(self.workers or cores, max(len(tasks), 1))
        if workers == 1:
            yield from _in_this_process(tasks, perform)
        else:
            yield from _in_processes(tasks, perform, workers=workers, threads=max(cores // workers, 1))


def _in_this_process(tasks: Sequence[Task], perform: Callable[[Task], None]) -> Iterator[Outcome]:
    """Perform tasks one after the other; they come in dependency order."""
    failed: set[str] = set()
    for task in tasks:
        if failed.intersection(task.needs):
            failed.add(task.id)
            yield _skipped(task, failed)
            continue
        try:
            perform(task)
        except Exception as error:  # noqa: BLE001 - one failed step must not end the others
            failed.add(task.id)
            yield _failed(task, error)
        else:
            yield Outcome(id=task.id)


def _in_processes(
    tasks: Sequence[Task], perform: Callable[[Task], None], *, workers: int, threads: int
) -> Iterator[Outcome]:
    """Keep the workers busy; they are started once and end with this process, however it ends.

    When a worker dies, the tasks under way are lost with it and nobody knows whose fault it was: each is tried again
    alone in a new worker, and fails if that dies too.
    """
    queue = _queue(tasks)
    suspects: list[Task] = []
    while queue.sorter.is_active():
        while suspects:
            with _pool(1, threads) as pool:
                yield queue.end(_alone(suspects.pop(0), perform, pool))
        with _pool(workers, threads) as pool:
            yield from _side_by_side(queue, perform, pool, workers=workers, lost=suspects)


@contextmanager
def _pool(workers: int, threads: int) -> Iterator[ProcessPoolExecutor]:
    import multiprocessing

    pool = ProcessPoolExecutor(
        workers,
        mp_context=multiprocessing.get_context("spawn"),
        initializer=_start_worker,
        initargs=(os.getpid(), threads),
    )
    try:
        yield pool
    finally:
        with _ctrl_c_held():
            for process in list((pool._processes or {}).values()):  # noqa: SLF001 - shutdown alone waits for running tasks
                process.terminate()
            pool.shutdown(wait=True, cancel_futures=True)


def _alone(task: Task, perform: Callable[[Task], None], pool: ProcessPoolExecutor) -> Outcome:
    error = _submit(pool, perform, task).exception()
    return _failed(task, error) if error else Outcome(id=task.id)


def _side_by_side(
    queue: _Queue, perform: Callable[[Task], None], pool: ProcessPoolExecutor, *, workers: int, lost: list[Task]
) -> Iterator[Outcome]:
    """Perform the queue until it is empty or a worker dies; put what was under way then into `lost`."""
    running: dict[Future[None], Task] = {}
    while running or (queue.sorter.is_active() and not lost):
        yield from queue.skip()
        for task in queue.take(0 if lost else workers - len(running)):
            running[_submit(pool, perform, task)] = task
        for future in wait(running, return_when=FIRST_COMPLETED).done if running else ():
            task, error = running.pop(future), future.exception()
            if isinstance(error, BrokenProcessPool):
                lost.append(task)
            else:
                yield queue.end(_failed(task, error) if error else Outcome(id=task.id))


def _submit(pool: ProcessPoolExecutor, perform: Callable[[Task], None], task: Task) -> Future[None]:
    """Hand a task to the pool; a pool that a dying worker broke loses it as that worker lost its own."""
    try:
        with _ctrl_c_held():
            return pool.submit(perform, task)
    except BrokenProcessPool as error:
        broken: Future[None] = Future()
        broken.set_exception(error)
        return broken


@dataclass(frozen=True, kw_only=True)
class _Queue:
    """Tasks in the order given, each ready once those it needs have ended."""

    tasks: Sequence[Task]
    sorter: TopologicalSorter[int]
    """Of their positions in the order."""
    positions: Mapping[str, int]
    ready: list[int] = field(default_factory=list)
    """A heap: a cell begun early is finished early."""
    failed: set[str] = field(default_factory=set)

    def skip(self) -> Iterator[Outcome]:
        """Move what became ready to the heap; yield what is skipped because a task it needs failed."""
        while found := self.sorter.get_ready():
            for position in found:
                if self.failed.isdisjoint(self.tasks[position].needs):
                    heappush(self.ready, position)
                else:
                    yield self.end(_skipped(self.tasks[position], self.failed))

    def take(self, count: int) -> list[Task]:
        """Return up to so many ready tasks, those that come first."""
        return [self.tasks[heappop(self.ready)] for _ in range(min(count, len(self.ready)))]

    def end(self, outcome: Outcome) -> Outcome:
        """Record how a task ended."""
        if outcome.error:
            self.failed.add(outcome.id)
        self.sorter.done(self.positions[outcome.id])
        return outcome


def _queue(tasks: Sequence[Task]) -> _Queue:
    positions = {task.id: position for position, task in enumerate(tasks)}
    graph = {positions[task.id]: [positions[need] for need in task.needs if need in positions] for task in tasks}
    sorter = TopologicalSorter(graph)
    sorter.prepare()
    return _Queue(tasks=tasks, sorter=sorter, positions=positions)


def _failed(task: Task, error: BaseException) -> Outcome:
    details = "".join(traceback.format_exception(error))
    if isinstance(error, BrokenProcessPool):
        message = "a worker process died (killed, or out of memory): the same command goes on from what is finished"
    else:
        message = str(error) if isinstance(error, PrunescopeError) else f"{type(error).__name__}: {error}"
    return Outcome(id=task.id, error=message, details=details)


def _skipped(task: Task, failed: set[str]) -> Outcome:
    return Outcome(id=task.id, error=f"needs {min(failed.intersection(task.needs))}", skipped=True)


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


def _start_worker(parent: int, threads: int) -> None:
    """Take this worker's share of the cores, keep freed memory, leave Ctrl-C to the parent, and die with it."""
    import torch

    from prunescope.memory import keep_freed

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
