"""The checks accept the built-in plugins; the toys they use; what they ask of every plugin."""

from __future__ import annotations

import dataclasses
import itertools
import sys
from functools import partial
from pathlib import Path
from typing import Annotated

import pytest
import torch
from defects import fails, importable, plugin
from PIL import Image

from prunescope.api import Dataset, Option, Probe, Pruner, Reading
from prunescope.networks.models import prunable
from prunescope.plugins import registry
from prunescope.plugins.testing import (
    check_dataset,
    check_probe,
    check_pruner,
    check_rule,
    check_trainer,
    toy_data,
    toy_model,
    toy_replicas,
)

CHECKS = {
    "datasets": check_dataset,
    "probes": check_probe,
    "pruners": check_pruner,
    "rules": check_rule,
    "trainers": check_trainer,
}
BUILT_IN = [
    (group, plugin.name)
    for group in CHECKS
    for plugin in registry.find_plugins(group)
    if plugin.distribution == "prunescope" and (group, plugin.name) not in {("datasets", "timm"), ("pruners", "n-of-m")}
]
DIGITS = Path(__file__).parents[2] / "studies/data/mnist8.npz"

SMALL = {
    "sgd": {"epochs": 4, "batch_size": 16},
    "sam": {"epochs": 4, "batch_size": 16},
    "timm": {"epochs": 6, "batch_size": 16, "learning_rate": 0.01},
    "hessian": {"batches": 1, "vectors": 2, "tolerance": 0.1},
    "spectral-density": {"batches": 1, "vectors": 2, "steps": 8},
    "patches": {"images": 150, "test_images": 80},
    "arrays": {
        "file": str(Path(__file__).parents[2] / "studies/data/mnist8.npz"),
        "train_images": 150,
        "test_images": 80,
    },
    "factory": {"factory": "prunescope.plugins.testing:toy_data"},
}
MORE = [
    ("pruners", "magnitude", {"scope": "global", "linear": True}),
    ("pruners", "random", {"linear": True, "first": False}),
    ("trainers", "sgd", {"epochs": 6, "batch_size": 16, "mixup": 0.2, "label_smoothing": 0.1, "nesterov": True}),
    ("trainers", "sam", {"epochs": 4, "batch_size": 16, "adaptive": True, "rho": 1.0, "schedule": "cosine"}),
    ("probes", "cka", {"outputs": "both", "estimator": "both", "layers": ["*"]}),
    ("datasets", "patches", {"images": 80, "test_images": 60, "flip": True, "label_noise": 0.2}),
]


@pytest.mark.parametrize(("group", "name"), BUILT_IN)
def test_built_in(group, name):
    CHECKS[group](registry.make(group, name, SMALL.get(name, {}), trust=None).instance)


def test_groups_keep_the_densities_they_have():
    check_pruner(registry.make("pruners", "n-of-m", {}).instance, densities=(0.25, 0.5, 0.75, 1.0))


@pytest.mark.parametrize(("group", "name", "options"), MORE)
def test_built_in_with_options(group, name, options):
    CHECKS[group](registry.make(group, name, options).instance)


@pytest.mark.parametrize("in_memory", ["always", "never"])
def test_built_in_timm(tmp_path, in_memory):
    for split, label, number in itertools.product(("train", "val"), ("cat", "dog"), range(9)):
        folder = tmp_path / split / label
        folder.mkdir(parents=True, exist_ok=True)
        colour = (20 * number, 200 if label == "cat" else 30, 90)
        Image.new("RGB", (16, 16), colour).save(folder / f"{number}.png")
    check_dataset(registry.make("datasets", "timm", {"root": str(tmp_path), "in_memory": in_memory}).instance)


def test_toy_data_are_the_same_each_time_and_the_checks_accept_them():
    assert toy_data().fingerprint == toy_data().fingerprint != toy_data(seed=1).fingerprint
    check_dataset(plugin(Dataset, load=lambda self: toy_data()))  # noqa: ARG005


def test_toy_data_lack_the_classes_asked_for():
    assert {int(label) for _, labels in toy_data(missing=[1]).train.batches(50) for label in labels} == {0, 2, 3}


def test_a_toy_model_follows_from_its_seed_and_leaves_the_global_generator():
    before = torch.random.get_rng_state()
    one, same, other = (toy_model(seed=seed)[0].weight for seed in (0, 0, 1))
    assert torch.equal(one, same)
    assert not torch.equal(one, other)
    assert torch.equal(before, torch.random.get_rng_state())


