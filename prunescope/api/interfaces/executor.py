"""The interface of an executor, and the jobs it runs."""

from __future__ import annotations

import traceback
from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import TYPE_CHECKING

from prunescope.api.errors import PrunescopeError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence


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
    """The folder of the study."""


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """How a job ended; `error` is empty when it succeeded."""

    id: str
    error: str = ""
    """What `describe_failure` says of an exception: the core recognises some errors by how they begin."""
    skipped: bool = False
    """True when a job it needs failed."""
    details: str = ""
    """The traceback of a failure."""


def describe_failure(job: Job, error: BaseException) -> Outcome:
    """Return the outcome of a job that ended in an exception, in a form that every process can read.

    >>> describe_failure(Job(id="train-1"), ValueError("no such thing")).error
    'ValueError: no such thing'
    """
    message = str(error) if isinstance(error, PrunescopeError) else f"{type(error).__name__}: {error}"
    return Outcome(id=job.id, error=message, details="".join(traceback.format_exception(error)))


class Executor(ABC):
    """Runs a graph of jobs: on this machine, or on a cluster."""

    @abstractmethod
    def run(self, jobs: Sequence[Job], perform: Callable[[Job], None]) -> Iterator[Outcome]:
        """Perform every job once, after those it needs; yield each outcome as soon as it is known.

        Jobs come in an order in which each follows those it needs. `perform` and the jobs can be pickled; an exception
        of `perform` need not be. A job that raises an exception, SystemExit included, failed: it is yielded with its
        error, the jobs that need it are skipped, the others are performed. An executor may be asked several times.
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
