"""One damaged file never hides the others, and what a newer version adds is no damage."""

from __future__ import annotations

import json

import h5py
import numpy as np
import pytest
from signing import sign, sign_bytes

from prunescope.api import Epoch, Reading
from prunescope.runs.files import glance, runfile
from prunescope.runs.files.runfile import Run
from prunescope.runs.recipe import Recipe
from prunescope.runs.store import Store


def a_run(seed):
    epochs = tuple(Epoch(number=number, of=2, learning_rate=0.1, train_loss=1.0, train_error=0.5) for number in (1, 2))
    readings = {"lmc": {"lmc": Reading(np.array([0.5, 0.25]), unit="fraction", n=3, axes=("pair",))}}
    recipe = Recipe(step="probe", plugin="lmc", arguments={"seed": seed})
    return Run(recipe=recipe, created="now", wall_seconds=1.0, device="cpu", versions={}, history=epochs,
               readings=readings)  # fmt: skip


@pytest.fixture
def store(tmp_path):
    store = Store(tmp_path / "study")
    for seed in range(3):
        store.write(a_run(seed))
    return store


def empty(name):
    def change(file):
        file.attrs[name] = h5py.Empty("f")

    change.__name__ = f"empty_{name}"
    return change


def empty_of_a_reading(file):
    file["readings/lmc/lmc"].attrs["unit"] = h5py.Empty("S1")
    file["readings/lmc/lmc"].attrs["n"] = h5py.Empty("i4")


def empty_reading(file):
    del file["readings/lmc/lmc"]
    file["readings/lmc"].create_dataset("lmc", data=h5py.Empty("f"))


def missing_column(file):
    del file["history/number"]


def ragged_columns(file):
    del file["history/of"]
    file["history/of"] = np.arange(5)


def column_that_is_a_group(file):
    del file["history/of"]
    file.create_group("history/of")


def texts_for_numbers(file):
    del file["readings/lmc/lmc"]
    file["readings/lmc"].create_dataset("lmc", data=["a", "b"])


def readings_that_are_an_array(file):
    del file["readings"]
    file["readings"] = np.zeros(3)


def facts_that_are_no_json(file):
    file.attrs["facts"] = "{" * 5000


def recipe_that_is_a_list(file):
    file.attrs["recipe"] = "[1, 2]"


def facts_that_are_a_list(file):
    file.attrs["facts"] = "[1]"


def weights_that_are_numbers(file):
    file.attrs["weights"] = '{"a": 1}'


def recipe_that_is_a_number(file):
    file.attrs["recipe"] = 3


def no_attributes(file):
    for name in list(file.attrs):
        del file.attrs[name]


DAMAGE = (
    *map(empty, ("schema", "id", "recipe", "wall_seconds", "facts", "weights", "digest", "created")),
    empty_of_a_reading, empty_reading, missing_column, ragged_columns, column_that_is_a_group, texts_for_numbers,
    readings_that_are_an_array, facts_that_are_a_list, weights_that_are_numbers, facts_that_are_no_json,
    recipe_that_is_a_list, recipe_that_is_a_number, no_attributes,
)  # fmt: skip


@pytest.mark.parametrize("signed", [sign_bytes, sign], ids=["bytes", "values"])
@pytest.mark.parametrize("damage", DAMAGE, ids=lambda damage: damage.__name__)
def test_a_damaged_file_is_named_and_the_others_are_shown(store, invoke, tmp_path, damage, signed):
    path = store.path(store.ids()[1])
    with h5py.File(path, "a") as file:
        damage(file)
    try:
        sign_bytes(path) if damage.__name__ == "empty_digest" else signed(path)
    except Exception:  # noqa: BLE001 - what is damaged so cannot be signed by its values
        sign_bytes(path)
    checked = invoke("results", "check", "--study", store.study)
    listed = invoke("results", "list", "--json", "--study", store.study)
    exported = invoke("results", "export", tmp_path / "out.json", "--study", store.study)
    shown = invoke("results", "show", path.stem, "--study", store.study)
    for result in (checked, listed, exported):
        assert result.exit_code == 2, result.stderr
        assert path.name in result.stdout + result.stderr
    assert shown.exit_code == 2
    assert len(json.loads(listed.stdout)) == 2
    assert len(json.loads((tmp_path / "out.json").read_text())["runs"]) == 2


def test_what_a_newer_version_adds_is_no_damage(store, invoke):
    path = store.path(store.ids()[0])
    with h5py.File(path, "a") as file:
        file["history/gradient_norm"] = np.zeros(2)
        file.attrs["colour"] = "blue"
        file["readings/lmc/lmc"].attrs["interval"] = np.zeros(2)
        file.create_group("later")
    sign(path)
    assert runfile.check_run_file(path) is None
    assert runfile.read_run(path).history == a_run(0).history
    assert glance.arrays(path, ("lmc/lmc",))["lmc/lmc"][0].shape == (2,)
    assert invoke("results", "check", "--study", store.study).exit_code == 0
