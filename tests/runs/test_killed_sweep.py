"""Kills, full disks and company during a sweep: nothing finished is lost, and the end is that of an undisturbed one.

The long version, with as many kills as asked for:
PRUNESCOPE_SOAK_KILLS=30 pytest tests/runs/test_killed_sweep.py -k soak.
"""

from __future__ import annotations

import os
import random
import shutil
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from warm import Command, Kill, Warm, assert_same_results, warm_process

from prunescope.runs.store import Store

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = pytest.mark.skipif(not Path("/proc/self/task").is_dir(), reason="finds the workers in /proc: Linux alone")

STUDY = """
[model]
name = "preresnet8"
width = 0.25
[data]
name = "patches"
images = 64
test_images = 32
[train]
plugin = "sgd"
epochs = 3
batch_size = 16
[prune]
plugin = "magnitude"
[retrain]
plugin = "sgd"
epochs = 1
batch_size = 16
[[probes]]
plugin = "errors"
[[probes]]
plugin = "lmc"
points = 3
[axes]
epochs = [1, 3]
density = [0.2, 0.5]
[seeds]
dense = [0, 1]
replicas = 2
"""

STEPS = 2 + 8 * (1 + 2 + 2)

DONE, FULL, KILLED = 0, 2, -9

READINGS = 8 * (3 + 5)


