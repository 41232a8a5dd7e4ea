"""Progress within a step: it moves with the batches."""

from __future__ import annotations

from functools import partial

import pytest

from prunescope.api.progress import add_passes, count_passes, reach_fraction
from prunescope.data import sources
from prunescope.networks.spec import ModelSpec
from prunescope.plugins import registry
from prunescope.runs import pipeline, plan
from prunescope.runs.steps import counting
from prunescope.runs.store import Store


@pytest.fixture
def noted(monkeypatch):
    """Return the progress that is noted: run id -> fractions."""
    monkeypatch.setattr(counting, "LEAST_SECONDS", 0.0)
    found = {}
    monkeypatch.setattr(
        Store, "note_progress", lambda _, run_id, fraction: found.setdefault(run_id, []).append(fraction)
    )
    return found


def _train(store, *, epochs=1):
    trainer = registry.make("trainers", "sgd", {"epochs": epochs, "batch_size": 8})
    spec = ModelSpec(name="preresnet8", num_classes=10, in_chans=3, image_size=(8, 8), options={"width": 0.25})
    data = sources.describe("patches:images=80,test_images=40")
    recipe = plan.training_recipe(trainer=trainer, model=spec, data=data, seed=0)
    return pipeline.perform(recipe, store, device="cpu"), data


@pytest.mark.parametrize("epochs", [1, 2])
def test_a_training_moves_with_its_batches(noted, tmp_path, epochs):
    run_id, _ = _train(Store(tmp_path), epochs=epochs)
    tenths = [step / 10 / epochs for step in range(1, 10 * epochs + 1)]
    assert noted[run_id] == pytest.approx(sorted([*tenths[:-1], 0.99, *(n / epochs for n in range(1, epochs + 1))]))


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("hessian", {"batches": 2, "batch_size": 16, "vectors": 4}),
        ("errors", {"batch_size": 8}),
        ("lmc", {"batch_size": 8, "points": 5}),
        ("sam-sharpness", {"batches": 4, "batch_size": 8}),
        ("spectral-density", {"batches": 2, "batch_size": 8, "vectors": 1, "steps": 5}),
    ],
)
def test_a_probe_moves_with_its_batches(noted, tmp_path, name, options):
    run_id, data = _train(Store(tmp_path))
    probe = registry.make("probes", name, options)
    wanted = [run_id] * (2 if name == "lmc" else 1)
    recipe = plan.probing_recipe(replicas=wanted, probe=probe, data=data, seed=0)
    fractions = noted[pipeline.perform(recipe, Store(tmp_path), device="cpu")]
    assert len(fractions) >= 3
    assert fractions == sorted(fractions)
    assert fractions[0] < 0.5 < fractions[-1] < 1


def test_steps_of_milliseconds_write_no_notes(tmp_path, monkeypatch):
    monkeypatch.setattr(counting, "LEAST_SECONDS", 3600.0)
    found = []
    monkeypatch.setattr(Store, "note_progress", lambda _, run_id, fraction: found.append((run_id, fraction)))
    run_id, _ = _train(Store(tmp_path))
    assert found == [(run_id, 1.0)], "the epoch, and no batch"


def test_nothing_is_counted_outside_of_a_step():
    found = []
    add_passes(10)
    with count_passes(100, found.append):
        with count_passes(0, partial(pytest.fail)):
            add_passes(50)
        add_passes(20)
        reach_fraction(0.1)
        reach_fraction(0.5)
    add_passes(1000)
    assert found == [0.2, 0.5]
