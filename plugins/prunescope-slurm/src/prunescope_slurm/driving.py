"""The driver: queues the pilots, and yields what they note, in an order in which each follows those it needs."""

from __future__ import annotations

import os
import shlex
import sys
import time
from contextlib import contextmanager, suppress
from functools import partial
from typing import TYPE_CHECKING, Any

import submitit

from prunescope.api import Outcome
from prunescope.api.errors import UsageError
from prunescope.api.queue import queue_jobs
from prunescope_slurm.board import make_board
from prunescope_slurm.pilot import Pilot
from prunescope_slurm.queue import is_any_left, is_any_process_left

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from prunescope.api import Job
    from prunescope_slurm.board import Board
    from prunescope_slurm.executor import Slurm

POLL_SECONDS = 0.5

SAFE_PATH = "PYTHONSAFEPATH"

ASK_SECONDS = 30.0
"""How often Slurm is asked whether a pilot is left."""

GONE = "no pilot is left, and nobody performed it"


def drive_pilots(options: Slurm, jobs: Sequence[Job], perform: Callable[[Job], None]) -> Iterator[Outcome]:
    """Perform jobs by pilots; see `api.Executor.run`. Pilots that outlive this process go on with the plan."""
    board = make_board(jobs, perform)
    pilots = _queue_pilots(options, board)
    finished, kept = False, False
    try:
        is_left = is_any_process_left if options.engine == "local" else is_any_left
        for outcome in _outcomes(jobs, board, partial(is_left, pilots)):
            kept = kept or outcome.error.startswith(GONE)
            yield outcome
        finished = True
    finally:
        board.close()
        if not finished:
            for pilot in pilots:
                with suppress(Exception):  # what ends the sweep is reported, not that a pilot is gone already
                    pilot.cancel(check=False)
        if not kept:  # the output of the pilots is in it
            board.remove()


def _outcomes(jobs: Sequence[Job], board: Board, is_left: Callable[[], bool]) -> Iterator[Outcome]:
    queue, known, waiting = queue_jobs(jobs), set[str](), dict[str, Outcome]()
    ready: set[str] = set()
    asked = time.monotonic()
    while queue.is_active():
        yield from queue.skip()
        ready |= {job.id for job in queue.take(len(jobs))}
        found = {outcome.id: outcome for outcome in board.new_outcomes(known)}
        known |= set(found)
        waiting |= found
        now = sorted(ready & set(waiting))
        for name in now:  # one that comes before those it needs is yielded after them
            ready.discard(name)
            yield queue.end(waiting.pop(name))
        if now:
            continue
        if time.monotonic() - asked > ASK_SECONDS:
            asked = time.monotonic()
            gone = not is_left() and not board.new_outcomes(known)
            for name in sorted(ready) if gone else ():
                ready.discard(name)
                yield queue.end(_left(name, board))
        time.sleep(POLL_SECONDS)


def _left(name: str, board: Board) -> Outcome:
    logs = sorted(board.logs.glob("*.err"))
    tail = "\n".join(path.read_text(encoding="utf-8", errors="replace")[-2000:] for path in logs[:3])
    return Outcome(id=name, error=f"{GONE}: see {board.logs}\nthe same command resumes", details=tail)


def _queue_pilots(options: Slurm, board: Board) -> list[Any]:
    """Queue the array; UsageError where Slurm refuses it, or is not there."""
    minutes = max(1, parse_minutes(options.time))
    try:
        executor = submitit.AutoExecutor(
            folder=board.logs,
            cluster=options.engine,
            slurm_max_num_timeout=options.requeues,
            slurm_python=f"{shlex.quote(sys.executable)} -P",
        )
        executor.update_parameters(timeout_min=minutes, **_parameters(options))
        with _safe_path(), executor.batch():
            return [executor.submit(Pilot(board=board, workers=options.workers)) for _ in range(options.pilots)]
    except (
        RuntimeError,
        OSError,
        submitit.core.utils.FailedJobError,
        submitit.core.utils.FailedSubmissionError,
    ) as error:
        board.remove()
        reason = str(error).strip().partition("\n")[0]
        raise UsageError(
            f"the pilots cannot be queued: {reason}",
            fix="run it where sbatch and srun are, and check partition, time and account",
        ) from error


@contextmanager
def _safe_path() -> Iterator[None]:
    """Let processes that start search no working directory for modules."""
    before = os.environ.get(SAFE_PATH)
    os.environ[SAFE_PATH] = "1"
    try:
        yield
    finally:
        if before is None:
            del os.environ[SAFE_PATH]
        else:
            os.environ[SAFE_PATH] = before


def _parameters(options: Slurm) -> dict[str, Any]:
    if options.engine == "local":
        return {}
    more = {"qos": options.qos, "constraint": options.constraint, "account": options.account}
    found: dict[str, Any] = {
        "cpus_per_task": options.cpus or options.workers,
        "slurm_signal_delay_s": options.warning,
        "slurm_array_parallelism": options.pilots,
        "slurm_additional_parameters": {name: value for name, value in more.items() if value} | {"requeue": True},
        "slurm_setup": [f"export {SAFE_PATH}=1"],
        "slurm_srun_args": ["--export=ALL"],  # of the batch script's, which a site may have emptied (SBATCH_EXPORT)
        "name": "prunescope",
    }
    found |= {"gpus_per_node": options.gpus} if options.gpus else {}
    found |= {"mem_gb": options.memory} if options.memory else {}
    return found | ({"slurm_partition": options.partition} if options.partition else {})


def parse_minutes(text: str) -> int:
    """Return a time limit as Slurm writes it in minutes, rounded up.

    >>> parse_minutes("04:00:00"), parse_minutes("1-12:00:00"), parse_minutes("90"), parse_minutes("00:00:30")
    (240, 2160, 90, 1)
    """
    days, dash, rest = text.rpartition("-")
    parts = rest.split(":")
    try:
        numbers = [int(part) for part in parts]
        seconds = {1: [60], 2: [60, 1], 3: [3600, 60, 1]}[len(numbers)] if not dash else [3600, 60, 1][: len(numbers)]
        total = int(days or 0) * 86400 + sum(one * unit for one, unit in zip(numbers, seconds, strict=True))
    except (ValueError, KeyError) as error:
        raise UsageError(f"time={text!r} is no time limit", fix="write HH:MM:SS or D-HH:MM:SS") from error
    return -(-total // 60)
