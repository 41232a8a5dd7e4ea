from __future__ import annotations

import copy
from dataclasses import replace
from functools import partial

import pytest
import torch
from tiny_training import state_of, tiny_data, tiny_net

from prunescope.api import Mask
from prunescope.api.errors import UsageError
from prunescope.networks import masks
from prunescope.training import batches, gradient, loop, optimizers, schedule
from prunescope.training import gradient_together as engine_gradient
from prunescope.training.together import fit_together

SGD = {"learning_rate": 0.1, "momentum": 0.9, "weight_decay": 1e-3, "nesterov": False}


def exact_data(count: int = 22, *, missing: int | None = None):
    """In float64: rounding cannot hide a wrong order of images, step or mask."""
    data = tiny_data(count)
    split = replace(data.train, images=data.train.images.double())
    if missing is not None:
        some = split.labels != missing
        split = replace(split, images=split.images[some], labels=split.labels[some])
    return replace(data, train=split, test=split)


def random_mask(model, *, seed: int, wholly: str = "") -> Mask:
    draw = torch.Generator().manual_seed(seed)
    kept = {
        name: torch.rand(weight.shape, generator=draw) < (0.0 if name == wholly else 0.4)
        for name, weight in model.named_parameters()
        if weight.dim() == 4
    }
    return Mask(kept)


def alone(model, data, *, mask, seed, epochs, size, sgd, part=None, step=gradient.plain, **how):
    copied = copy.deepcopy(model)
    found = loop.train_epochs(
        copied,
        data,
        optimizer=optimizers.sgd(copied, **sgd),
        gradient=step,
        schedule=schedule.Schedule(epochs=epochs, **(part or {})),
        batches=batches.Batches(size=size, **how),
        mask=mask,
        seed=seed,
    )
    return copied, list(found)


def together(models, data, *, masks, seeds, epochs, size, sgd, part=None, step=engine_gradient.plain_group, **how):
    copied = [copy.deepcopy(model) for model in models]
    found = fit_together(
        copied,
        data,
        optimizer=partial(optimizers.sgd, **sgd),
        gradient=step,
        schedule=schedule.Schedule(epochs=epochs, **(part or {})),
        batches=batches.Batches(size=size, **how),
        masks=masks,
        seeds=seeds,
    )
    return copied, list(found)


CASES = {
    "short last batch": {"size": 8},
    "last batch of one image": {"size": 7},
    "one batch": {"size": 64},
    "label smoothing": {"size": 8, "label_smoothing": 0.2},
    "not augmented": {"size": 5, "augment": False},
    "nesterov": {"size": 8, "sgd": SGD | {"nesterov": True}},
    "some of the steps": {"size": 8, "part": {"start_step": 4, "stop_step": 8}},
    "no momentum": {"size": 8, "sgd": SGD | {"momentum": 0.0}},
}


@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize("masked", [False, True])
def test_each_model_is_trained_as_it_is_alone(case, masked):
    how = {"sgd": SGD, "epochs": 4} | CASES[case]
    data, seeds = exact_data(), (3, 1, 8)
    models = [tiny_net(seed).double() for seed in (0, 0, 5)]
    kept = [random_mask(model, seed=seed) if masked else None for seed, model in enumerate(models)]
    found, epochs = together(models, data, masks=kept, seeds=seeds, **how)
    for index, model in enumerate(models):
        wanted, history = alone(model, data, mask=kept[index], seed=seeds[index], **how)
        for name, value in wanted.state_dict().items():
            assert torch.allclose(found[index].state_dict()[name], value, rtol=1e-9, atol=1e-11), name
        for mine, his in zip([epoch[index] for epoch in epochs], history, strict=True):
            assert mine.train_loss == pytest.approx(his.train_loss, abs=1e-9)
            assert replace(mine, train_loss=0.0) == replace(his, train_loss=0.0)


