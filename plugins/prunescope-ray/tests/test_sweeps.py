"""Sweeps: equal to those of this machine to the bit, whatever is lost on the way."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest
from conftest import NODE
from tiny_studies import TINY, readings_of, sweep_study

from prunescope.runs.store import Store

PATIENCE = 900
"""Seconds until a test gives up: other sessions may share the cores of this machine."""

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


COMMAND = """
import signal
signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell's background job ignores it
from prunescope.cli import main
from prunescope_ray.cluster import loopback_alone
with loopback_alone():  # where the cluster is
    main()
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
    assert lost.wait(PATIENCE)
    assert readings_of(study) == wanted


def test_two_studies_share_a_cluster(cluster, wanted, tmp_path):
    studies = [tmp_path / name for name in ("one", "other")]
    drivers = [_start_driver(TINY, study, cluster) for study in studies]
    try:
        told = [driver.communicate(timeout=PATIENCE)[1] for driver in drivers]
    finally:
        _end(drivers)
    assert [driver.returncode for driver in drivers] == [0, 0], told
    assert [readings_of(study) for study in studies] == [wanted, wanted]
    assert cluster.list_all_nodes()


def test_ctrl_c_of_the_driver_ends_what_it_handed_out_and_the_same_command_resumes(cluster, tmp_path):
    long = TINY.replace("epochs = 2", "epochs = 20000", 1).replace("[1, 2]", "[1, 20000]")
    study = tmp_path / "study"
    driver = _start_driver(long, study, cluster)
    try:
        until = time.monotonic() + PATIENCE
        while not any(study.glob("runs/.locks/train-*.progress")) and driver.poll() is None:
            assert time.monotonic() < until
            time.sleep(0.1)
        driver.send_signal(signal.SIGINT)
        _, told = driver.communicate(timeout=PATIENCE)
    finally:
        _end([driver])
    assert driver.returncode == 130, told
    assert "the same command resumes" in told
    running = [path.stem for path in study.glob("runs/.locks/train-*.lock")]
    while any(Store(study).is_busy(run) for run in running):
        assert time.monotonic() < until + PATIENCE, "the worker goes on"
        time.sleep(0.1)
    assert running
    assert not list(study.glob(".prunescope-ray-*"))


@pytest.mark.parametrize("shared", ["auto", "no"])
def test_a_relative_study_is_the_driver_s_wherever_the_workers_run(shared, cluster, wanted, tmp_path):
    study = tmp_path / "made" / "here"
    driver = _start_driver(TINY, tmp_path / "tiny", cluster, at="made/here", shared=shared)
    try:
        told = driver.communicate(timeout=PATIENCE)[1]
    finally:
        _end([driver])
    assert driver.returncode == 0, told
    assert readings_of(study) == wanted
    assert not list(tmp_path.rglob(".prunescope-ray-*"))


def _start_driver(text, study, cluster, *, at=None, shared="auto"):
    """Start the command that sweeps a study on a cluster, as a process of its own; at: the study as it is given."""
    file = study.with_suffix(".toml")
    file.write_text(text)
    words = [sys.executable, "-c", COMMAND, "sweep", file.name, "--study", at or str(study), "--device", "cpu"]
    words += ["--executor", "ray", "--executor-option", f"address={cluster.address},shared={shared}"]
    return subprocess.Popen(words, cwd=study.parent, stderr=subprocess.PIPE, stdout=subprocess.DEVNULL, text=True)


def _end(drivers):
    """Kill what still runs of a test's drivers."""
    for driver in drivers:
        driver.kill()


def listening():
    """Return the addresses on which some process of this machine listens: (address, port), hexadecimal."""
    found = set()
    for table in ("/proc/net/tcp", "/proc/net/tcp6"):
        for line in Path(table).read_text().splitlines()[1:]:
            parts = line.split()
            if parts[3] == LISTEN:
                found.add(parts[1])
    return found


def test_a_cluster_for_the_occasion_listens_on_the_loopback_interface_alone_and_leaves_no_token(tmp_path):
    made = subprocess.run(
        [sys.executable, "-c", OCCASION],
        check=False,
        cwd=Path(__file__).parent,
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        env=os.environ | {"HOME": str(tmp_path)},
    )
    assert not list(tmp_path.rglob("*token*"))
    addresses = [line.partition(":")[0] for line in made.stdout.split()]
    assert addresses, made.stderr
    assert set(addresses) <= set(LOOPBACK)
