"""The executor."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, ClassVar, Literal

from prunescope.api import Executor, Option

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from prunescope.api import Job, Outcome


@dataclass(frozen=True, kw_only=True)
class Slurm(Executor):
    """Pilots: an array of Slurm jobs, each of which performs one step of the study after the other.

    The study's folder must be one that all machines share. A pilot that is preempted, or reaches its time, lets its
    trainings save their state and is queued again.
    """

    pilots: Annotated[int, Option("Slurm jobs of the array", minimum=1)] = 1
    workers: Annotated[int, Option("steps that a pilot performs at a time", minimum=1)] = 1
    partition: Annotated[str, Option("partition; empty: the default one")] = ""
    time: Annotated[str, Option("time limit of a pilot, D-HH:MM:SS or HH:MM:SS; then it is queued again")] = "04:00:00"
    gpus: Annotated[int, Option("GPUs of a pilot", minimum=0)] = 0
    cpus: Annotated[int, Option("cores of a pilot; 0: one for each worker", minimum=0)] = 0
    memory: Annotated[float, Option("memory of a pilot, GiB; 0: the default of the partition", minimum=0)] = 0.0
    account: Annotated[str, Option("account; empty: the default one")] = ""
    qos: Annotated[str, Option("quality of service; empty: the default one")] = ""
    constraint: Annotated[str, Option("features of the machines; empty: any")] = ""
    warning: Annotated[int, Option("seconds before its end at which a pilot is warned", minimum=10)] = 90
    requeues: Annotated[int, Option("how often a pilot that reaches its time is queued again", minimum=0)] = 1000
    engine: Annotated[
        Literal["slurm", "local"], Option("local: pilots are processes of this machine, to try it out")
    ] = "slurm"

    remote: ClassVar[bool] = True

    def run(self, jobs: Sequence[Job], perform: Callable[[Job], None]) -> Iterator[Outcome]:
        """Queue the pilots, and yield the outcomes that they note."""
        from prunescope_slurm.driving import drive_pilots

        if jobs:
            yield from drive_pilots(self, jobs, perform)

    def slots(self) -> int:
        """Return how many steps the pilots perform at a time, once all of them run."""
        return self.pilots * self.workers
