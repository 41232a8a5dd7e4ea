"""Run ids of small studies, as a person writes them: an id that changes makes every finished run of that kind useless.

A change of numbers requires a new version of its plugin, and with it new ids here: then docs/hdf5.md gets a line.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from prunescope.plugins import registry
from prunescope.runs import plan
from prunescope.studies.grid import studyfolder

STUDY = """
[model]
name = "preresnet8"
width = 0.5

[data]
name = "{data}"

[train]
plugin = "{train}"
{options}

[prune]
plugin = "{prune}"

[retrain]
plugin = "{retrain}"
epochs = 1
{dense_probes}
[[probes]]
plugin = "{probe}"

[axes]
{axis}
density = [0.1]

[seeds]
dense = [7]
replicas = 2
"""

GIVEN = {
    "data": "digits",
    "train": "sgd",
    "options": "epochs = 2",
    "prune": "magnitude",
    "retrain": "sgd",
    "dense_probes": "",
    "probe": "errors",
    "axis": "learning_rate = [0.1]",
}
"""What a study has where the table says nothing else."""

IDS = (
    ("train", {}, "train-f70d8793a3323891"),
    ("train", {"train": "sam"}, "train-631c4e4f8fff84a8"),
    ("train", {"train": "cyclic", "options": "cycles = 2"}, "train-658847d59716e9bf"),
    ("train", {"axis": "batch_size = [32]"}, "train-e311ba926d0b5b3c"),
    ("train", {"axis": "epochs = [2]", "options": ""}, "train-a0cd6a95309b6a2b"),
    ("train", {"axis": "weight_decay = [1e-3]"}, "train-e43b31a36daafed9"),
    ("train", {"data": "patches"}, "train-1717249050ced014"),
    ("train", {"data": "patches:size=16,noise=0.2"}, "train-eaed482923d2bc8c"),
    ("prune", {"prune": "activation"}, "prune-2c43445498219ad3"),
    ("prune", {"prune": "gradient"}, "prune-adc846332fa7e06b"),
    ("prune", {"prune": "gradient-weight"}, "prune-d7634950cf940bd0"),
    ("prune", {"prune": "grasp"}, "prune-d2d6e9d54d448d5d"),
    ("prune", {"prune": "lamp"}, "prune-19c3dcd02fccbbc1"),
    ("prune", {"prune": "magnitude"}, "prune-ae1c7ecd73235871"),
    ("prune", {"prune": "n-of-m"}, "prune-cc2ddc0faff7cf60"),
    ("prune", {"prune": "random"}, "prune-0bd928b1196d1033"),
    ("prune", {"prune": "snip"}, "prune-2a19cfb6bd4736cd"),
    ("prune", {"prune": "synflow"}, "prune-bb3872c17ed15214"),
    ("prune", {"prune": "taylor"}, "prune-9d79c8b423e4e5bd"),
    ("retrain", {"retrain": "sgd"}, "retrain-70f685d85eb4a646"),
    ("retrain", {"retrain": "sam"}, "retrain-00c334dbe4234e98"),
    ("probe", {"probe": "bezier"}, "probe-3f2813df1eee2154"),
    ("probe", {"probe": "cka"}, "probe-41bdddb72c52e26e"),
    ("probe", {"probe": "cka-map"}, "probe-3ce34bd136d63aa3"),
    ("probe", {"probe": "disagreement"}, "probe-068616b3e2d72326"),
    ("probe", {"probe": "distance"}, "probe-a6ccb577bba01891"),
    ("probe", {"probe": "errors"}, "probe-f35d6cc418936d2b"),
    ("probe", {"probe": "hessian"}, "probe-36f7e5c1ffaa428d"),
    ("probe", {"probe": "lmc"}, "probe-dbf39ae5b5998ddb"),
    ("probe", {"probe": "loss-slice"}, "probe-0a189e565900c087"),
    ("probe", {"probe": "pair-slice"}, "probe-338ad2f51b948e2a"),
    ("probe", {"probe": "recalibration"}, "probe-7fe9a51c08d9db1b"),
    ("probe", {"probe": "soup"}, "probe-639d605fee7510b7"),
    ("probe", {"probe": "sam-sharpness"}, "probe-7d8544b37bc91ef4"),
    ("probe", {"probe": "size"}, "probe-2a192ca464649179"),
    ("probe", {"probe": "spectral-density"}, "probe-5b25af7d38ffc86b"),
)
"""A step, what the study has in place of the above, and the id of the first such step."""

DIAGNOSES = {
    "three-regime": "diagnose-125154efecd41cc4",
    "md-tree": "diagnose-e75a242f774c4244",
    "direction-alone": "diagnose-94e78f5955637bc1",
}

CHANGED = ("bezier", "hessian", "lmc", "md-tree", "pair-slice", "three-regime")
"""Plugins whose numbers, and with them ids, are others than in 0.1.0."""

PAGE = Path(__file__).parents[3] / "docs" / "hdf5.md"


def laid_out(folder, changes):
    """Every step of a small study by its name."""
    (folder / "study.toml").write_text(STUDY.format(**GIVEN | changes), encoding="utf-8")
    return studyfolder.load_grid(folder).named.values()


@pytest.mark.parametrize(("step", "changes", "run_id"), IDS, ids=[one[2] for one in IDS])
def test_a_study_has_the_ids_it_always_had(tmp_path, step, changes, run_id):
    assert next(recipe.id for recipe in laid_out(tmp_path, changes) if recipe.step == step) == run_id


@pytest.mark.parametrize("rule", DIAGNOSES)
def test_a_diagnosis_has_the_id_it_always_had(tmp_path, rule):
    steps = list(laid_out(tmp_path, {}))
    probes = [recipe for recipe in steps if recipe.step == "probe"]
    case = plan.case(density=0.1, rule=registry.make("rules", rule, {}), probes=probes)
    assert plan.diagnosis_recipe(dense=steps[0].id, cases=[case]).id == DIAGNOSES[rule]


def test_every_plugin_without_files_is_in_the_table():
    given = {value for _, changes, _ in IDS for value in changes.values()} | set(DIAGNOSES) | {"sgd", "digits"}
    built_in = {
        plugin.name
        for group in ("trainers", "pruners", "probes", "rules", "datasets")
        for plugin in registry.find_plugins(group)
        if plugin.distribution == "prunescope"
    }
    assert built_in - given == {"timm", "factory", "arrays"}  # these name files and code


def test_the_documentation_has_the_ids_that_changed():
    now = {changes.get("probe"): run_id for _, changes, run_id in IDS} | DIAGNOSES
    text = PAGE.read_text(encoding="utf-8")
    assert all(f"| `{name}` |" in text and now[name] in text for name in CHANGED)
