"""kill -9 at random moments of a running diagnosis: nothing finished is lost or damaged, and the end is the same."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING

import pytest
from warm import Kill, Warm, assert_same_results, warm_process

from prunescope.runs.store import Store

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

KILLS = 50
DATA = "patches:images=96,test_images=48"


@pytest.fixture(scope="module")
def warm(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Warm]:
    """Start the warm process."""
    with warm_process(tmp_path_factory.mktemp("warm") / "stderr") as found:
        yield found


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
        "--replicas", "2", "--retrain-epochs", "2", "--executor-option", "in_process=true", "--study", str(study),
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
        status = warm.run(
            *diagnose(checkpoint, killed.study), kills=[Kill(seconds=chance.uniform(0, 0.3), folder=str(tmp_path))]
        )
        signalled += status == -9
        kept = set(killed.ids()) if killed.runs.is_dir() else set()
        assert finished <= kept, "a finished step was lost"
        finished = kept
        assert killed.check() == []
    assert signalled > KILLS // 4, "the kills came too late to test anything"
    assert warm.run(*diagnose(checkpoint, killed.study)) in (0, 4)
    assert warm.run("results", "check", "--study", str(killed.study)) == 0
    assert_same_results(undisturbed, killed, at_least=20)
