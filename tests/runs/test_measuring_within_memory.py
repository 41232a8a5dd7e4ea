"""Measurements on a device whose memory is smaller than was planned with."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from prunescope.api.errors import UsageError
from prunescope.api.room import scaled_bytes
from prunescope.data import sources
from prunescope.networks.spec import ModelSpec
from prunescope.plugins import registry
from prunescope.runs import pipeline, plan
from prunescope.runs.store import Store

ROOM = 1 << 20

PROBES = {
    "lmc": {"points": 3, "batch_size": 16},
    "cka": {"layers": ("*",), "images": 40},
    "errors": {"batch_size": 16},
    "hessian": {"batches": 2, "batch_size": 16, "vectors": 2, "exact": False},
    "spectral-density": {"batches": 2, "batch_size": 16, "vectors": 1, "steps": 3},
}


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """Return the folder of two trainings, their ids and their data."""
    folder, data = tmp_path_factory.mktemp("study"), sources.describe("patches:images=80,test_images=40")
    spec = ModelSpec(name="preresnet8", num_classes=10, in_chans=3, image_size=(8, 8), options={"width": 0.25})
    trainer = registry.make("trainers", "sgd", {"epochs": 1, "batch_size": 40})
    made = [plan.training_recipe(trainer=trainer, model=spec, data=data, seed=seed) for seed in (0, 1)]
    return folder, [pipeline.perform(recipe, Store(folder), device="cpu") for recipe in made], data


def measure(trained, name, *, seed=0):
    folder, runs, data = trained
    probe = registry.make("probes", name, PROBES[name])
    replicas = runs if name in {"lmc", "cka"} else runs[:1]
    recipe = plan.probing_recipe(replicas=replicas, probe=probe, data=data, seed=seed)
    store = Store(folder)
    run = pipeline.perform(recipe, store, device="cpu")
    found = store.read(run).readings[name]
    store.path(run).unlink()
    return found


def bounded(plain, limit, asked):
    """Return `measure` of a probe on a device that has no room for more than a share of what is planned."""

    def measure(self, *arguments, **named):
        asked.append(scaled_bytes(ROOM))
        if asked[-1] > limit:
            raise torch.OutOfMemoryError("CUDA out of memory")
        return plain(self, *arguments, **named)

    return measure


@pytest.mark.parametrize("name", PROBES)
def test_a_measurement_that_does_not_fit_is_repeated_with_less_and_its_numbers_stay(name, trained, monkeypatch):
    usual, asked = measure(trained, name), []
    kind = type(registry.make("probes", name, PROBES[name]).instance)
    monkeypatch.setattr(kind, "measure", bounded(kind.measure, ROOM // 100, asked))
    found = measure(trained, name)
    assert asked[:4] == [ROOM, ROOM // 4, ROOM // 16, ROOM // 64]
    assert found.keys() == usual.keys()
    for key, reading in usual.items():
        assert np.allclose(found[key].value, reading.value, rtol=1e-4, atol=1e-6), key
    assert scaled_bytes(ROOM) == ROOM, "for the next step again"


def test_one_that_never_fits_is_an_error_with_the_fix(trained, monkeypatch):
    asked = []
    kind = type(registry.make("probes", "errors", {}).instance)
    monkeypatch.setattr(kind, "measure", bounded(kind.measure, 0, asked))
    with pytest.raises(UsageError, match="the memory of the device is too small for") as caught:
        measure(trained, "errors", seed=5)
    assert "--batch-size" in caught.value.fix
    assert len(asked) == 5
