"""Reading a few arrays of a run quickly gives what reading the whole run gives."""

from __future__ import annotations

import h5py
import numpy as np
import pytest
from signing import sign

from prunescope.api import Reading
from prunescope.api.errors import StoreError
from prunescope.runs.files import glance, runfile
from prunescope.runs.recipe import Recipe


@pytest.fixture
def path(tmp_path):
    readings = {
        "lmc": {
            "lmc": Reading(np.array([-0.1, -0.2]), "fraction", stderr=np.array([0.01, 0.02]), axes=("pair",)),
            "per/layer": Reading(np.arange(6.0).reshape(2, 3), "1", axes=("pair", "layer")),
            "whole": Reading(3, "1", stderr=0.5),
        }
    }
    recipe = Recipe(step="probe", plugin="lmc")
    run = runfile.Run(recipe=recipe, created="now", wall_seconds=2.5, device="cpu", versions={}, readings=readings)
    (tmp_path / f"{run.id}.h5").write_bytes(runfile.run_bytes(run))
    return tmp_path / f"{run.id}.h5"


def test_arrays_are_those_of_the_run(path):
    names = ("lmc/lmc", "lmc/per/layer", "lmc/whole", "lmc/none", "cka/softmax")
    found = glance.arrays(path, names)
    assert set(found) == set(names[:3])
    for name, (value, stderr) in found.items():
        reading = runfile.read_run(path).readings["lmc"][name.partition("/")[2]]
        assert np.array_equal(value, reading.value)
        assert value.dtype == np.float64
        assert (stderr is None) == (reading.stderr is None)
        assert stderr is None or np.array_equal(stderr, reading.stderr)


def test_only_some_readings_can_be_read(path):
    assert set(runfile.read_run(path, only=("lmc/per/layer",)).readings["lmc"]) == {"per/layer"}
    assert runfile.read_run(path, only=()).readings == {"lmc": {}}


def test_the_time_is_that_of_the_run(path):
    assert glance.wall_seconds(path) == 2.5
    assert glance.glance(path, ("lmc/none",)) == (2.5, {})


def test_damage_is_named(tmp_path):
    broken = tmp_path / "broken.h5"
    broken.write_bytes(b"no HDF5")
    for read in (lambda: glance.arrays(broken, ()), lambda: glance.wall_seconds(broken)):
        with pytest.raises(StoreError, match="not a readable prunescope result"):
            read()


def test_a_reading_that_is_none_is_not_taken_for_missing(path):
    with h5py.File(path, "a") as file:
        file.create_group("readings/lmc/group")
    sign(path)
    with pytest.raises(StoreError, match="not a readable prunescope result"):
        glance.arrays(path, ("lmc/group",))


def test_another_schema_is_refused(path):
    with h5py.File(path, "a") as file:
        file.attrs["schema"] = 99
    sign(path)
    with pytest.raises(StoreError, match="schema 99"):
        glance.arrays(path, ("lmc/lmc",))
