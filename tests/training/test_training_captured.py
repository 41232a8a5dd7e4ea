"""A step that is recorded and repeated, by the operations that stand in for a CUDA graph: equal to the bit."""

from __future__ import annotations

import copy
from functools import partial

import pytest
import torch
from captured_training import SGD, alone, finished, half, pictures, together
from tiny_training import equal_states, state_of, tiny_data, tiny_net
from torch import nn

from prunescope.data.memory import Augmentation
from prunescope.networks.capture import capture_on
from prunescope.training import gradient_together, loop, optimizers
from prunescope.training.batches import Batches
from prunescope.training.gradient import in_parts, plain, sharpness_aware
from prunescope.training.schedule import Schedule

CPU = torch.device("cpu")

CASES = {
    "short last batch": {},
    "last batch of one image": {"size": 7},
    "one batch": {"size": 64},
    "whole batches": {"size": 11},
    "not augmented": {"augment": False},
    "label smoothing": {"label_smoothing": 0.2},
    "mixed": {"mixup": 0.4},
    "mixed, odd batches": {"mixup": 0.4, "size": 7, "label_smoothing": 0.1},
    "mixed, some of the steps": {"mixup": 0.4, "size": 5, "part": {"start_step": 6, "stop_step": 8}},
    "mixed, not augmented": {"mixup": 1.0, "augment": False},
    "nesterov": {"sgd": SGD | {"nesterov": True}},
    "no momentum": {"sgd": SGD | {"momentum": 0.0}},
    "moving average": {"ema": 0.9},
    "some of the steps": {"part": {"start_step": 4, "stop_step": 7}},
    "an epoch's first steps": {"part": {"stop_step": 1}},
    "in parts": {"gradient": in_parts(plain, 3)},
    "sam": {"gradient": partial(sharpness_aware, rho=0.2, adaptive=False, mask=None)},
    "adaptive sam": {"gradient": partial(sharpness_aware, rho=0.2, adaptive=True, mask=None)},
}


@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize("masked", [False, True])
def test_a_model_is_trained_as_step_by_step_to_the_bit(case, masked):
    mask = half(tiny_net()) if masked else None
    stepwise, recorded = tiny_net(), tiny_net()
    wanted, _ = alone(stepwise, pictures(), capture=None, mask=mask, **CASES[case])
    found, how = alone(recorded, pictures(), capture=capture_on(CPU), mask=mask, **CASES[case])
    assert how == "captured"
    assert found == wanted
    assert equal_states(state_of(stepwise), state_of(recorded))
    assert not equal_states(state_of(tiny_net()), state_of(recorded))


@pytest.mark.parametrize("augmentation", [Augmentation(), Augmentation(flip=True), Augmentation(crop_padding=2)])
def test_every_augmentation_is_that_of_the_split(augmentation):
    data = pictures(augmentation=augmentation)
    stepwise, recorded = tiny_net(), tiny_net()
    assert alone(stepwise, data, capture=None)[0] == alone(recorded, data, capture=capture_on(CPU))[0]
    assert equal_states(state_of(stepwise), state_of(recorded))


def with_dropout() -> nn.Module:
    return nn.Sequential(tiny_net()[:7], nn.Dropout(0.5), tiny_net()[7:])


def test_dropout_draws_what_it_draws_step_by_step():
    stepwise, recorded = with_dropout(), with_dropout()
    torch.manual_seed(4)
    wanted, _ = alone(stepwise, pictures(), capture=None)
    torch.manual_seed(4)
    found, how = alone(recorded, pictures(), capture=capture_on(CPU))
    assert (found, how) == (wanted, "captured")
    assert equal_states(state_of(stepwise), state_of(recorded))


class Deciding(nn.Module):
    """Asks for a value of its features before it goes on."""

    def __init__(self) -> None:
        nn.Module.__init__(self)
        self.net = tiny_net()

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.net(x) if float(x.sum()) > 0 else self.net(-x)