def test_toy_replicas_share_their_mask_and_differ_in_their_kept_weights():
    one, other = toy_replicas(2, density=0.1)
    assert one.mask.n_kept == round(0.1 * one.mask.n_weights)
    for name, kept in one.mask.kept.items():
        first, second = (prunable(replica.model)[name].detach() for replica in (one, other))
        assert torch.equal(kept, other.mask.kept[name])
        assert not first[~kept].any()
        assert not torch.equal(first, second)


def test_toy_replicas_learn_without_the_checks_being_easy():
    (replica,) = toy_replicas(1)
    errors = [(replica.model(images).argmax(1) != labels) for images, labels in toy_data().test.batches(65)]
    assert 0 < errors[0].float().mean() < 0.4


def measure(self, replicas, data, *, seed):  # noqa: ARG001
    return {"one": Reading(1.0, unit="1")}


WHOLE = Annotated[int, Option("help")]
WHOLES = Annotated[tuple[int, ...], Option("help")]


def described(default=1, hint=WHOLE, **how):
    how = {"frozen": True, "kw_only": True, **how}
    members = {"__annotations__": {"option": hint}, "option": default, "replicas": 1, "measure": measure}
    return dataclasses.dataclass(**how)(type("Described", (Probe,), {"__doc__": "Help.", **members}))()


def test_options_with_help_and_bounds_pass():
    check_probe(described())


@pytest.mark.parametrize(
    ("subject", "message"),
    [
        (lambda: described(hint=int), "'option' of Described has no help"),
        (lambda: described(hint=Annotated[dict, Option("help")]), "has the type"),
        (lambda: described("one"), "--option got 'one'"),
        (lambda: described(1.0, Annotated[int, Option("help", minimum=2)]), "at least 2"),
        (lambda: described("1,2", WHOLES), "default of option 'option'"),
        (lambda: type(described((1,), WHOLES))(option=[1]), "is restored from its recipe"),
        (lambda: described(frozen=False), "not frozen"),
        (lambda: described(kw_only=False), "by position"),
        (lambda: plugin(Probe, None, measure=measure, members={"replicas": 1}), "no docstring"),
        (lambda: plugin(Probe, measure=measure, members={"replicas": 1, "version": "2"}), "version '2'"),
        (lambda: plugin(Pruner, mask=measure), "not a Probe"),
    ],
)
def test_defects_of_any_plugin(subject, message):
    fails(check_probe, subject(), message)


PROBE_MODULE = """
{first}
from dataclasses import dataclass
from prunescope.api import Probe, Reading

@dataclass(frozen=True, kw_only=True)
class One(Probe):
    '''Help.'''
    replicas = 1
    def measure(self, replicas, data, *, seed):
        return {{"one": Reading(1.0, unit="1")}}
"""


def test_a_module_must_import_nothing_heavy(tmp_path, monkeypatch):
    place = partial(importable, tmp_path, monkeypatch)
    check_probe(place("light_plugin", PROBE_MODULE.format(first="")).One())
    fails(check_probe, place("heavy_plugin", PROBE_MODULE.format(first="import numpy")).One(), "loads numpy")
    with monkeypatch.context() as patch:
        patch.setitem(sys.modules, "absent", object())
        failing = place("failing_plugin", PROBE_MODULE.format(first="import absent")).One()
    fails(check_probe, failing, "failing_plugin cannot be imported by a fresh interpreter")


@pytest.mark.parametrize(
    ("citations", "complaint"),
    [
        (["lee2019snip"], "wanted a tuple of keys"),
        ((2020,), "wanted a tuple of keys"),
        (("lee2019snip", "doe2020"), "cites 'doe2020', which has no BibTeX entry"),
        (("lee2019snip", "lee2019snip"), "two citations of one key"),
    ],
)
def test_citations_are_keys_of_entries(citations, complaint):
    def mask(self, model, data, density, *, seed):
        raise NotImplementedError

    fails(check_pruner, plugin(Pruner, mask=mask, citations=citations), complaint)


def test_citations_are_no_option():
    def mask(self, model, data, density, *, seed):
        raise NotImplementedError

    members = {
        "citations": (),
        "__annotations__": {"citations": Annotated[tuple[str, ...], Option("publications to cite")]},
    }
    fails(check_pruner, plugin(Pruner, mask=mask, members=members), "makes an option")
