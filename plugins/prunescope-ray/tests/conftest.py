"""A cluster of this machine, of a head and one more node."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
import ray
from prunescope_ray.cluster import loopback_alone
from ray.cluster_utils import Cluster

NODE = {"num_cpus": 1, "object_store_memory": 80 * 2**20, "include_dashboard": False}


@pytest.fixture(scope="session")
def cluster():
    """Return the cluster; this process is connected to it."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("RAY_USAGE_STATS_ENABLED", "0")
        patch.setenv("PYTHONPATH", str(Path(__file__).parent))
        patch.setenv("OMP_NUM_THREADS", "1")
        with loopback_alone():
            made = Cluster(initialize_head=True, head_node_args=NODE)
            made.add_node(**NODE)
            before = Path.cwd()
            os.chdir("/")  # as the executor connects: workers look for nothing in the working directory
            ray.init(address=made.address, log_to_driver=False)
            os.chdir(before)
        try:
            yield made
        finally:
            ray.shutdown()
            made.shutdown()