class Choosing(nn.Module):
    """Takes some of its features, as many as there are."""

    def __init__(self) -> None:
        nn.Module.__init__(self)
        self.net = tiny_net()

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.net(x) + x[x > 0].sum()


REASONS = {
    "a value on the host": (Deciding, pictures, {}, "it reads a value on the host"),
    "sizes": (Choosing, pictures, {}, "the size of a tensor depends on values"),
    "another split": (tiny_net, tiny_data, {}, "its data are not images in memory"),
    "batches of one image": (tiny_net, pictures, {"size": 1, "epochs": 1}, "its batches have one image"),
}


@pytest.mark.parametrize("case", REASONS)
def test_what_cannot_be_recorded_is_trained_step_by_step_and_says_why(case):
    network, data, how, reason = REASONS[case]
    stepwise, recorded = network(), network()
    recorded.load_state_dict(stepwise.state_dict())
    if case == "batches of one image":
        stepwise, recorded = nn.Sequential(nn.Flatten(), nn.Linear(32, 3)), None
        recorded = copy.deepcopy(stepwise)
    wanted, _ = alone(stepwise, data(), capture=None, **how)
    found, told = alone(recorded, data(), capture=capture_on(CPU), **how)
    assert told == f"not captured: {reason}"
    assert found == wanted
    assert equal_states(state_of(stepwise), state_of(recorded))


def test_another_optimiser_is_performed_step_by_step():
    model = tiny_net()
    adam = torch.optim.AdamW(model.parameters())
    how = {"gradient": plain, "schedule": Schedule(epochs=1), "batches": Batches(size=8), "mask": None, "seed": 0}
    _, told = finished(loop.train_epochs(model, pictures(), optimizer=adam, **how, capture=capture_on(CPU)))
    assert told == "not captured: its optimiser is AdamW, not SGD"


def test_the_caller_may_evaluate_between_epochs():
    undisturbed, evaluated = tiny_net(), tiny_net()
    alone(undisturbed, pictures(), capture=capture_on(CPU))
    how = {"gradient": plain, "schedule": Schedule(epochs=3, shape="cosine", warmup_epochs=1), "mask": None, "seed": 3}
    optimizer = optimizers.sgd(evaluated, **SGD)
    for _ in loop.train_epochs(
        evaluated, pictures(), optimizer=optimizer, batches=Batches(size=8), capture=capture_on(CPU), **how
    ):
        evaluated.eval()
        with torch.no_grad():
            evaluated(torch.ones(3, 2, 4, 4))
    assert equal_states(state_of(undisturbed), state_of(evaluated))


def test_divergence_is_an_error():
    with pytest.raises(Exception, match="diverged in epoch 1"):
        alone(tiny_net(), pictures(), capture=capture_on(CPU), sgd=SGD | {"learning_rate": 1e30})


ALONE = {"moving average", "in parts", "sam", "adaptive sam"}

TOGETHER = {name: case for name, case in CASES.items() if name not in ALONE} | {
    "sam": {"gradient": partial(gradient_together.sharpness_aware_group, rho=0.2, adaptive=False)},
    "adaptive sam": {"gradient": partial(gradient_together.sharpness_aware_group, rho=0.2, adaptive=True)},
}


@pytest.mark.parametrize("case", TOGETHER)
@pytest.mark.parametrize("masked", [False, True])
def test_models_are_trained_together_as_step_by_step_to_the_bit(case, masked):
    stepwise, recorded = [tiny_net(seed) for seed in (0, 4, 5)], [tiny_net(seed) for seed in (0, 4, 5)]
    kept = [half(tiny_net(), 1), None, half(tiny_net(), 2)] if masked else None
    wanted, _ = together(stepwise, capture=None, masks=kept, **TOGETHER[case])
    found, how = together(recorded, capture=capture_on(CPU), masks=kept, **TOGETHER[case])
    assert how == "captured"
    assert found == wanted
    for one, other in zip(stepwise, recorded, strict=True):
        assert equal_states(state_of(one), state_of(other))
