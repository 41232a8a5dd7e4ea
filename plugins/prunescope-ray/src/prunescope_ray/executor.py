"""The executor."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Annotated, ClassVar, Literal

from prunescope.api import Executor, Option

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from prunescope.api import Job, Outcome, Progress


@dataclass(frozen=True, kw_only=True)
class Ray(Executor):
    """Tasks of a Ray cluster: one that is running, or one that is started on this machine for the occasion.

    A job whose process or machine is lost is performed again elsewhere; one that raises an error is not. Results are
    written into the study's folder where every machine reaches it, and else brought back through Ray's object store.
    """

    address: Annotated[str, Option("a running cluster: HOST:PORT, or auto; empty: one is started here, and ended")] = ""
    jobs: Annotated[int, Option("jobs at a time; 0: as many as the cluster has room for", minimum=0)] = 0
    cpus: Annotated[float, Option("cores of a job", minimum=0.001)] = 1.0
    gpus: Annotated[
        float | None,
        Option("GPUs of a job, 0.25 where four share one; none: one if --device is cuda, else 0", minimum=0),
    ] = None
    memory: Annotated[float, Option("memory that a job reserves, GiB; 0: none is reserved", minimum=0)] = 0.0
    shared: Annotated[
        Literal["auto", "yes", "no"],
        Option("whether all machines reach the study's folder under one path; auto: it is tried out on each"),
    ] = "auto"
    wait: Annotated[
        float, Option("minutes to wait for a machine with room for a job, where an autoscaler starts them", minimum=0)
    ] = 0.0
    retries: Annotated[
        int | None,
        Option("how often a job whose machine is lost is performed again; none: as prunescope asks", minimum=0),
    ] = None

    remote: ClassVar[bool] = True

    def run(self, jobs: Sequence[Job], perform: Callable[[Job], None]) -> Iterator[Outcome | Progress]:
        """Perform every job on the cluster, after those it needs."""
        from prunescope_ray.cluster import connect
        from prunescope_ray.dispatch import dispatch_jobs

        if jobs:
            with connect(self):
                yield from dispatch_jobs(self, jobs, perform)

    def slots(self) -> int:
        """Return how many jobs run at a time: the option, or what the cluster has room for now."""
        from prunescope_ray.cluster import count_slots

        return self.jobs or count_slots(self)

    def with_slots(self, slots: int) -> Ray | None:
        """Return it with so many jobs at a time, unless its option says how many."""
        return None if self.jobs else replace(self, jobs=slots)
