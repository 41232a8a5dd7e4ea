"""Kills, full disks and company during a sweep: nothing finished is lost, and the end is that of an undisturbed one.

The long version, at random: `nox -s chaos`.
"""

from __future__ import annotations

import random
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from small_disks import mounted, resize
from small_study import DONE, FULL, KILLED, READINGS, STEPS, STUDY, sweep
from warm import Command, Kill, Warm, assert_same_results, warm_process

from prunescope.runs.store import Store

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = pytest.mark.skipif(not Path("/proc/self/task").is_dir(), reason="finds the workers in /proc: Linux alone")


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
    with mounted(tmp_path / "disk") as folder:
        if folder is None:
            pytest.skip("mounting a small disk needs root")
        yield folder


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