@pytest.fixture(scope="module")
def warm(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Warm]:
    """Start the warm process."""
    with warm_process(tmp_path_factory.mktemp("warm") / "stderr") as found:
        yield found


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Write the study."""
    found = tmp_path_factory.mktemp("study") / "tiny.toml"
    found.write_text(STUDY)
    return found


@pytest.fixture(scope="module")
def undisturbed(warm: Warm, file: Path) -> Store:
    """Run the study in one go."""
    store = Store(file.parent / "undisturbed")
    assert warm.run(*sweep(file, store)) == DONE
    assert len(store.ids()) == STEPS
    return store


def sweep(file: Path, store: Store, *more: str, workers: int = 1) -> list[str]:
    """Return the command under test."""
    where = ["--workers", str(workers)] if workers > 1 else ["--executor-option", "in_process=true"]
    return ["sweep", str(file), "--study", str(store.study), *where, *more]


def finished(store: Store) -> set[str]:
    """Return the runs that are there; none may be damaged."""
    assert store.check() == []
    return set(store.ids())


def assert_complete(warm: Warm, file: Path, store: Store, undisturbed: Store) -> None:
    """The same command completes the study, `results check` is content, and the numbers are the undisturbed ones."""
    assert warm.run(*sweep(file, store)) == DONE
    assert warm.run("results", "check", "--study", str(store.study)) == DONE
    assert_same_results(undisturbed, store, at_least=READINGS)


@pytest.mark.parametrize("seed", [1, 2])
def test_the_command_is_killed_at_random_moments(
    warm: Warm, file: Path, undisturbed: Store, tmp_path: Path, seed: int
) -> None:
    store, chance, kept, killed = Store(tmp_path / "study"), random.Random(seed), set(), 0
    for _ in range(6):
        kill = Kill(folder=str(store.runs), files=len(kept) + chance.randint(0, 6), seconds=chance.uniform(0, 0.06))
        killed += warm.run(*sweep(file, store), kills=[kill]) == KILLED
        assert kept <= finished(store), "a finished step was lost"
        kept = finished(store)
    assert killed > 1, "the kills came too late to test anything"
    assert_complete(warm, file, store, undisturbed)


def test_the_command_is_killed_while_its_workers_work(
    warm: Warm, file: Path, undisturbed: Store, tmp_path: Path
) -> None:
    store = Store(tmp_path / "study")
    kill = Kill(folder=str(store.runs), files=9, seconds=0.01)
    assert warm.run(*sweep(file, store, workers=2), kills=[kill]) == KILLED
    kept = finished(store)
    assert len(kept) < STEPS
    assert warm.run(*sweep(file, store, workers=2)) == DONE, "orphaned workers may still hold steps"
    assert kept <= finished(store)
    assert_complete(warm, file, store, undisturbed)


def test_a_worker_is_killed_and_its_step_is_tried_again(
    warm: Warm, file: Path, undisturbed: Store, tmp_path: Path
) -> None:
    store = Store(tmp_path / "study")
    kill = Kill(folder=str(store.runs), files=9, worker=1)
    assert warm.run(*sweep(file, store, workers=2), kills=[kill]) == DONE
    assert not list(store.study.glob("failures/*"))
    assert_complete(warm, file, store, undisturbed)


def test_several_processes_work_on_one_study_and_one_is_killed(
    warm: Warm, file: Path, undisturbed: Store, tmp_path: Path
) -> None:
    store = Store(tmp_path / "study")
    same = Command(argv=sweep(file, store))
    doomed = Command(argv=sweep(file, store), kills=[Kill(folder=str(store.runs), files=12)])
    assert warm.run_all([same, doomed]) in ([DONE, KILLED], [DONE, DONE])
    assert_complete(warm, file, store, undisturbed)


def test_two_shards_side_by_side_are_the_whole_study(
    warm: Warm, file: Path, undisturbed: Store, tmp_path: Path
) -> None:
    """They end as one after the other; a group of trainings that both ask for is cut, which its last bits tell."""
    together, in_turn = Store(tmp_path / "together"), Store(tmp_path / "in-turn")
    shards = ["1/2", "2/2"]
    assert warm.run_all([Command(argv=sweep(file, together, "--shard", shard)) for shard in shards]) == [DONE, DONE]
    assert [warm.run(*sweep(file, in_turn, "--shard", shard)) for shard in shards] == [DONE, DONE]
    assert finished(together) == set(undisturbed.ids())
    assert_same_results(in_turn, together, at_least=READINGS)


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """Mount a disk that can be made larger."""
    folder = tmp_path / "disk"
    folder.mkdir()
    mount = shutil.which("mount")
    if os.geteuid() or mount is None:
        pytest.skip("mounting a small disk needs root")
    tried = subprocess.run(
        [mount, "-t", "tmpfs", "-o", "size=4k", "tmpfs", str(folder)], check=False, capture_output=True
    )
    if tried.returncode:
        pytest.skip(f"cannot mount a small disk here: {tried.stderr.decode().strip()}")
    yield folder
    subprocess.run(["umount", "--lazy", str(folder)], check=True)


def resize(disk: Path, kibibytes: int) -> None:
    """Give a mounted disk another size."""
    subprocess.run(["mount", "-o", f"remount,size={kibibytes}k", str(disk)], check=True)


def test_the_disk_is_full_again_and_again(warm: Warm, file: Path, undisturbed: Store, small_disk: Path) -> None:
    store, chance, kept, full = Store(small_disk / "study"), random.Random(3), set(), 0
    size = 4
    while (status := warm.run(*sweep(file, store))) != DONE:
        assert status == FULL, "what does not fit is a full disk, nothing else"
        full += 1
        assert kept <= finished(store)
        assert not list(store.runs.glob(".*.tmp*")), "half a file stays on a full disk"
        kept = finished(store)
        size += chance.randint(60, 320)
        resize(small_disk, size)
    assert full > 3, "the disk was too large to test anything"
    assert_complete(warm, file, store, undisturbed)


@pytest.mark.parametrize(("workers", "cuts"), [(1, ("small", "results", "weights")), (2, ("results",))])
def test_no_file_may_grow(
    warm: Warm, file: Path, undisturbed: Store, tmp_path: Path, workers: int, cuts: tuple[str, ...]
) -> None:
    """A full disk as any user can have it: a file that grows beyond some size is refused."""
    store, kept = Store(tmp_path / "study"), set()
    file_bytes = {
        "small": 2_000,
        "results": max(path.stat().st_size for path in undisturbed.runs.glob("*.h5")) - 1,
        "weights": max(path.stat().st_size for path in undisturbed.runs.glob("*.safetensors")) - 1,
    }
    for cut in cuts:
        assert warm.run(*sweep(file, store, workers=workers), file_bytes=file_bytes[cut]) == FULL
        assert kept <= finished(store)
        kept = finished(store)
        assert not list(store.runs.glob(".*.tmp*")), "half a file stays on a full disk"
    assert_complete(warm, file, store, undisturbed)


@pytest.mark.skipif(not os.environ.get("PRUNESCOPE_SOAK_KILLS"), reason="PRUNESCOPE_SOAK_KILLS gives how many")
def test_soak(warm: Warm, file: Path, undisturbed: Store, tmp_path: Path) -> None:
    """Kill the command or a worker of it at random moments, again and again, and begin anew when it is complete."""
    left, chance, begun, done = int(os.environ["PRUNESCOPE_SOAK_KILLS"]), random.Random(2305), 0, True
    while left:
        if done:
            store, kept, begun = Store(tmp_path / f"study{begun}"), set(), begun + 1
        kills = [
            Kill(
                folder=str(store.runs),
                files=len(kept) + chance.randint(0, 8),
                seconds=chance.uniform(0, 0.2),
                worker=chance.choice([None, 0, 1]),
            )
        ]
        status = warm.run(*sweep(file, store, workers=chance.choice([1, 2])), kills=kills)
        assert status in {DONE, KILLED}
        assert kept <= finished(store), "a finished step was lost"
        kept, left, done = finished(store), left - 1, status == DONE
        if done:
            assert_same_results(undisturbed, store, at_least=READINGS)
    assert_complete(warm, file, store, undisturbed)
