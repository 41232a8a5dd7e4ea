"""Which trainings are performed together."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from prunescope.api.errors import PluginError, UsageError
from prunescope.data import sources
from prunescope.networks import models
from prunescope.networks.capture.recordings import Recording, recordings
from prunescope.plugins import registry
from prunescope.runs import pipeline, plan
from prunescope.runs.recipe import Recipe
from prunescope.runs.scheduling import groups
from prunescope.runs.store import Store
from prunescope.training.trainers.sgd import Sgd

DATA = "patches:images=60,test_images=20"


@pytest.fixture(scope="module")
def data():
    return sources.describe(DATA)


@pytest.fixture
def store(tmp_path):
    return Store(tmp_path / "study")


def dense(data, *, seed, width=1.0, name="small_mlp", **options):
    shape = {"num_classes": 10, "in_chans": 3, "image_size": (8, 8)}
    extra = {} if name == "small_mlp" else {"width": width}
    spec = models.ModelSpec(name=name, **shape, options=extra)
    trainer = registry.make("trainers", "sgd", {"epochs": 2, **options})
    return plan.training_recipe(trainer=trainer, model=spec, data=data, seed=seed, snapshots=(1,))


def cell(data, recipe, *, density, replicas=3):
    pruner = registry.make("pruners", "magnitude", {"linear": True})
    pruned = plan.pruning_recipe(dense=f"{recipe.id}@1", pruner=pruner, density=density, data=data, seed=0)
    trainer = registry.make("trainers", "sgd", {"epochs": 1})
    seeds = range(1, replicas + 1)
    return [
        pruned,
        *(plan.retraining_recipe(pruned=pruned.id, trainer=trainer, data=data, seed=seed) for seed in seeds),
    ]


def sizes(found, recipes):
    return [len(found.get(recipe.id, (recipe,))) for recipe in recipes]


def test_what_differs_in_seed_and_input_alone_is_trained_together(data, store):
    trainings = [dense(data, seed=seed) for seed in (0, 1)]
    cells = [cell(data, recipe, density=density) for recipe in trainings for density in (0.2, 0.5)]
    steps = [*trainings, *(recipe for steps in cells for recipe in steps)]
    found = groups.divide_recipes(steps, store, device="cpu")
    assert sizes(found, trainings) == [1, 1], "everything waits for them: two processes take one each"
    assert sizes(found, [steps[0] for steps in cells]) == [1] * 4, "pruning is no training"
    retrainings = [recipe for steps in cells for recipe in steps[1:]]
    assert sizes(found, retrainings) == [6] * 12
    assert found[retrainings[0].id] == tuple(retrainings[:6])
    assert found[retrainings[11].id] == tuple(retrainings[6:])
    assert groups.divide_recipes([*steps, *steps], store, device="cpu") == found


def test_dense_trainings_are_two_groups_at_least(data, store):
    trainings = [dense(data, seed=seed) for seed in range(15)]
    for count, wanted in ((3, [2, 2, 1]), (4, [2, 2, 2, 2]), (11, [6] * 6 + [5] * 5), (15, [5] * 15)):
        assert sizes(groups.divide_recipes(trainings[:count], store, device="cpu"), trainings[:count]) == wanted


def test_other_options_data_or_networks_are_other_kinds(data, store):
    different = [
        dense(data, seed=0),
        dense(data, seed=1, batch_size=8),
        dense(sources.describe("patches:images=50,test_images=20"), seed=2),
        dense(data, seed=3, name="preresnet8", width=0.25),
        dense(data, seed=4, name="preresnet8", width=0.5),
    ]
    assert groups.divide_recipes(different, store, device="cpu") == {}


def test_a_moving_average_and_a_large_network_are_trained_one_by_one(data, store):
    averaged = [dense(data, seed=seed, ema=0.9) for seed in range(4)]
    large = [dense(data, seed=seed, name="preresnet8", width=8.0) for seed in range(4)]
    assert groups.divide_recipes([*averaged, *large], store, device="cpu") == {}


def test_what_is_finished_is_divided_as_before_while_anything_is_left(data, store):
    trainings = [dense(data, seed=seed) for seed in (0, 1, 2)]
    found = groups.divide_recipes(trainings, store, device="cpu")
    pipeline.perform(trainings[0], store, device="cpu")
    assert groups.divide_recipes(trainings, store, device="cpu") == found
    for recipe in trainings[1:]:
        pipeline.perform(recipe, store, device="cpu")
    assert groups.divide_recipes(trainings, store, device="cpu") == {}


def test_the_network_of_a_finished_run_is_known(data, store):
    recipe = dense(data, seed=0)
    pipeline.perform(recipe, store, device="cpu")
    steps = cell(data, recipe, density=0.5)
    assert sizes(groups.divide_recipes(steps, store, device="cpu"), steps) == [1, 3, 3, 3]
    store.path(recipe.id).write_bytes(b"damaged")
    assert groups.divide_recipes(steps, store, device="cpu") == {}


def test_steps_that_cannot_begin_are_left_alone(data, store):
    wrong = [replace(dense(data, seed=seed), plugin="sgdd") for seed in (0, 1)]
    assert groups.divide_recipes([*wrong, Recipe(step="train", plugin="sgd")], store, device="cpu") == {}


def test_a_trainer_that_answers_nonsense_is_named(data, store, monkeypatch):
    monkeypatch.setattr(Sgd, "together", lambda *_: 0)
    with pytest.raises(PluginError, match=r"trainer 'sgd' of prunescope: together\(\) returned 0"):
        groups.divide_recipes([dense(data, seed=seed) for seed in (0, 1)], store, device="cpu")


def test_trainings_together_leave_what_each_leaves_alone(data, store, tmp_path):
    trainings = [dense(data, seed=seed) for seed in (0, 1)]
    pipeline.perform_together(trainings, store, device="cpu")
    other = Store(tmp_path / "other")
    for recipe in trainings:
        pipeline.perform(recipe, other, device="cpu")
        mine, alone = store.read(recipe.id), other.read(recipe.id)
        assert (mine.engine, alone.engine) == ("grouped(2)", "alone")
        assert mine.facts == alone.facts
        assert mine.weights.keys() == alone.weights.keys() == {f"{recipe.id}.safetensors", f"{recipe.id}@1.safetensors"}
        assert [epoch.number for epoch in mine.history] == [1, 2]
        assert mine.history[0].train_loss == pytest.approx(alone.history[0].train_loss, abs=1e-4)
        first, second = (place.load_weights(f"{recipe.id}@1").state for place in (store, other))
        for name, value in first.items():
            assert torch.allclose(value.float(), second[name].float(), rtol=1e-3, atol=1e-4), name
    assert store.check() == []
    assert store.progress(trainings[0].id) == 1.0


def test_how_the_steps_were_performed_is_recorded_with_the_engine(data, store):
    trainings = [dense(data, seed=seed, compiling="capture") for seed in (0, 1, 2)]
    pipeline.perform_together(trainings[:2], store, device="cpu")
    pipeline.perform(trainings[2], store, device="cpu")
    single = dense(data, seed=0, compiling="capture", batch_size=1, learning_rate=1e-4)
    pipeline.perform(single, store, device="cpu")
    assert [store.read(recipe.id).engine for recipe in (*trainings, single)] == [
        "grouped(2), captured",
        "grouped(2), captured",
        "alone, captured",
        "alone, not captured: its batches have one image",
    ]


def test_a_group_that_the_memory_does_not_hold_is_halved(data, store, tmp_path, monkeypatch):
    trainings = [dense(data, seed=seed) for seed in range(5)]
    asked, plain = [], Sgd.fit_together_resumable

    def fit_together(self, models, *rest, **named):
        asked.append(len(models))
        if len(models) > 2:
            raise torch.OutOfMemoryError("CUDA out of memory")
        return plain(self, models, *rest, **named)

    monkeypatch.setattr(Sgd, "fit_together_resumable", fit_together)
    recordings().kept[:] = [Recording(trace=None, repeat={}, size=0)]
    pipeline.perform_together(trainings, store, device="cpu")
    assert asked == [5, 5, 3, 2, 2], "once more when recorded steps are freed"
    assert [store.read(recipe.id).engine for recipe in trainings] == ["grouped(2)"] * 2 + ["alone"] + ["grouped(2)"] * 2
    other = Store(tmp_path / "other")
    pipeline.perform_together(trainings[:2], other, device="cpu")
    for recipe in trainings[:2]:
        first, second = (place.load_weights(recipe.id).state for place in (store, other))
        assert all(torch.equal(value, second[name]) for name, value in first.items())


def test_a_step_that_the_memory_does_not_hold_is_an_error_with_the_fix(data, store, monkeypatch):
    def fit(*_, **__):
        raise torch.OutOfMemoryError("CUDA out of memory")

    monkeypatch.setattr(Sgd, "fit_resumable", fit)
    with pytest.raises(UsageError, match="the memory of cpu is too small for a step of this training") as caught:
        pipeline.perform(dense(data, seed=0), store, device="cpu")
    assert "--batch-size" in caught.value.fix


def test_on_a_gpu_groups_are_full_and_dense_ones_may_be_one(data, store, monkeypatch):
    trainings = [dense(data, seed=seed) for seed in range(4)]
    monkeypatch.setattr(groups, "_together", lambda *_: 64)
    assert sizes(groups.divide_recipes(trainings, store, device="cuda"), trainings) == [4] * 4
    assert sizes(groups.divide_recipes(trainings, store, device="cpu"), trainings) == [2] * 4
    monkeypatch.setattr(groups, "_together", lambda *_: 3)
    assert sizes(groups.divide_recipes(trainings, store, device="cuda"), trainings) == [3, 3, 3, 1], (
        "full, and what is left"
    )


@pytest.mark.parametrize("wrong", [[1, 2], (1,)])
def test_a_trainer_must_yield_an_epoch_for_each(data, store, monkeypatch, wrong):
    monkeypatch.setattr(Sgd, "fit_together_resumable", lambda *_, **__: iter([wrong]))
    with pytest.raises(PluginError, match="no tuple of 2 epochs"):
        pipeline.perform_together([dense(data, seed=seed) for seed in (0, 1)], store, device="cpu")
    assert store.ids() == []


def test_no_text_of_any_weight_is_made(data, store, monkeypatch):
    made, plain = [], torch.Tensor.__repr__
    monkeypatch.setattr(torch.Tensor, "__repr__", lambda tensor: made.append(tensor.shape) or plain(tensor))
    pipeline.perform_together([dense(data, seed=seed) for seed in (0, 1)], store, device="cpu")
    pipeline.perform(dense(data, seed=2), store, device="cpu")
    assert made == [], "on a GPU it takes longer than a short training"
