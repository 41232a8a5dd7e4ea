"""Studies as recipes: each step once, seeds apart, knobs where they belong."""

from __future__ import annotations

import sys
from dataclasses import replace
from subprocess import run

import pytest

from prunescope.api.errors import InputError, UsageError
from prunescope.data.spec import Source
from prunescope.runs.recipe import run_of
from prunescope.studies.grid import layout, study

SOURCE = Source(name="patches", fingerprint="0123")

STUDY = study.Study(
    name="mine",
    model="preresnet8",
    model_options={"width": 0.5},
    data="patches",
    train=study.PluginChoice(plugin="sgd", options={"epochs": 40, "batch_size": 32}),
    prune=study.PluginChoice(plugin="magnitude"),
    retrain=study.PluginChoice(plugin="sgd", options={"epochs": 4}),
    probes=(study.PluginChoice(plugin="errors"), study.PluginChoice(plugin="lmc")),
    knob="epochs",
    values=(10, 20, 40),
    hold="epochs",
    snapshots=True,
    densities=(0.1, 0.5),
    dense_seeds=(0, 1),
    replicas=3,
)


def expand(**changes):
    return layout.expand(replace(STUDY, **changes), SOURCE, num_classes=10, in_chans=3, image_size=(8, 8))


CYCLIC = study.PluginChoice(plugin="cyclic", options={"epochs": 40, "cycles": 3})


def options_of(found):
    return {name: recipe.options for name, recipe in zip(found.training_names, found.trainings, strict=True)}


def test_snapshots_of_one_run_serve_all_epochs():
    found = expand()
    assert found.training_names == ("train/seed=0", "train/seed=1")
    assert [recipe.arguments["snapshots"] for recipe in found.trainings] == [[10, 20, 40]] * 2
    assert {cell.dense for cell in found.cells} == {
        f"{recipe.id}@{epoch}" for recipe in found.trainings for epoch in (10, 20, 40)
    }


def test_the_ends_of_cycles_serve_as_epochs():
    found = expand(train=CYCLIC)
    assert found.trainings[0].arguments["snapshots"] == [10, 20, 40]
    assert {cell.dense for cell in found.cells} == {
        f"{recipe.id}@{epoch}" for recipe in found.trainings for epoch in (10, 20, 40)
    }


def test_every_step_is_there_once_and_after_what_it_needs():
    found = expand()
    cells = 3 * 2 * 2
    steps = [recipe.step for recipe in found.recipes]
    assert len(found.cells) == cells
    assert {step: steps.count(step) for step in set(steps)} == {
        "train": 2, "prune": cells, "retrain": 3 * cells, "probe": 2 * cells
    }  # fmt: skip
    seen = set()
    for recipe in found.recipes:
        assert {run_of(reference) for reference in recipe.inputs} <= seen
        assert recipe.id not in seen
        seen.add(recipe.id)


def test_a_dense_model_is_measured_once_whatever_the_densities():
    found = expand(dense_probes=(study.PluginChoice(plugin="errors"),))
    dense = {cell.dense for cell in found.cells}
    probes = [recipe for recipe in found.recipes if recipe.step == "probe" and dense.issuperset(recipe.inputs)]
    assert sorted(recipe.inputs for recipe in probes) == sorted({(cell.dense,) for cell in found.cells})
    assert len(found.recipes) == len(expand().recipes) + 3 * 2
    assert found.named["probe/errors/epochs=20,seed=1"].inputs == (f"{found.trainings[1].id}@20",)
    assert {recipe.id for recipe in expand().recipes} < {recipe.id for recipe in found.recipes}


def test_a_probe_of_replicas_cannot_measure_a_dense_model():
    with pytest.raises(InputError, match="'lmc' compares replicas"):
        expand(dense_probes=(study.PluginChoice(plugin="lmc"),))


def test_no_two_replicas_share_their_noise():
    found = expand()
    per_seed = {
        seed: {recipe.arguments["seed"] for cell in found.cells if cell.seed == seed for recipe in cell.retrainings}
        for seed in (0, 1)
    }
    assert per_seed == {0: {1, 2, 3}, 1: {1001, 1002, 1003}}


def test_a_run_for_every_epoch_without_snapshots():
    found = expand(snapshots=False)
    assert [recipe.options.get("epochs") for recipe in found.trainings] == [10, 10, 20, 20, 40, 40]
    assert found.training_names[:2] == ("train/epochs=10,seed=0", "train/epochs=10,seed=1")
    assert found.cells[0].dense == found.trainings[0].id


