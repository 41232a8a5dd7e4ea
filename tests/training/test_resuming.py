"""A training that saves its state after any step and is resumed ends as one that was not interrupted, to the bit."""

from __future__ import annotations

from copy import deepcopy
from dataclasses import dataclass, field
from typing import Any

import pytest
import torch
from captured_training import alone, half, pictures, together
from tiny_training import equal_states, state_of, tiny_data, tiny_net

from prunescope.api import StateKeeper
from prunescope.data.memory import Augmentation
from prunescope.networks.capture import capture_on
from prunescope.training import optimizers
from prunescope.training.trainers.cyclic import Cyclic
from prunescope.training.trainers.sam import Sam
from prunescope.training.trainers.sgd import Sgd
from prunescope.training.trainers.timm import Timm


class EndedError(Exception):
    """The process is to end."""


@dataclass(kw_only=True)
class Memory(StateKeeper):
    """Keeps the state in memory, and ends the training the n-th time it is asked whether it is due."""

    after: int
    asked: int = 0
    kept: dict[str, Any] = field(default_factory=dict)

    def is_due(self):
        self.asked += 1
        return self.asked == self.after

    def save(self, kind, state):
        self.kept[kind] = deepcopy(dict(state))
        raise EndedError

    def load(self, kind):
        return deepcopy(self.kept.get(kind))


def interrupted(train, *, after):
    """Return what a training ends with that is interrupted before a step, and resumed by new objects."""
    keeper = Memory(after=after)
    with pytest.raises(EndedError):
        train(keeper)
    keeper.after = -1
    return train(keeper)


def fitted(trainer, data, *, mask=False, batches=4):
    """Return a function that trains a new network with a keeper and returns its weights and its last epochs."""

    def train(keeper):
        model = tiny_net()
        torch.manual_seed(0)
        kept = half(model) if mask else None
        epochs = list(trainer.fit_resumable(model, data, mask=kept, seed=3, keeper=keeper))
        return state_of(model), epochs[-1]

    del batches
    return train


TRAINERS = [
    Sgd(epochs=3, batch_size=6),
    Sgd(epochs=3, batch_size=6, augment=False, schedule="cosine", warmup_epochs=1),
    Sgd(epochs=3, batch_size=6, mixup=0.4, label_smoothing=0.1),
    Sgd(epochs=3, batch_size=6, ema=0.9, nesterov=True),
    Sgd(epochs=3, batch_size=6, start_step=5, stop_step=11),
    Sgd(epochs=3, batch_size=6, accumulate=2),
    Sam(epochs=3, batch_size=6, adaptive=True),
    Cyclic(epochs=4, batch_size=6, cycles=2),
    Timm(epochs=3, batch_size=6),
    Timm(epochs=3, batch_size=6, optimizer="lamb", scheduler="tanh"),
    Timm(epochs=3, batch_size=6, optimizer="lookahead_radam"),
    Timm(epochs=3, batch_size=6, optimizer="adafactor"),
    Timm(epochs=3, batch_size=6, optimizer="adagrad"),
]


@pytest.mark.parametrize("trainer", TRAINERS, ids=str)
@pytest.mark.parametrize("after", [1, 3, 5, 6])
def test_a_trainer_resumes_to_the_bit(trainer, after):
    train = fitted(trainer, tiny_data(), mask=after > 3)
    (weights, last), (wanted, wanted_last) = interrupted(train, after=after), train(Memory(after=-1))
    assert equal_states(weights, wanted)
    assert last == wanted_last


@pytest.mark.parametrize("after", [1, 3, 6])
@pytest.mark.parametrize("how", [{}, {"mixup": 0.3}, {"augment": False}], ids=str)
def test_models_that_are_trained_together_resume_to_the_bit(how, after):
    trainer = Sgd(epochs=3, batch_size=6, **how)

    def train(keeper):
        models = [tiny_net(seed) for seed in (0, 1)]
        masks = [half(models[0]), None]
        with torch.random.fork_rng():
            epochs = list(trainer.fit_together_resumable(models, tiny_data(), masks=masks, seeds=[4, 5], keeper=keeper))
        return [state_of(model) for model in models], epochs[-1]

    (states, last), (wanted, wanted_last) = interrupted(train, after=after), train(Memory(after=-1))
    assert all(equal_states(one, other) for one, other in zip(states, wanted, strict=True))
    assert last == wanted_last


@pytest.mark.parametrize("after", [1, 2])
@pytest.mark.parametrize(
    "how",
    [{}, {"ema": 0.9}, {"mixup": 0.3, "label_smoothing": 0.1}, {"part": {"start_step": 2, "stop_step": 8}}],
    ids=str,
)
def test_a_captured_training_resumes_between_two_epochs(how, after):
    data = pictures(22, Augmentation(crop_padding=1, flip=True))

    def train(keeper):
        model = tiny_net()
        epochs, engine = alone(
            model, data, capture=capture_on(torch.device("cpu")), keeper=keeper, mask=half(model), **how
        )
        assert engine == "captured"
        return state_of(model), epochs[-1]

    (weights, last), (wanted, wanted_last) = interrupted(train, after=after), train(Memory(after=-1))
    assert equal_states(weights, wanted)
    assert last == wanted_last


def test_a_captured_group_resumes_between_two_epochs():
    def train(keeper):
        models = [tiny_net(seed) for seed in (0, 1)]
        epochs, _ = together(models, capture=capture_on(torch.device("cpu")), keeper=keeper)
        return [state_of(model) for model in models], epochs[-1]

    (states, last), (wanted, wanted_last) = interrupted(train, after=2), train(Memory(after=-1))
    assert all(equal_states(one, other) for one, other in zip(states, wanted, strict=True))
    assert last == wanted_last


def test_the_state_of_another_way_to_train_is_not_used():
    keeper, model = Memory(after=-1), tiny_net()
    keeper.kept["step by step"] = {"number": "none of this kind"}
    alone(model, pictures(), capture=capture_on(torch.device("cpu")), keeper=keeper)
    plain = tiny_net()
    alone(plain, pictures(), capture=capture_on(torch.device("cpu")))
    assert equal_states(state_of(model), state_of(plain))


def test_a_momentum_lies_in_memory_as_its_weight_does():
    model = tiny_net().to(memory_format=torch.channels_last)
    optimizer = optimizers.sgd(model, learning_rate=0.1, momentum=0.9, weight_decay=0.0, nesterov=False)
    for weight in model.parameters():
        weight.grad = torch.ones_like(weight)
    optimizer.step()
    saved = deepcopy(optimizer.state_dict())
    for values in saved["state"].values():
        values["momentum_buffer"] = values["momentum_buffer"].contiguous()
    optimizers.restore_optimizer(optimizer, saved)
    for weight, values in optimizer.state.items():
        assert values["momentum_buffer"].stride() == weight.stride()
