from __future__ import annotations

import numpy as np
import pytest

from prunescope.api import Reading
from prunescope.runs.coordinates import COLUMNS, Readings, read_rows
from prunescope.runs.files.runfile import Run
from prunescope.runs.recipe import Recipe
from prunescope.runs.store import Store

MODEL = {"name": "preresnet8"}


def write(store, recipe, **known):
    known = {"facts": {"model": MODEL}, **known}
    return store.write(
        Run(recipe=recipe, created="2026-01-01T00:00:00+00:00", wall_seconds=1.0, device="cpu", versions={}, **known)
    )


@pytest.fixture
def store(tmp_path):
    return Store(tmp_path / "study")


@pytest.fixture
def replicas(store):
    start = write(store, Recipe(step="import", arguments={"sha256": "0"}))
    knobs = {"learning_rate": 0.1, "epochs": 8}
    dense = write(
        store,
        Recipe(step="train", plugin="sgd", arguments={"seed": 5}, inputs=(start,)),
        facts={"model": MODEL, "knobs": knobs},
    )
    pruned = write(
        store, Recipe(step="prune", plugin="lamp", inputs=(f"{dense}@4",)), facts={"model": MODEL, "density": 0.2}
    )
    return [
        write(
            store,
            Recipe(step="retrain", plugin="sgd", arguments={"seed": seed}, inputs=(pruned,)),
            facts={"model": MODEL, "density": 0.2},
        )
        for seed in (7, 8, 9)
    ]


def measure(store, replicas, reading):
    recipe = Recipe(step="probe", plugin="some", arguments={"seed": 0}, inputs=tuple(replicas))
    run = write(store, recipe, readings={"some": {"value": reading}})
    return list(read_rows([run], store))


def test_a_row_carries_what_the_network_was_made_from(store, replicas):
    reading = Reading(
        value=np.array([0.1, 0.2, 0.3]), axes=("replica",), unit="fraction", n=60, stderr=np.float64(0.01)
    )
    found = measure(store, replicas, reading)
    assert [row["value"] for row in found] == [0.1, 0.2, 0.3]
    assert [(row["replica"], row["retraining_seed"], row["pair"]) for row in found] == [
        (1, 7, None),
        (2, 8, None),
        (3, 9, None),
    ]
    same = {"model": "preresnet8", "density": 0.2, "epoch": 4, "dense_seed": 5, "learning_rate": 0.1, "epochs": 4}
    for row in found:
        assert same.items() <= row.items()
        assert (row["unit"], row["n"], row["stderr"]) == ("fraction", 60, 0.01)
        assert set(COLUMNS) <= set(row)


def test_a_pair_is_numbered_from_one(store, replicas):
    found = measure(store, replicas, Reading(value=np.arange(6.0).reshape(3, 2), axes=("pair", "t"), unit="1"))
    assert [(row["pair"], row["index"]) for row in found] == [
        ("1-2", "0 0"),
        ("1-2", "0 1"),
        ("1-3", "1 0"),
        ("1-3", "1 1"),
        ("2-3", "2 0"),
        ("2-3", "2 1"),
    ]
    assert all(row["replica"] is None and row["retraining_seed"] is None for row in found)


def test_runs_that_are_not_finished_have_no_rows(store, replicas):
    measure(store, replicas, Reading(value=1.0, unit="1"))
    (probe,) = [run_id for run_id in store.ids() if run_id.startswith("probe")]
    assert len(Readings(runs=(probe, "probe-0000000000000000"), store=store).rows()) == 1