def test_a_batch_size_at_fixed_epochs_or_fixed_iterations():
    knob = {"knob": "batch_size", "values": (16, 32, 128), "dense_seeds": (0,)}
    given = options_of(expand(**knob))
    assert [(o["batch_size"], o["epochs"]) for o in given.values()] == [(16, 40), (32, 40), (128, 40)]
    given = options_of(expand(**knob, hold="iterations"))
    assert [(o["batch_size"], o["epochs"]) for o in given.values()] == [(16, 20), (32, 40), (128, 160)]


@pytest.mark.parametrize(("knob", "values"), [("learning_rate", (0.05, 0.2)), ("weight_decay", (0.0, 0.01))])
def test_other_knobs_change_their_option_alone(knob, values):
    given = options_of(expand(knob=knob, values=values, dense_seeds=(0,)))
    assert given == {
        f"train/{knob}={value:g},seed=0": {"epochs": 40, "batch_size": 32, knob: value} for value in values
    }


def test_the_radius_of_sam():
    sam = study.PluginChoice(plugin="sam", options={"epochs": 40})
    given = options_of(expand(train=sam, knob="rho", values=(0.0, 0.1), dense_seeds=(0,)))
    assert list(given.values()) == [{"epochs": 40, "rho": 0.0}, {"epochs": 40, "rho": 0.1}]


def test_what_two_studies_share_has_the_same_id():
    small, large = expand(densities=(0.1,)), expand()
    assert {recipe.id for recipe in small.recipes} < {recipe.id for recipe in large.recipes}


def test_the_order_of_densities_and_dense_seeds_changes_no_step():
    wanted = {recipe.id for recipe in expand().recipes}
    assert {recipe.id for recipe in expand(densities=(0.5, 0.1), dense_seeds=(1, 0)).recipes} == wanted
    fewer = {recipe.id for recipe in expand(densities=(0.5,), replicas=2).recipes if recipe.step != "probe"}
    assert fewer < wanted


def test_names_are_of_one_step_each():
    found = expand(probes=(study.PluginChoice(plugin="lmc"), study.PluginChoice(plugin="lmc", options={"points": 5})))
    assert len(found.named) == len(found.recipes) == 2 + 12 * (1 + 3 + 2)
    assert "retrain/epochs=20,density=0.5,seed=1,replica=3" in found.named
    assert found.named["probe/lmc/epochs=20,density=0.5,seed=1"].options == {}


@pytest.mark.parametrize(
    ("changes", "error", "told"),
    [
        ({"values": (10, 50)}, InputError, "ends at 40"),
        ({"values": (10, 30), "train": CYCLIC}, InputError, "cycles end at: 10, 20, 40"),
        ({"knob": "rho", "values": (0.1,)}, InputError, "no option 'rho'"),
        ({"replicas": 1}, InputError, "compares replicas"),
        ({"train": study.PluginChoice(plugin="sgd", options={"epoch": 3})}, UsageError, "no option 'epoch'"),
        ({"prune": study.PluginChoice(plugin="magnitud")}, UsageError, "did you mean 'magnitude'"),
        ({"retrain": study.PluginChoice(plugin="sgd", options={"epochs": 0})}, UsageError, "at least 1"),
    ],
)
def test_what_no_plugin_takes_is_refused(changes, error, told):
    with pytest.raises(error) as caught:
        expand(**changes)
    assert told in str(caught.value)


def test_a_misspelt_option_is_named_with_its_table_and_the_nearest():
    wrong = {"learning_rat": 0.1}
    for table, change in {
        "[train]": {"train": study.PluginChoice(plugin="sgd", options=wrong)},
        "[retrain]": {"retrain": study.PluginChoice(plugin="sgd", options=wrong)},
    }.items():
        with pytest.raises(UsageError) as caught:
            expand(**change)
        assert caught.value.message == f"{table}: Sgd has no option 'learning_rat'"
        assert caught.value.fix.startswith("did you mean 'learning_rate'? its options are:")


def test_laying_out_a_study_loads_no_torch():
    grid = "prunescope.studies.grid.studyfolder, prunescope.studies.grid.selection"
    modules = f"{grid}, prunescope.runs.store, prunescope.training.cycles"
    program = f"import sys, {modules}; assert 'torch' not in sys.modules"
    assert run([sys.executable, "-c", program], check=False).returncode == 0
