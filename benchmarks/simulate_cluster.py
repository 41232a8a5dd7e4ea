"""Replay the plan of a study on N machines of M workers: makespan, utilisation, traffic, and what limits.

    python benchmarks/simulate_cluster.py STUDY.toml [--nodes 8] [--gpus 4] [--speed 1] [--network 1.0] [--storage 1.0]

The plan is the study's own: the same jobs, groups and dependencies as `prunescope sweep` hands to an executor, with the
seconds of the cost model, measured on this machine and divided by `--speed`. A worker is a GPU of a machine. Nothing is
trained. STUDY may be a number instead, of jobs in an invented plan of as many cells as it takes: `100000`.

Model: a ready job goes to a free worker, the first in the order of the plan; a job reads its inputs and writes its
outputs through the one storage (`--storage`, GB/s, shared by all) and through its machine's network (`--network`,
GB/s, shared by its workers). Transfers are counted at the mean load, not replayed packet by packet.
"""

from __future__ import annotations

import argparse
import resource
import sys
import tempfile
from collections import Counter
from dataclasses import dataclass, field
from heapq import heappop, heappush
from pathlib import Path
from time import perf_counter
from typing import TYPE_CHECKING

from prunescope.api import Job, Outcome, Resources
from prunescope.api.queue import queue_jobs

if TYPE_CHECKING:
    from collections.abc import Sequence

INVENTED_SECONDS = {"train": 3600.0, "prune": 2.0, "retrain": 1800.0, "probe": 30.0, "diagnose": 0.1}

REPLICAS = 3

RESULT_BYTES, WEIGHT_BYTES = 60_000, 100_000_000
"""Of an invented plan: a result, and the weights of ResNet-50."""


@dataclass(frozen=True, kw_only=True)
class Machines:
    """What the plan is replayed on."""

    nodes: int
    gpus: int
    speed: float
    """Of a worker, where this machine has 1."""
    network: float
    """Of a machine, GB/s."""
    storage: float
    """Of all, GB/s."""

    @property
    def workers(self) -> int:
        """Jobs at a time."""
        return self.nodes * self.gpus


@dataclass(kw_only=True)
class Replayed:
    """What came of it."""

    jobs: int = 0
    makespan: float = 0.0
    """Seconds of the simulated clock."""
    busy: float = 0.0
    """Seconds of all workers."""
    longest_chain: float = 0.0
    """Seconds of the longest chain of jobs that need each other."""
    read: float = 0.0
    """Bytes."""
    written: float = 0.0
    by_step: Counter[str] = field(default_factory=Counter)
    overhead: float = 0.0
    """Seconds of this process for each job: queue, hand out, receive."""


def main() -> int:
    """Print the figures."""
    given = _parser().parse_args()
    machines = Machines(
        nodes=given.nodes, gpus=given.gpus, speed=given.speed, network=given.network, storage=given.storage
    )
    started = perf_counter()
    jobs, sizes = _invented(int(given.study)) if given.study.isdecimal() else _planned(Path(given.study))
    listed = perf_counter() - started
    found = replay(jobs, sizes, machines)
    print("\n".join(describe(found, machines, listed=listed)))
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("study", help="TOML file of a study, or a number of invented jobs")
    parser.add_argument("--nodes", type=int, default=8)
    parser.add_argument("--gpus", type=int, default=4, help="of a machine, one job each")
    parser.add_argument("--speed", type=float, default=1.0, help="of a worker, relative to this machine's")
    parser.add_argument("--network", type=float, default=1.0, help="of a machine, GB/s")
    parser.add_argument("--storage", type=float, default=1.0, help="of all machines together, GB/s")
    return parser


def replay(jobs: Sequence[Job], sizes: dict[str, float], machines: Machines) -> Replayed:
    """Let the clock jump from the end of one job to that of the next."""
    queue, found, clock = queue_jobs(jobs), Replayed(jobs=len(jobs)), 0.0
    ends: list[tuple[float, int, Job]] = []
    chain: dict[str, float] = {}
    started, number = perf_counter(), 0
    while queue.is_active():
        list(queue.skip())
        for job in queue.take(machines.workers - len(ends)):
            read = sum(sizes.get(path, 0.0) for path in job.inputs)
            written = sum(sizes.get(path, 0.0) for path in job.outputs)
            seconds = job.resources.seconds / machines.speed + (read + written) / _share(machines)
            number += 1
            heappush(ends, (clock + seconds, number, job))
            found.busy += seconds
            found.read += read
            found.written += written
            found.by_step[job.id.partition("-")[0]] += 1
            chain[job.id] = seconds + max((chain.get(need, 0.0) for need in job.needs), default=0.0)
        clock, _, done = heappop(ends)
        queue.end(Outcome(id=done.id))
    found.overhead = (perf_counter() - started) / max(len(jobs), 1)
    found.makespan, found.longest_chain = clock, max(chain.values(), default=0.0)
    return found


