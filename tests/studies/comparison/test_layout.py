"""Comparisons as recipes: dense runs shared, controls always there."""

from __future__ import annotations

from dataclasses import replace

import pytest

from prunescope.api.errors import UsageError
from prunescope.data.spec import Source
from prunescope.runs.recipe import run_of
from prunescope.studies.comparison.layout import PROBES, lay_out, method_choices
from prunescope.studies.grid.study import PluginChoice, Study
from prunescope.studies.grid.studyfolder import DataShape

SHAPE = DataShape(source=Source(name="patches", fingerprint="0123"), num_classes=10, in_chans=3, image_size=(8, 8))

STUDY = Study(
    name="mine",
    model="preresnet8",
    model_options={"width": 0.25},
    data="patches",
    train=PluginChoice(plugin="sgd", options={"epochs": 5}),
    prune=PluginChoice(plugin="random"),
    retrain=PluginChoice(plugin="sgd", options={"epochs": 1}),
    probes=PROBES,
    knob="epochs",
    values=(5,),
    hold="epochs",
    snapshots=False,
    densities=(0.1, 0.5),
    dense_seeds=(0, 1, 2),
    replicas=1,
)


def test_random_comes_first_whether_it_is_named_or_not():
    assert list(method_choices(["lamp", "snip"])) == ["random", "lamp", "snip"]
    assert list(method_choices(["lamp", "random"])) == ["random", "lamp"]
    assert list(method_choices(["random:allocation=erk"])) == ["random", "random:allocation=erk"]


def test_a_pruner_may_be_there_twice_with_other_options_only():
    found = method_choices(["magnitude", "magnitude:scope=global"])
    assert found["magnitude:scope=global"] == PluginChoice(plugin="magnitude", options={"scope": "global"})
    with pytest.raises(UsageError, match="'magnitude' is named twice"):
        method_choices(["magnitude", "lamp", "magnitude"])


def test_dense_runs_are_shared_and_every_step_follows_what_it_needs():
    found = lay_out(STUDY, method_choices(["lamp", "snip"]), SHAPE)
    steps = [recipe.step for recipe in found.recipes]
    assert {step: steps.count(step) for step in set(steps)} == {
        "train": 3, "prune": 3 * 3 * 2, "retrain": 3 * 3 * 2, "probe": 2 * (3 + 3 * 3 * 2)
    }  # fmt: skip
    seen = set()
    for recipe in found.recipes:
        assert {run_of(reference) for reference in recipe.inputs} <= seen
        seen.add(recipe.id)
    assert len(seen) == len(found.recipes)


def test_adding_a_pruner_changes_no_other_step():
    few = {recipe.id for recipe in lay_out(STUDY, method_choices(["lamp"]), SHAPE).recipes}
    many = {recipe.id for recipe in lay_out(STUDY, method_choices(["snip", "lamp"]), SHAPE).recipes}
    assert few < many


def test_seeds_prune_and_retrain_by_themselves():
    found = lay_out(replace(STUDY, densities=(0.1,)), method_choices([]), SHAPE)
    pruned = [recipe for recipe in found.recipes if recipe.step == "prune"]
    assert [recipe.arguments["seed"] for recipe in pruned] == [0, 1, 2]
    assert len({recipe.arguments["seed"] for recipe in found.recipes if recipe.step == "retrain"}) == 3


def test_an_option_no_pruner_has_is_refused():
    with pytest.raises(UsageError, match="no option 'scop'"):
        lay_out(STUDY, method_choices(["magnitude:scop=global"]), SHAPE)
