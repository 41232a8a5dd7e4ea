from __future__ import annotations

from copy import deepcopy

import pytest
import torch
from timm.utils import ModelEmaV3
from tiny_training import equal_states, state_of, tiny_data, tiny_net

from prunescope.networks import masks
from prunescope.training.trainers.sgd import Sgd
from prunescope.training.trainers.timm import Timm


def short(trainer=Sgd, **changed):
    return trainer(**{"epochs": 3, "batch_size": 8, "learning_rate": 0.05, "weight_decay": 0.01, **changed})


def one_step_at_a_time(trainer, model, data, *, mask=None):
    """Yield the model's own state after every step: each run ends one step later."""
    for stop in range(1, 3 * 3 + 1):
        found = deepcopy(model)
        list(type(trainer)(**{**vars(trainer), "ema": 0.0, "stop_step": stop}).fit(found, data, mask=mask, seed=3))
        yield found


@pytest.mark.parametrize("decay", [0.3, 0.9])
def test_the_average_is_that_of_the_formula_and_of_timm(decay):
    model, data = tiny_net(), tiny_data()
    trainer = short(ema=decay)
    slow = {name: value.double() for name, value in state_of(model).items()}
    theirs = ModelEmaV3(model, decay=decay)
    for after in one_step_at_a_time(trainer, model, data):
        for name, value in state_of(after).items():
            slow[name] = decay * slow[name] + (1 - decay) * value if value.is_floating_point() else value
        theirs.update(after)
    list(trainer.fit(model, data, seed=3))
    for name, value in state_of(model).items():
        torch.testing.assert_close(value.double(), slow[name].double(), rtol=1e-5, atol=1e-6)
        torch.testing.assert_close(value, theirs.module.state_dict()[name], rtol=1e-5, atol=1e-6)


def test_training_goes_on_from_its_own_weights():
    data = tiny_data()
    plain, averaged = tiny_net(), tiny_net()
    told = [epoch.train_loss for epoch in short().fit(plain, data, seed=3)]
    assert [epoch.train_loss for epoch in short(ema=0.9).fit(averaged, data, seed=3)] == told
    assert not equal_states(state_of(plain), state_of(averaged))


def test_each_epoch_and_the_end_hold_the_average():
    data, model = tiny_data(), tiny_net()
    seen = [state_of(model) for _ in short(ema=0.9).fit(model, data, seed=3)]
    assert equal_states(seen[-1], state_of(model))
    for stop, wanted in zip((3, 6, 9), seen, strict=True):
        shorter = tiny_net()
        list(short(ema=0.9, stop_step=stop).fit(shorter, data, seed=3))
        assert equal_states(wanted, state_of(shorter))


@pytest.mark.parametrize(
    "trainer",
    [short(ema=0.9), short(Timm, ema=0.5), short(Timm, ema=0.5, optimizer="lookahead_adamw")],
    ids=["sgd", "adamw", "lookahead"],
)
def test_masks_hold_in_the_average_too(trainer):
    model = tiny_net()
    weights = {name: weight.detach().abs() for name, weight in model.named_parameters() if weight.dim() == 4}
    mask = masks.keep_largest(weights, 0.3, scope="layer")
    before = state_of(model)
    for _ in trainer.fit(model, tiny_data(), mask=mask, seed=0):
        masks.audit(model, mask)
    assert not equal_states(before, state_of(model))
    without = tiny_net()
    list(type(trainer)(**{**vars(trainer), "ema": 0.0}).fit(without, tiny_data(), mask=mask, seed=0))
    assert not equal_states(state_of(without), state_of(model))
