"""Kill nodes of a cluster at random during sweeps, and their driver, and compare with an undisturbed sweep.

    python plugins/prunescope-ray/tests/chaos_ray.py [--kills 20] [--seed 0]

Prints what was killed and how the readings compare; exit code 1 where anything is lost or differs. `nox -s chaos-ray`
runs it.
"""

from __future__ import annotations

import argparse
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path

from prunescope_ray.cluster import loopback_alone
from ray.cluster_utils import Cluster
from tiny_studies import TINY, readings_of, sweep_study

NODE = {"num_cpus": 1, "object_store_memory": 80 * 2**20, "include_dashboard": False}

LONGER = TINY.replace("density = [0.2, 0.5]", "density = [0.1, 0.2, 0.3, 0.5]").replace("replicas = 2", "replicas = 3")

PAUSE_SECONDS = (0.5, 4.0)
"""Between two kills."""

LATEST_SECONDS = 600.0
"""When a sweep that does not end counts as hanging."""

DRIVER = """
import sys
from pathlib import Path
from tiny_studies import sweep_study
from chaos_ray import LONGER
from prunescope_ray.cluster import loopback_alone
folder, address, shared = sys.argv[1:]
options = {"address": address, "shared": shared, "retries": 50}
with loopback_alone():  # where the cluster is
    sweep_study(Path(folder), text=LONGER, executor="ray", executor_options=options)
"""


@dataclass
class Figures:
    """What was done and what came of it."""

    nodes_killed: int = 0
    drivers_killed: int = 0
    sweeps: int = 0
    readings: int = 0
    different: int = 0
    seconds: list[float] = field(default_factory=list)


def main() -> int:
    """Run sweeps with and without a shared folder until enough was killed; return the exit code."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--kills", type=int, default=20)
    parser.add_argument("--seed", type=int, default=0)
    given = parser.parse_args()
    draw, figures = random.Random(given.seed), Figures()
    os.environ |= {"RAY_USAGE_STATS_ENABLED": "0", "OMP_NUM_THREADS": "1", "PYTHONPATH": str(Path(__file__).parent)}
    with tempfile.TemporaryDirectory() as folder, loopback_alone():
        wanted = readings_of(sweep_study(_made(folder, "local"), text=LONGER, executor="local"))
        cluster = Cluster(initialize_head=True, head_node_args=NODE)
        try:
            while figures.nodes_killed < given.kills:
                shared = ("auto", "no")[figures.sweeps % 2]
                study = _swept(cluster, _made(folder, f"sweep-{figures.sweeps}"), shared, given.kills, draw, figures)
                found = readings_of(study)
                figures.readings += len(found)
                figures.different += sum(found.get(name) != value for name, value in wanted.items())
        finally:
            cluster.shutdown()
    print(figures)  # noqa: T201 - what this program is for
    return int(figures.different > 0)


def _made(folder: str, name: str) -> Path:
    made = Path(folder, name)
    made.mkdir()
    return made


def _swept(cluster: Cluster, folder: Path, shared: str, most: int, draw: random.Random, figures: Figures) -> Path:
    """Sweep one study; kill a node again and again, and the driver once, until it is finished."""
    started, driver_dies = time.monotonic(), draw.randint(1, 4)
    driver, nodes, kills = _driver(cluster, folder, shared), [cluster.add_node(**NODE)], 0
    while driver.poll() is None:
        if time.monotonic() - started > LATEST_SECONDS:
            driver.kill()
            raise SystemExit(f"the sweep in {folder} hangs")
        time.sleep(draw.uniform(*PAUSE_SECONDS))
        if figures.nodes_killed < most:
            cluster.remove_node(nodes.pop(), allow_graceful=False)
            nodes.append(cluster.add_node(wait=False, **NODE))
            figures.nodes_killed += 1
            kills += 1
        if kills == driver_dies and driver.poll() is None:
            driver_dies = 0
            os.kill(driver.pid, signal.SIGKILL)
            driver.wait()
            figures.drivers_killed += 1
            driver = _driver(cluster, folder, shared)
    cluster.remove_node(nodes.pop(), allow_graceful=False)
    if driver.returncode:
        raise SystemExit(f"the sweep in {folder} ended with {driver.returncode}")
    figures.sweeps += 1
    figures.seconds.append(round(time.monotonic() - started, 1))
    return folder / "study"


def _driver(cluster: Cluster, folder: Path, shared: str) -> subprocess.Popen[bytes]:
    words = [sys.executable, "-c", DRIVER, str(folder), cluster.address, shared]
    return subprocess.Popen(words, cwd=Path(__file__).parent)


if __name__ == "__main__":
    sys.exit(main())
