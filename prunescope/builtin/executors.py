"""Built-in executor: processes of this machine, its cores divided among them."""

from __future__ import annotations

import os
import threading
import traceback
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated

from prunescope.api import Executor, Option, Outcome, Task
from prunescope.errors import PrunescopeError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence


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
    """Keep the workers busy; they are started once and end with this process, however it ends."""
    import multiprocessing  # noqa: PLC0415 - only when processes are wanted

    pool = ProcessPoolExecutor(
        workers,
        mp_context=multiprocessing.get_context("spawn"),
        initializer=_start_worker,
        initargs=(os.getpid(), threads),
    )
    try:
        yield from _schedule(tasks, perform, pool)
    finally:
        for process in list((pool._processes or {}).values()):  # noqa: SLF001 - shutdown alone waits for running tasks
            process.terminate()
        pool.shutdown(wait=True, cancel_futures=True)


def _schedule(
    tasks: Sequence[Task], perform: Callable[[Task], None], pool: ProcessPoolExecutor
) -> Iterator[Outcome]:
    waiting = {task.id: task for task in tasks}
    done: set[str] = set()
    failed: set[str] = set()
    running: dict[Future[None], Task] = {}
    while waiting or running:
        for task in [task for task in waiting.values() if failed.intersection(task.needs)]:
            failed.add(waiting.pop(task.id).id)
            yield _skipped(task, failed)
        for task in [task for task in waiting.values() if not set(task.needs) - done]:
            running[_submit(pool, perform, waiting.pop(task.id))] = task
        for future in wait(running, return_when=FIRST_COMPLETED).done if running else ():
            task = running.pop(future)
            error = future.exception()
            (failed if error else done).add(task.id)
            yield _failed(task, error) if error else Outcome(id=task.id)


def _submit(pool: ProcessPoolExecutor, perform: Callable[[Task], None], task: Task) -> Future[None]:
    """Hand a task to the pool; a pool that a dying worker broke fails it as that worker failed its own."""
    try:
        return pool.submit(perform, task)
    except BrokenProcessPool as error:
        broken: Future[None] = Future()
        broken.set_exception(error)
        return broken


def _failed(task: Task, error: BaseException) -> Outcome:
    details = "".join(traceback.format_exception(error))
    if isinstance(error, BrokenProcessPool):
        message = "a worker process died (killed, or out of memory): the same command goes on from what is finished"
    else:
        message = str(error) if isinstance(error, PrunescopeError) else f"{type(error).__name__}: {error}"
    return Outcome(id=task.id, error=message, details=details)


def _skipped(task: Task, failed: set[str]) -> Outcome:
    return Outcome(id=task.id, error=f"needs {sorted(failed.intersection(task.needs))[0]}", skipped=True)


def _start_worker(parent: int, threads: int) -> None:
    """Take this worker's share of the cores, leave Ctrl-C to the parent, and die with it."""
    import signal  # noqa: PLC0415 - only in workers

    import torch  # noqa: PLC0415 - paid once per worker

    signal.signal(signal.SIGINT, signal.SIG_IGN)
    torch.set_num_threads(threads)
    threading.Thread(target=_die_with, args=(parent,), daemon=True).start()


def _die_with(parent: int) -> None:
    """End this process soon after its parent is gone, even by kill -9: nobody waits for what it computes."""
    ticks = threading.Event()
    while not ticks.wait(0.5):
        if os.getppid() != parent:
            os._exit(1)