@pytest.mark.parametrize("adaptive", [False, True])
def test_each_model_climbs_in_a_ball_of_its_own(adaptive):
    data, seeds = exact_data(), (3, 1, 8)
    models = [tiny_net(seed).double() for seed in (0, 4, 5)]
    kept = [random_mask(models[0], seed=0), None, random_mask(models[0], seed=2, wholly="3.weight")]
    how, sam = {"sgd": SGD, "epochs": 3, "size": 8}, {"rho": 0.3, "adaptive": adaptive}
    step = partial(engine_gradient.sharpness_aware_group, **sam)
    found, _ = together(models, data, masks=kept, seeds=seeds, step=step, **how)
    plainly, _ = together(models, data, masks=kept, seeds=seeds, **how)
    for index, model in enumerate(models):
        one = partial(gradient.sharpness_aware, **sam, mask=kept[index])
        wanted, _ = alone(model, data, mask=kept[index], seed=seeds[index], step=one, **how)
        for name, value in wanted.state_dict().items():
            assert torch.allclose(found[index].state_dict()[name], value, rtol=1e-8, atol=1e-10), name
        pairs = zip(found[index].parameters(), plainly[index].parameters(), strict=True)
        assert not all(torch.allclose(one, other) for one, other in pairs)


def test_in_float32_the_first_steps_are_equal_to_rounding():
    data, seeds = tiny_data(), (1, 2, 3, 4)
    models = [tiny_net() for _ in seeds]
    how = {"size": 8, "sgd": SGD, "epochs": 1}
    found, _ = together(models, data, masks=[None] * 4, seeds=seeds, **how)
    for model, mine, seed in zip(models, found, seeds, strict=True):
        wanted, _ = alone(model, data, mask=None, seed=seed, **how)
        for name, value in wanted.state_dict().items():
            assert torch.allclose(mine.state_dict()[name], value, rtol=1e-4, atol=1e-5), name


def test_mixup_draws_for_every_model_alone():
    data, how = tiny_data(21), {"size": 6, "sgd": SGD, "epochs": 1, "mixup": 0.5, "label_smoothing": 0.1}
    models = [tiny_net(), tiny_net(1)]
    found, epochs = together(models, data, masks=[None, None], seeds=(5, 6), **how)
    for index, seed in enumerate((5, 6)):
        wanted, history = alone(models[index], data, mask=None, seed=seed, **how)
        for name, value in wanted.state_dict().items():
            assert torch.allclose(found[index].state_dict()[name], value, rtol=1e-4, atol=1e-5), name
        assert epochs[0][index].train_loss == pytest.approx(history[0].train_loss, abs=1e-5)


def test_masks_hold_at_every_yield_a_layer_wholly_masked_included():
    data = exact_data(missing=1)
    models = [tiny_net(seed).double() for seed in (0, 1)]
    kept = [random_mask(models[0], seed=0, wholly="3.weight"), None]
    at_start = state_of(models[1])
    for _ in fit_together(
        models,
        data,
        optimizer=partial(optimizers.sgd, **SGD),
        schedule=schedule.Schedule(epochs=2),
        batches=batches.Batches(size=8),
        masks=kept,
        seeds=(1, 2),
    ):
        masks.audit(models[0], kept[0])
        assert not models[0].get_parameter("3.weight").any()
        assert models[1].get_parameter("3.weight").all()
    assert not torch.equal(models[1].get_parameter("0.weight"), at_start["0.weight"])


def test_frozen_weights_stay():
    models = [tiny_net(0), tiny_net(1)]
    for model in models:
        model[0].weight.requires_grad_(False)  # noqa: FBT003 - torch's own order
    found, _ = together(models, tiny_data(), masks=[None, None], seeds=(1, 2), epochs=1, size=8, sgd=SGD)
    for model, mine in zip(models, found, strict=True):
        assert torch.equal(model[0].weight, mine[0].weight)
        assert not torch.equal(model[3].weight, mine[3].weight)


def test_divergence_and_too_few_images_are_errors():
    models = [tiny_net(0), tiny_net(1)]
    how = {"masks": [None, None], "seeds": (1, 2), "epochs": 3, "size": 8}
    with pytest.raises(UsageError, match="diverged in epoch 1"):
        together(models, tiny_data(), sgd=SGD | {"learning_rate": 1e30}, **how)
    with pytest.raises(UsageError, match="gives no batch"):
        together(models, tiny_data(1), sgd=SGD, **how)


def test_models_that_cannot_be_grouped_are_refused():
    models = [torch.nn.Sequential(tiny_net(), torch.nn.LayerNorm(3)) for _ in range(2)]
    with pytest.raises(UsageError, match="LayerNorm"):
        together(models, tiny_data(), masks=[None, None], seeds=(1, 2), epochs=1, size=8, sgd=SGD)
