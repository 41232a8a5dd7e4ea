"""kill -9 at random moments of a running diagnosis: nothing finished is lost or damaged, and the end is the same."""

from __future__ import annotations

import json
import random
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest

from prunescope.store import Store

if TYPE_CHECKING:
    from collections.abc import Iterator

KILLS = 50
DATA = "patches:images=96,test_images=48"


class Warm:
    """The warm process; `run` gives it one command."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self._process = process

    def run(self, *argv: str, seconds: float | None = None) -> int:
        """Return the exit status of one command, killed after `seconds`."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps({"argv": argv, "seconds": seconds}) + "\n")
        self._process.stdin.flush()
        return int(self._process.stdout.readline())


@pytest.fixture(scope="module")
def warm(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Warm]:
    """Start the warm process."""
    log = tmp_path_factory.mktemp("warm") / "stderr"
    with (
        log.open("w") as stderr,
        subprocess.Popen(
            [sys.executable, str(Path(__file__).with_name("forked.py"))],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=stderr, text=True,
        ) as process,
    ):  # fmt: skip
        yield Warm(process)
        assert process.stdin is not None
        process.stdin.close()


@pytest.fixture(scope="module")
def checkpoint(warm: Warm, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Train a tiny network."""
    folder = tmp_path_factory.mktemp("dense")
    path = folder / "ckpt.pt"
    argv = ["train", "sgd", "--model", "small_mlp", "--data", DATA, "--epochs", "2", "--output", str(path)]
    assert warm.run(*argv, "--study", str(folder / "study")) == 0
    return path


def diagnose(checkpoint: Path, study: Path) -> list[str]:
    """Return the command under test: two densities, two replicas, in one process."""
    return [
        "diagnose", str(checkpoint), "--data", DATA, "--density", "0.3,0.6", "--pruner-option", "linear=true",
        "--replicas", "2", "--retrain-epochs", "2", "--workers", "1", "--study", str(study),
    ]  # fmt: skip


def test_the_same_command_after_every_kill_ends_with_the_readings_of_an_undisturbed_run(
    warm: Warm, checkpoint: Path, tmp_path: Path
) -> None:
    undisturbed, killed = Store(tmp_path / "undisturbed"), Store(tmp_path / "killed")
    assert warm.run(*diagnose(checkpoint, undisturbed.study)) in (0, 4)
    chance = random.Random(2305)
    finished: set[str] = set()
    signalled = 0
    for _ in range(KILLS):
        status = warm.run(*diagnose(checkpoint, killed.study), seconds=chance.uniform(0, 0.3))
        signalled += status == -9
        kept = set(killed.ids()) if killed.runs.is_dir() else set()
        assert finished <= kept, "a finished step was lost"
        finished = kept
        assert killed.check() == []
    assert signalled > KILLS // 4, "the kills came too late to test anything"
    assert warm.run(*diagnose(checkpoint, killed.study)) in (0, 4)
    assert warm.run("results", "check", "--study", str(killed.study)) == 0
    assert_same_readings(undisturbed, killed)


def assert_same_readings(wanted: Store, got: Store) -> None:
    """Compare every reading but those that measure time."""
    assert wanted.ids() == got.ids()
    compared = 0
    for run_id in wanted.ids():
        first, second = wanted.read(run_id), got.read(run_id)
        assert first.verdicts == second.verdicts
        assert first.history == second.history
        for probe, named in first.readings.items():
            for name, reading in named.items():
                if reading.unit != "second":
                    np.testing.assert_array_equal(second.readings[probe][name].value, reading.value)
                    compared += 1
    assert compared > 20
