"""Sweeps: equal to those of this machine to the bit, whatever is lost on the way."""

from __future__ import annotations

import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest
from conftest import NODE
from tiny_studies import readings_of, sweep_study

LISTEN = "0A"
"""The state of a socket that listens, in /proc/net/tcp."""

LOOPBACK = ("0100007F", "00000000000000000000000001000000", "0000000000000000FFFF00000100007F")

OCCASION = """
import sys
from prunescope_ray import Ray
from prunescope_ray.cluster import connect
from test_sweeps import listening
before = listening()
with connect(Ray(jobs=1)):
    print(*sorted(listening() - before), sep="\\n")
"""


@pytest.fixture(scope="module")
def wanted(tmp_path_factory):
    """Return the readings of the study as this machine alone gives them."""
    return readings_of(
        sweep_study(tmp_path_factory.mktemp("local"), executor="local", executor_options={"in_process": True})
    )


@pytest.mark.parametrize("shared", ["auto", "no"])
def test_a_node_that_is_lost_during_a_sweep_changes_nothing(shared, cluster, wanted, tmp_path):
    node = cluster.add_node(**NODE)
    lost = threading.Event()

    def lose():
        while len(list(tmp_path.glob("study/runs/*.h5"))) < 4:
            time.sleep(0.05)
        cluster.remove_node(node, allow_graceful=False)
        lost.set()

    threading.Thread(target=lose, daemon=True).start()
    study = sweep_study(tmp_path, executor="ray", executor_options={"shared": shared})
    assert lost.wait(10)
    assert readings_of(study) == wanted


def listening():
    """Return the addresses on which some process of this machine listens: (address, port), hexadecimal."""
    found = set()
    for table in ("/proc/net/tcp", "/proc/net/tcp6"):
        for line in Path(table).read_text().splitlines()[1:]:
            parts = line.split()
            if parts[3] == LISTEN:
                found.add(parts[1])
    return found


def test_a_cluster_for_the_occasion_listens_on_the_loopback_interface_alone():
    made = subprocess.run(
        [sys.executable, "-c", OCCASION],
        check=False,
        cwd=Path(__file__).parent,
        capture_output=True,
        text=True,
        timeout=120,
    )
    addresses = [line.partition(":")[0] for line in made.stdout.split()]
    assert addresses, made.stderr
    assert set(addresses) <= set(LOOPBACK)
