"""The interface of an executor, and the jobs it runs."""

from __future__ import annotations

import traceback
from abc import ABC, abstractmethod
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, ClassVar

from prunescope.api.errors import PrunescopeError

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator, Sequence


@dataclass(frozen=True, kw_only=True)
class Resources:
    """What a job is expected to take, as far as the core knows it; an executor's own options come first."""

    gpus: float = 0.0
    """GPUs; a fraction where several jobs may share one. 0: none, or those that the worker has."""
    cores: int = 1
    memory: int = 0
    """Bytes of data, weights, gradients and momentum: a lower bound. 0: not known."""
    seconds: float = 0.0
    """Expected time on one worker of the machine that made the estimate. 0: not known."""


@dataclass(frozen=True, kw_only=True)
class Job:
    """One piece of work for an executor: its id, the ids it waits for, and what is to be done."""

    id: str
    """A run id; of several trainings that are performed together, an id of their group."""
    needs: tuple[str, ...] = ()
    """Ids of the jobs whose results it needs."""
    recipes: tuple[str, ...] = ()
    """The recipe as JSON; several where trainings are performed together."""
    study: str = ""
    """The folder of the study: an absolute path."""
    inputs: tuple[str, ...] = ()
    """Files it reads, as paths from the study's folder: finished results, and those of the jobs it needs. One may be
    absent: not every run has weights."""
    outputs: tuple[str, ...] = ()
    """Files it writes, in that order, as paths from the study's folder; `*` is any characters but a slash."""
    resources: Resources = field(default_factory=Resources)
    retries: int = 3
    """How often it may be performed again where the process or the machine that performs it is lost. A job that raises
    an error is never performed again."""


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """How a job ended; `error` is empty when it succeeded."""

    id: str
    error: str = ""
    """What `describe_failure` returns for an exception: the core recognises some errors by how they begin."""
    skipped: bool = False
    """True when a job it needs failed."""
    details: str = ""
    """The traceback of a failure."""


@dataclass(frozen=True, kw_only=True)
class Progress:
    """How far a run is: for an executor whose workers write into no folder that this machine reads."""

    run: str
    """Id of the run."""
    fraction: float
    """In [0, 1]."""


def describe_failure(job: Job, error: BaseException) -> Outcome:
    """Return the outcome of a job that ended in an exception, in a form that every process can read.

    >>> describe_failure(Job(id="train-1"), ValueError("no such thing")).error
    'ValueError: no such thing'
    """
    message = str(error) if isinstance(error, PrunescopeError) else f"{type(error).__name__}: {error}"
    return Outcome(id=job.id, error=message, details="".join(traceback.format_exception(error)))


def describe_skip(job: Job, failed: Collection[str]) -> Outcome:
    """Return the outcome of a job that is not performed, because jobs it needs are among those that failed.

    >>> describe_skip(Job(id="prune-1", needs=("train-1",)), {"train-1"}).error
    'needs train-1'
    """
    lost = min(need for need in job.needs if need in failed)
    return Outcome(id=job.id, error=f"needs {lost}", skipped=True)


def attempt_job(job: Job, perform: Callable[[Job], None]) -> Outcome:
    """Perform a job in this process and return how it ended: text, which every process can read.

    Whatever it raises is its failure, SystemExit included; KeyboardInterrupt ends this process.
    """
    try:
        perform(job)
    except KeyboardInterrupt:
        raise
    except BaseException as error:  # noqa: BLE001 - one failed job must not end the others
        return describe_failure(job, error)
    return Outcome(id=job.id)


class Executor(ABC):
    """Runs a graph of jobs: on this machine, or on a cluster."""

    remote: ClassVar[bool] = False
    """Whether other machines may perform the jobs: a device is then checked there, and not on this machine."""

    @abstractmethod
    def run(self, jobs: Sequence[Job], perform: Callable[[Job], None]) -> Iterator[Outcome | Progress]:
        """Perform every job once, after those it needs; yield each outcome as soon as it is known.

        Jobs come in an order in which each follows those it needs. `perform` and the jobs can be pickled; an exception
        of `perform` need not be (`attempt_job` returns the outcome as text). A job that raises an exception, SystemExit
        included, failed: it is yielded with its error, the jobs that need it are skipped (`describe_skip`), the others
        are performed. An executor may be asked several times. `prunescope.api.queue` has a queue of the ready jobs.

        `perform` reads and writes `job.study`. Where that folder is not shared, the executor gives it another one
        (`replace(job, study=...)`) with the files `job.inputs`, brings the files `job.outputs` back before it yields
        the outcome, and may yield Progress in between (`prunescope.api.progress` receives it on the worker).
        """

    def slots(self) -> int:
        """Return how many jobs run at a time, for the estimate of the time; the default is one."""
        return 1

    def with_slots(self, slots: int) -> Executor | None:
        """Return this executor with so many jobs at a time: what `--workers` asks for.

        None, the default: the number is given by its options, or by the cluster.
        """
        del slots
        return None
