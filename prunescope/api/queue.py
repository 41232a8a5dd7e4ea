"""Which job of an executor is ready: those it needs have ended, and none of them failed."""

from __future__ import annotations

from dataclasses import dataclass, field
from graphlib import TopologicalSorter
from heapq import heappop, heappush
from typing import TYPE_CHECKING

from prunescope.api.interfaces import describe_skip

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from prunescope.api.interfaces import Job, Outcome


@dataclass(frozen=True, kw_only=True)
class JobQueue:
    """Jobs in the order given, each ready once those it needs have ended; `queue_jobs` makes one.

    `skip` moves what became ready; `take` hands it out; `end` records an outcome. Each job is touched a fixed number of
    times: 100,000 of them take a second.
    """

    jobs: Sequence[Job]
    sorter: TopologicalSorter[int]
    """Of their positions in the order."""
    positions: Mapping[str, int]
    ready: list[int] = field(default_factory=list)
    """A heap: a cell begun early is finished early."""
    failed: set[str] = field(default_factory=set)

    def is_active(self) -> bool:
        """Whether a job has not ended yet."""
        return self.sorter.is_active()

    def skip(self) -> Iterator[Outcome]:
        """Move what became ready to the heap; yield what is skipped because a job it needs failed."""
        while found := self.sorter.get_ready():
            for position in found:
                if self.failed.isdisjoint(self.jobs[position].needs):
                    heappush(self.ready, position)
                else:
                    yield self.end(describe_skip(self.jobs[position], self.failed))

    def take(self, count: int) -> list[Job]:
        """Return up to so many ready jobs, those that come first."""
        return [self.jobs[heappop(self.ready)] for _ in range(min(count, len(self.ready)))]

    def put_back(self, jobs: Sequence[Job]) -> None:
        """Let jobs that were taken be taken again."""
        for job in jobs:
            heappush(self.ready, self.positions[job.id])

    def end(self, outcome: Outcome) -> Outcome:
        """Record how a job ended."""
        if outcome.error:
            self.failed.add(outcome.id)
        self.sorter.done(self.positions[outcome.id])
        return outcome


def queue_jobs(jobs: Sequence[Job]) -> JobQueue:
    """Return the queue of these jobs; what is needed and not among them counts as done."""
    positions = {job.id: position for position, job in enumerate(jobs)}
    graph = {positions[job.id]: [positions[need] for need in job.needs if need in positions] for job in jobs}
    sorter = TopologicalSorter(graph)
    sorter.prepare()
    return JobQueue(jobs=jobs, sorter=sorter, positions=positions)