def _share(machines: Machines) -> float:
    """Return the bytes a second that one worker has where all transfer at once."""
    return 1e9 * min(machines.network / machines.gpus, machines.storage / machines.workers)


def describe(found: Replayed, machines: Machines, *, listed: float) -> list[str]:
    """Return the figures as lines."""
    capacity, traffic = machines.workers * found.makespan, found.read + found.written
    utilisation = found.busy / capacity if capacity else 0.0
    rate = traffic / 1e9 / max(found.makespan, 1e-9)
    steps = ", ".join(f"{count:,} {step}" for step, count in found.by_step.most_common())
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    return [
        f"plan: {found.jobs:,} jobs ({steps}), listed in {listed:.1f} s",
        f"machines: {machines.nodes} x {machines.gpus} workers, speed {machines.speed:g}",
        f"makespan: {_clock(found.makespan)}; one worker: {_clock(found.busy)}",
        f"utilisation: {utilisation:.0%}; longest chain: {_clock(found.longest_chain)}",
        f"storage: {found.read / 1e9:,.1f} GB read, {found.written / 1e9:,.1f} GB written, {rate:.3f} GB/s on average",
        f"limit: {limit(found, machines)}",
        f"this process: {1000 * found.overhead:.3f} ms for each job, {memory:.2f} GB at most",
    ]


def limit(found: Replayed, machines: Machines) -> str:
    """Return what would have to change for a shorter makespan."""
    traffic = (found.read + found.written) / 1e9
    if traffic / machines.storage > 0.5 * found.makespan:
        return "the storage: its traffic alone takes more than half of the time"
    if found.longest_chain > 0.8 * found.makespan:
        return "the longest chain of steps that need each other: more workers do not help"
    if found.busy > 0.8 * machines.workers * found.makespan:
        return "the number of workers: they are busy nearly all the time"
    return "how the steps become ready: workers wait for dense trainings at the beginning or for stragglers at the end"


def _clock(seconds: float) -> str:
    return f"{seconds / 3600:,.1f} h" if seconds >= 3600 else f"{seconds:,.1f} s"


def _planned(file: Path) -> tuple[list[Job], dict[str, float]]:
    """Return the jobs of a study from its beginning, and the bytes of its files."""
    from prunescope.runs.scheduling import cost, groups, works
    from prunescope.runs.store import Store
    from prunescope.studies.grid import studyfolder

    with tempfile.TemporaryDirectory() as folder:
        study = Path(folder) / "study"
        studyfolder.settle(file, study)
        store, recipes = Store(study), studyfolder.load_grid(study).recipes
        estimate = cost.estimate_cost(recipes, store, device="cpu")
        expected = estimate.expected(device="cpu")
        found = works.works(recipes, store, groups.divide_recipes(recipes, store, device="cpu"), expected)
    jobs = [work.job for work in found]
    made = sum(1 + len(recipe.arguments.get("snapshots", ())) for recipe in recipes if recipe.step in cost.MAKERS)
    weights = (estimate.bytes - RESULT_BYTES * len(recipes)) / max(made, 1)
    return jobs, _sizes(jobs, weights=weights)


def _sizes(jobs: Sequence[Job], *, weights: float) -> dict[str, float]:
    """Return the bytes of every file that a job reads or writes; a pattern stands for one file."""
    paths = {path for job in jobs for path in (*job.inputs, *job.outputs)}
    makes = ("runs/train", "runs/prune", "runs/retrain", "runs/rewind")
    return {
        path: RESULT_BYTES if path.endswith(".h5") else weights if path.startswith(makes) and "*" not in path else 0.0
        for path in paths
    }


def _invented(count: int) -> tuple[list[Job], dict[str, float]]:
    """Return so many jobs: dense trainings, and cells of a mask, its replicas, a probe of them, a diagnosis of it."""
    jobs: list[Job] = []
    cell = 3 + REPLICAS
    for number in range(-(-count // cell)):
        dense = f"train-{number // 20}"
        if number % 20 == 0:
            jobs.append(_job(dense))
        names = [f"retrain-{number}-{replica}" for replica in range(REPLICAS)]
        jobs.append(_job(f"prune-{number}", dense))
        jobs += [_job(name, f"prune-{number}") for name in names]
        jobs += [_job(f"probe-{number}", *names), _job(f"diagnose-{number}", f"probe-{number}")]
    jobs = jobs[:count]
    return jobs, _sizes(jobs, weights=WEIGHT_BYTES)


def _job(name: str, *needs: str) -> Job:
    return Job(
        id=name,
        needs=needs,
        inputs=tuple(f"runs/{need}.safetensors" for need in needs),
        outputs=(f"runs/{name}.safetensors", f"runs/{name}.h5"),
        resources=Resources(seconds=INVENTED_SECONDS[name.partition("-")[0]]),
    )


if __name__ == "__main__":
    sys.exit(main())
