from __future__ import annotations

import pytest
import torch

from prunescope.api import Mask
from prunescope.api.errors import MismatchError, UsageError
from prunescope.data import sources
from prunescope.networks import masks
from prunescope.networks.spec import ModelSpec
from prunescope.plugins import registry
from prunescope.runs import pipeline, plan
from prunescope.runs.steps.rewinding import shuffled
from prunescope.runs.store import Store

SPEC = ModelSpec(name="preresnet8", num_classes=10, in_chans=3, image_size=(8, 8), options={"width": 0.25})


def kept(*sizes):
    draw = torch.Generator().manual_seed(0)
    return Mask({str(n): torch.rand(size, generator=draw) < 0.3 for n, size in enumerate(sizes)})


def test_a_shuffled_mask_keeps_as_many_of_each_tensor():
    mask = kept((40, 30), (20, 10, 3, 3), (7,))
    found = shuffled(mask, seed=1)
    assert masks.per_layer_density(found) == masks.per_layer_density(mask)
    assert {name: tensor.shape for name, tensor in found.kept.items()} == {n: t.shape for n, t in mask.kept.items()}
    assert not found.kept["0"].equal(mask.kept["0"])


def test_the_draw_follows_from_the_seed():
    mask = kept((40, 30))
    assert shuffled(mask, seed=1).kept["0"].equal(shuffled(mask, seed=1).kept["0"])
    assert not shuffled(mask, seed=1).kept["0"].equal(shuffled(mask, seed=2).kept["0"])


def test_every_weight_is_as_likely_to_be_kept():
    mask = Mask({"a": torch.arange(10) < 3})
    often = torch.stack([shuffled(mask, seed=seed).kept["a"].double() for seed in range(2000)]).mean(0)
    assert torch.allclose(often, torch.full((10,), 0.3, dtype=torch.float64), atol=0.05)


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """Train a few steps, prune the end; return the store and the recipes by name."""
    store, data = Store(tmp_path_factory.mktemp("rewinding")), sources.describe("patches:images=64,test_images=20")

    def trainer(**options):
        return registry.make("trainers", "sgd", {"epochs": 2, "batch_size": 32, **options})

    def train(**options):
        return plan.training_recipe(trainer=trainer(**options), model=SPEC, data=data, seed=0)

    steps = {"start": train(stop_step=0), "at 1": train(stop_step=1), "end": train()}
    pruner = registry.make("pruners", "magnitude", {})
    steps["pruned"] = plan.pruning_recipe(dense=steps["end"].id, pruner=pruner, density=0.2, data=data, seed=0)
    steps["rewound"] = plan.rewinding_recipe(pruned=steps["pruned"].id, weights=steps["at 1"].id)
    steps["random"] = plan.rewinding_recipe(pruned=steps["pruned"].id, weights=steps["start"].id, shuffle=3)
    steps["retrained"] = plan.retraining_recipe(
        pruned=steps["rewound"].id, trainer=trainer(start_step=1), data=data, seed=1
    )
    for recipe in steps.values():
        pipeline.perform(recipe, store, device="cpu")
    return store, steps


def test_rewinding_puts_the_mask_on_the_earlier_weights(made):
    store, steps = made
    pruned, start, rewound = (store.load_weights(steps[name].id) for name in ("pruned", "at 1", "rewound"))
    for name, value in start.state.items():
        wanted = value * pruned.mask.kept[name] if name in pruned.mask.kept else value
        assert torch.equal(rewound.state[name], wanted), name
    assert all(rewound.mask.kept[name].equal(tensor) for name, tensor in pruned.mask.kept.items())
    assert store.read(steps["rewound"].id).facts["density"] == pruned.mask.density


def test_the_random_control_has_another_mask_and_the_same_density(made):
    store, steps = made
    pruned, random, start = (store.load_weights(steps[name].id) for name in ("pruned", "random", "start"))
    assert masks.per_layer_density(random.mask) == masks.per_layer_density(pruned.mask)
    name = max(pruned.mask.kept, key=lambda name: pruned.mask.kept[name].numel())
    assert not random.mask.kept[name].equal(pruned.mask.kept[name])
    assert torch.equal(random.state[name], start.state[name] * random.mask.kept[name])


def test_retraining_from_a_step_keeps_the_mask_and_ends_the_schedule(made):
    store, steps = made
    found = store.read(steps["retrained"].id)
    assert [epoch.number for epoch in found.history] == [1, 2]
    again = store.load_weights(steps["retrained"].id)
    for name, tensor in again.mask.kept.items():
        assert not again.state[name][~tensor].any()


def test_the_step_is_part_of_the_id_and_the_shuffle_too(made):
    _, steps = made
    assert len({recipe.id for recipe in steps.values()}) == len(steps)
    assert steps["rewound"].id.startswith("rewind-")


def test_a_dense_run_is_not_rewound(made):
    store, steps = made
    recipe = plan.rewinding_recipe(pruned=steps["end"].id, weights=steps["at 1"].id)
    with pytest.raises(UsageError, match="has no mask for rewinding"):
        pipeline.perform(recipe, store, device="cpu")


def test_weights_of_another_network_are_refused(made):
    store, steps = made
    data = sources.describe("patches:images=64,test_images=20")
    trainer = registry.make("trainers", "sgd", {"epochs": 1, "stop_step": 0})
    other = plan.training_recipe(
        trainer=trainer,
        model=ModelSpec(name="preresnet8", num_classes=10, in_chans=3, image_size=(8, 8), options={"width": 0.5}),
        data=data,
        seed=0,
    )
    pipeline.perform(other, store, device="cpu")
    with pytest.raises(MismatchError, match="has other options"):
        pipeline.perform(plan.rewinding_recipe(pruned=steps["pruned"].id, weights=other.id), store, device="cpu")


def test_a_dense_network_trained_on_says_how_long_it_was_trained_in_all(made):
    store, steps = made
    data = sources.describe("patches:images=64,test_images=20")
    trainer = registry.make("trainers", "sgd", {"epochs": 2, "batch_size": 32, "start_step": 2})
    copy = plan.retraining_recipe(pruned=steps["at 1"].id, trainer=trainer, data=data, seed=5)
    pipeline.perform(copy, store, device="cpu")
    found = store.read(copy.id)
    assert [epoch.number for epoch in found.history] == [2]
    assert found.facts["knobs"]["epochs"] == found.facts["training"]["trained_epochs"] == 2
    assert found.facts["training"]["start_step"] == 2
    assert store.read(steps["start"].id).facts["knobs"]["epochs"] == 0
