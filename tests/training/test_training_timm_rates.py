from __future__ import annotations

import math

import pytest
import torch
from tiny_training import equal_states, state_of, tiny_data, tiny_net
from torch.optim.lr_scheduler import CosineAnnealingLR, MultiStepLR, PolynomialLR, StepLR

from prunescope.api.errors import UsageError
from prunescope.training.schedule import Schedule
from prunescope.training.timm_rates import rates
from prunescope.training.trainers.timm import Timm


def torchs(make, steps):
    optimizer = torch.optim.SGD([torch.zeros(1)], lr=1.0)
    scheduler = make(optimizer)
    found = []
    for _ in range(steps):
        found.append(scheduler.get_last_lr()[0])
        optimizer.step()
        scheduler.step()
    return found


SAME_IN_TORCH = {
    "cosine": lambda optimizer: CosineAnnealingLR(optimizer, T_max=24),
    "multistep": lambda optimizer: MultiStepLR(optimizer, [11, 17], gamma=0.5),  # timm falls one step before
    "step": lambda optimizer: StepLR(optimizer, 12, gamma=0.5),
    "poly": lambda optimizer: PolynomialLR(optimizer, total_iters=24, power=0.5),
}


@pytest.mark.parametrize("name", SAME_IN_TORCH)
def test_the_rates_are_those_of_torch_where_it_has_the_same(name):
    found = rates(name, Schedule(epochs=8, drop_factor=0.5), steps_per_epoch=3)
    assert found == pytest.approx(torchs(SAME_IN_TORCH[name], 24), abs=1e-9)


def test_tanh_is_that_of_its_paper():
    """Hsueh et al. 2019, equation 3, from -7 to 3 as in timm."""
    found = rates("tanh", Schedule(epochs=10), steps_per_epoch=2)
    wanted = [(1 - math.tanh(-7 * (1 - step / 20) + 3 * step / 20)) / 2 for step in range(20)]
    assert found == pytest.approx(wanted, abs=1e-6)


def test_warm_up_rises_from_zero():
    found = rates("multistep", Schedule(epochs=8, warmup_epochs=1), steps_per_epoch=4)
    assert found[:5] == pytest.approx([0, 0.25, 0.5, 0.75, 1])


@pytest.mark.parametrize("name", ["plateau", "none", "cosinus"])
def test_a_scheduler_that_cannot_be_used_is_refused(name):
    with pytest.raises(UsageError, match=f"timm's scheduler '{name}' cannot be used"):
        rates(name, Schedule(epochs=8), steps_per_epoch=4)


def test_the_trainer_takes_the_rates_it_names():
    def trained(**changed):
        model = tiny_net()
        trainer = Timm(epochs=4, batch_size=8, optimizer="sgd", learning_rate=0.1, **changed)
        return [epoch.learning_rate for epoch in trainer.fit(model, tiny_data(), seed=0)], state_of(model)

    told, state = trained(scheduler="tanh")
    assert told == pytest.approx([0.1 * rate for rate in rates("tanh", Schedule(epochs=4), steps_per_epoch=3)[2::3]])
    assert equal_states(trained(scheduler="cosine")[1], trained(schedule="cosine")[1])
    assert not equal_states(state, trained()[1])
