"""What is kept of results outside of a study: used only for the bytes that it was made of."""

from __future__ import annotations

import os
import shutil
import threading
from dataclasses import replace

import h5py
import numpy as np
import pytest

from prunescope.api import Reading
from prunescope.api.errors import StoreError
from prunescope.runs.files import content, content_index, contents, opening, runfile
from prunescope.runs.recipe import Recipe
from prunescope.runs.store import Store

RUNS = 6

LARGE = content.MOST_NUMBERS + 1


@pytest.fixture(autouse=True)
def everything_is_worth_keeping(monkeypatch, tmp_path):
    monkeypatch.setattr(contents, "WORTH_KEEPING", 1)
    monkeypatch.setattr(contents, "AT_ONCE", 4)
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    monkeypatch.setenv("LOCALAPPDATA", str(tmp_path / "state"))


def write(store, number, value):
    readings = {
        "lmc": {
            "lmc": Reading(
                np.array([value, np.nan, np.inf]), "fraction", stderr=np.array([0.1, 0.2, 0.3]), axes=("pair",)
            ),
            "per/layer": Reading(np.zeros((0, 3)), "1", axes=("pair", "layer")),
            "n": Reading(3, "1", axes=()),
            "map": Reading(np.arange(float(LARGE)), "1", axes=("place",)),
        }
    }
    recipe = Recipe(step="probe", plugin="lmc", arguments={"seed": number}, inputs=("retrain-0", "retrain-1"))
    run = runfile.Run(recipe=recipe, created="now", wall_seconds=1 / 3, device="cpu", versions={}, readings=readings)
    return store.write(run)


@pytest.fixture
def store(tmp_path):
    made = Store(tmp_path / "study")
    for number in range(RUNS):
        write(made, number, number / 7)
    return made


def read(store):
    return store.contents(store.ids())


@pytest.fixture
def opened(monkeypatch):
    """Return the list of files that are opened with HDF5."""
    found = []
    open_verified = opening.open_verified

    def counting(verified, **options):
        found.append(verified.digest)
        return open_verified(verified, **options)

    monkeypatch.setattr(opening, "open_verified", counting)
    return found


def test_contents_are_those_of_the_runs(store):
    for _ in range(2):
        found = read(store)
        for run_id in store.ids():
            run, mine = store.read(run_id), found.read(run_id)
            assert (mine.seconds, mine.inputs, found.weights(run_id)) == (run.wall_seconds, run.recipe.inputs, {})
            assert mine.large == ("lmc/map",)
            arrays = found.arrays(run_id, [f"lmc/{name}" for name in (*run.readings["lmc"], "none")])
            assert set(arrays) == {f"lmc/{name}" for name in run.readings["lmc"]}
            for name, (value, stderr) in arrays.items():
                reading = run.readings["lmc"][name.partition("/")[2]]
                assert np.array_equal(value, reading.value, equal_nan=True)
                assert np.shape(value) == np.shape(reading.value)
                assert (stderr is None) == (reading.stderr is None)
                assert stderr is None or np.array_equal(stderr, reading.stderr)
                if name not in mine.large:
                    assert mine.readings[name].axes == reading.axes


def test_a_result_is_opened_once(store, opened):
    read(store)
    assert len(opened) == RUNS
    read(store)
    assert len(opened) == RUNS
    write(store, RUNS, 0.5)
    opened.clear()
    read(store)
    assert len(opened) == 1


def test_every_flipped_byte_is_noticed_though_size_and_times_are_those_of_before(store):
    run_id = store.ids()[0]
    path = store.path(run_id)
    read(store)
    data, status = path.read_bytes(), path.stat()
    for place in range(0, len(data), 97):
        path.write_bytes(data[:place] + bytes([data[place] ^ 4]) + data[place + 1 :])
        os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))
        found = read(store)
        with pytest.raises(StoreError, match=run_id):
            found.read(run_id)
        assert list(found.problems) == [run_id]
        assert len(found.lines) == RUNS - 1


