"""Every probe, and every pruner, on token ids, rows, maps of classes and grasp maps."""

import dataclasses
from pathlib import Path

import numpy as np
import objective_data
import pytest
import torch

from prunescope.api import Replica
from prunescope.api.errors import UsageError
from prunescope.plugins import registry

DOCS = Path(__file__).parents[3] / "docs/objectives"

SMALL = {
    "bezier": {"epochs": 1, "points": 3},
    "cka": {"images": 40, "layers": ("*",)},
    "cka-map": {"images": 40},
    "hessian": {"batch_size": 20, "batches": 1, "vectors": 2, "max_products": 5},
    "lmc": {"points": 3},
    "loss-slice": {"points": 3, "batches": 1},
    "pair-slice": {"points": 3, "batches": 1},
    "size": {"latency_repeats": 1},
    "spectral-density": {"batch_size": 20, "batches": 1, "vectors": 1, "steps": 3},
    "synflow": {"rounds": 2},
}

PROBES = (
    "bezier",
    "cka",
    "cka-map",
    "disagreement",
    "distance",
    "errors",
    "hessian",
    "lmc",
    "loss-slice",
    "pair-slice",
)
PROBES += ("sam-sharpness", "size", "spectral-density")

PRUNERS = ("activation", "gradient", "gradient-weight", "grasp", "lamp", "magnitude", "n-of-m", "random", "snip")
PRUNERS += ("synflow", "taylor")


def kinds():
    import grasps
    import tokens

    return {
        "tokens": (objective_data.sequences, tokens.transformer),
        "grasps": (objective_data.bars, grasps.network),
        "numbers": (objective_data.numbers, objective_data.perceptron),
        "masks": (objective_data.masks, objective_data.pixels),
    }


@pytest.fixture(params=["tokens", "grasps", "numbers", "masks"])
def case(request, monkeypatch):
    """Return data of one kind and two networks for them."""
    monkeypatch.syspath_prepend(DOCS)
    make, build = kinds()[request.param]
    data, models = make(), []
    for seed in (0, 1):
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            models.append(build(num_classes=data.num_classes, in_chans=data.in_chans).eval())
    return data, models


def made(group, name, **more):
    """Return a plugin with options that make it quick."""
    plugin = registry.make(group, name, {}).instance
    given = {**SMALL.get(name, {}), **more}
    return dataclasses.replace(plugin, **{key: value for key, value in given.items() if hasattr(plugin, key)})


@pytest.mark.parametrize("name", PROBES)
def test_every_probe_measures(case, name):
    data, models = case
    probe = made("probes", name)
    count = {"any": 2}.get(probe.replicas, probe.replicas)
    readings = probe.measure([Replica(model=model) for model in models[:count]], data, seed=0)
    assert readings
    for reading in readings.values():
        assert np.isfinite(reading.value).all()


@pytest.mark.parametrize("name", PRUNERS)
def test_every_pruner_keeps_half_or_says_why_not(case, name):
    data, models = case
    pruner = made("pruners", name, linear=True)
    if name == "synflow" and data.name == "sequences":
        with pytest.raises(UsageError, match="token ids"):
            pruner.mask(models[0], data, 0.5, seed=0)
        return
    mask = pruner.mask(models[0], data, 0.5, seed=0)
    assert mask.density == pytest.approx(0.5, abs=0.01)
