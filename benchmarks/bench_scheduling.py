"""What a sweep of 100,000 steps costs the process that drives it, beside the steps themselves.

    python benchmarks/bench_scheduling.py [STEPS]

Lists a study of so many steps, turns them into jobs, and runs them through `scheduler.run` with an executor that
performs nothing; what it takes to verify a result is timed on real ones and added. So what is timed is the driver's
own: queue, hand out, receive, note the outcome, verify the result. Prints milliseconds of CPU for each
step and the memory at most; fails above 2 ms or 1 GB.
"""

from __future__ import annotations

import argparse
import resource
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from time import process_time
from typing import TYPE_CHECKING

from prunescope.api import Executor, Outcome
from prunescope.api.queue import queue_jobs
from prunescope.runs.recipe import Recipe
from prunescope.runs.scheduling import arrivals, scheduler
from prunescope.runs.store import Store

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from prunescope.api import Job

STEPS = 100_000

MOST_MILLISECONDS, MOST_GIGABYTES = 2.0, 1.0

SAMPLE = 500
"""Results that are really written, read and verified."""


@dataclass(frozen=True, kw_only=True)
class Nothing(Executor):
    """Performs nothing: every job succeeds at once, after those it needs."""

    def run(self, jobs: Sequence[Job], perform: Callable[[Job], None]) -> Iterator[Outcome]:
        """Yield the outcomes."""
        del perform
        queue = queue_jobs(jobs)
        while queue.is_active():
            yield from queue.skip()
            for job in queue.take(64):
                yield queue.end(Outcome(id=job.id))


def recipes_of(count: int) -> list[Recipe]:
    """Return a plan without trainings, which need a network to be divided: dense imports, masks, probes."""
    found: list[Recipe] = []
    while len(found) < count:
        number = len(found)
        dense = Recipe(step="import", arguments={"seed": number})
        masks = [Recipe(step="prune", arguments={"density": d / 50}, inputs=(dense.id,)) for d in range(1, 50)]
        probes = [Recipe(step="probe", plugin="errors", inputs=(mask.id,)) for mask in masks]
        found += [dense, *masks, *probes]
    return found[:count]


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("steps", nargs="?", type=int, default=STEPS, help="steps of the study (default: %(default)s)")
    return parser.parse_args()


def main() -> int:
    """Print the figures; return 1 where one exceeds what is allowed."""
    count = _arguments().steps
    started = process_time()
    recipes = recipes_of(count)
    for recipe in recipes:
        recipe.id  # noqa: B018 - computed once, and kept
    listed = process_time() - started
    with tempfile.TemporaryDirectory() as folder:
        verifying = _time_verifying(Store(Path(folder) / "sample"))
        check, arrivals.check_arrival = arrivals.check_arrival, lambda outcome, *_: outcome
        try:
            started = process_time()
            ended = sum(
                not outcome.error for outcome in scheduler.run(recipes, Store(Path(folder)), Nothing(), device="cpu")
            )
            scheduled = process_time() - started
        finally:
            arrivals.check_arrival = check
    each = 1000 * (scheduled / count + verifying)
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    print(f"{count:,} steps listed in {listed:.1f} s; {ended:,} handed out and received in {scheduled:.1f} s")
    print(f"verifying a result that arrives: {1000 * verifying:.2f} ms (mean of {SAMPLE})")
    print(f"driver: {each:.2f} ms for each step, wanted at most {MOST_MILLISECONDS:g}")
    print(f"memory: {memory:.2f} GB at most, wanted at most {MOST_GIGABYTES:g}")
    return int(each > MOST_MILLISECONDS or memory > MOST_GIGABYTES)


def _time_verifying(store: Store) -> float:
    """Return the seconds that the driver takes to verify one result: those of small probes, really written."""
    from prunescope.api import Reading
    from prunescope.runs.files.runfile import Run

    recipes = [Recipe(step="probe", plugin="errors", arguments={"seed": seed}) for seed in range(SAMPLE)]
    for recipe in recipes:
        readings = {"errors": {"train_error": Reading(0.1, "fraction"), "test_error": Reading(0.2, "fraction")}}
        made = Run(recipe=recipe, created="", wall_seconds=0.0, device="", versions={}, readings=readings)
        store.write(made)
    started = process_time()
    for recipe in recipes:
        outcome = arrivals.check_arrival(Outcome(id=recipe.id), (recipe,), store)
        if outcome.error:
            raise SystemExit(outcome.error)
    return (process_time() - started) / SAMPLE


if __name__ == "__main__":
    sys.exit(main())