def test_another_result_of_the_same_run_has_its_own_numbers(store):
    run_id = store.ids()[0]
    run = store.read(run_id)
    before = read(store).read(run_id).readings["lmc/lmc"].value[0]
    changed = replace(run.readings["lmc"]["lmc"], value=np.array([before + 1, 0.0, 0.0]))
    store.write(replace(run, readings={"lmc": {**run.readings["lmc"], "lmc": changed}}))
    for _ in range(2):
        assert read(store).read(run_id).readings["lmc/lmc"].value[0] == before + 1


def test_exchanged_results_are_named(store):
    one, other = (store.path(run_id) for run_id in store.ids()[:2])
    read(store)
    data = one.read_bytes()
    one.write_bytes(other.read_bytes())
    other.write_bytes(data)
    assert set(read(store).problems) == {one.stem, other.stem}
    assert set(store.damaged(store.ids())) == {one.stem, other.stem}


def damage_flip(path):
    data = path.read_bytes()
    place = data.index(b"retrain-0")
    path.write_bytes(data[:place] + b"retrain-9" + data[place + 9 :])


def damage_cut(path):
    path.write_bytes(path.read_bytes()[:-20])


def damage_empty(path):
    path.write_bytes(b"")


def damage_version(path):
    path.write_bytes(path.read_bytes().replace(b"contents 1 ", b"contents 0 ", 1))


def damage_folder(path):
    path.unlink()
    path.mkdir()


@pytest.mark.parametrize(
    "damage",
    [damage_flip, damage_cut, damage_empty, damage_version, damage_folder],
    ids=lambda damage: damage.__name__.partition("_")[2],
)
def test_a_damaged_index_is_not_used(store, opened, damage):
    before = read(store)
    damage(content_index.index_path(store.runs))
    again = read(store)
    assert len(opened) == 2 * RUNS
    assert again.lines == before.lines


def test_no_index_is_needed_nor_kept_where_nothing_can_be_written(store, monkeypatch):
    before = read(store)
    (content_index.index_path(store.runs)).unlink()
    monkeypatch.setattr(content_index, "whole_file", _refuse)
    assert read(store).lines == before.lines
    assert not content_index.index_path(store.runs).exists()


def _refuse(path):
    raise PermissionError(13, "read-only", str(path))


def test_nothing_is_written_into_the_study(store):
    before = sorted(path.relative_to(store.study) for path in store.study.rglob("*"))
    read(store)
    assert sorted(path.relative_to(store.study) for path in store.study.rglob("*")) == before
    assert content_index.index_path(store.runs).is_file()


def test_a_copied_study_brings_no_index(store, opened, tmp_path):
    read(store)
    shutil.copytree(store.study, tmp_path / "copy")
    read(Store(tmp_path / "copy"))
    assert len(opened) == 2 * RUNS


def test_two_processes_lose_nothing_of_each_other(store):
    ids = store.ids()
    start = threading.Barrier(2)

    def keep(some):
        start.wait()
        store.contents(some)

    threads = [threading.Thread(target=keep, args=(some,)) for some in (ids[:3], ids[3:])]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    kept = content_index.load_index(store.runs)
    assert kept  # whole whoever was the last
    assert set(read(store).lines) == set(ids)
    assert set(content_index.load_index(store.runs)) == set(ids)


def test_results_that_are_gone_leave_the_index(store):
    ids = store.ids()
    read(store)
    store.path(ids[0]).unlink()
    write(store, RUNS, 0.1)
    read(store)
    assert set(content_index.load_index(store.runs)) == set(store.ids())


def test_contents_are_read_while_an_error_holds_the_lock_of_h5py(store):
    read(store)
    with h5py.File(store.path(store.ids()[0])) as file:
        group = file["readings/lmc"]
        names = iter(group)
        next(names)  # holds the lock until it ends, as a loop does that an error left
        for path in (store.path(run_id) for run_id in store.ids()[2:]):
            path.write_bytes(path.read_bytes()[:-1])
        content_index.index_path(store.runs).unlink()
        assert len(read(store).problems) == RUNS - 2
        del names


def test_another_schema_is_damage(store):
    path = store.path(store.ids()[0])
    data = path.read_bytes()
    with h5py.File(path, "a") as file:
        file.attrs["schema"] = 99
    from signing import sign

    sign(path)
    assert path.read_bytes() != data
    with pytest.raises(StoreError, match="schema 99"):
        read(store).check()
