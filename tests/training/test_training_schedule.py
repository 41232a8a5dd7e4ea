from __future__ import annotations

import math

import pytest
import torch
from torch.optim.lr_scheduler import CosineAnnealingLR, MultiStepLR

from prunescope.api.errors import UsageError
from prunescope.training.cycles import cycle_ends
from prunescope.training.schedule import Schedule, rate_factor, scheduler


def optimizer(rate: float = 0.1) -> torch.optim.SGD:
    return torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=rate)


def rates(schedule: Schedule, steps: int) -> list[float]:
    """The learning rate of every step, as the optimiser sees it."""
    sgd = optimizer()
    rising = scheduler(sgd, schedule, steps_per_epoch=steps)
    seen = []
    for _ in range(schedule.epochs * steps):
        seen.append(sgd.param_groups[0]["lr"])
        sgd.step()
        rising.step()
    return seen


@pytest.mark.parametrize(("epochs", "first", "second"), [(160, 80, 120), (80, 40, 60), (8, 4, 6), (4, 2, 3), (1, 1, 1)])
def test_multistep_drops_compress_with_the_epochs(epochs, first, second):
    seen = rates(Schedule(epochs=epochs), steps=3)
    wanted = [0.1] * first + [0.01] * (second - first) + [0.001] * (epochs - second)
    assert seen[::3] == pytest.approx(wanted)
    assert seen[1::3] == seen[2::3] == seen[::3]


@pytest.mark.parametrize("epochs", [3, 8, 20])
def test_multistep_agrees_with_torch(epochs):
    sgd = optimizer()
    theirs = MultiStepLR(sgd, [round(0.5 * epochs), round(0.75 * epochs)], gamma=0.2)
    wanted = []
    for _ in range(epochs):
        wanted.append(theirs.get_last_lr()[0])
        sgd.step()
        theirs.step()
    assert rates(Schedule(epochs=epochs, drop_factor=0.2), steps=1) == pytest.approx(wanted)


def test_cosine_agrees_with_torch_step_by_step():
    sgd = optimizer()
    theirs = CosineAnnealingLR(sgd, T_max=5 * 4)
    wanted = []
    for _ in range(5 * 4):
        wanted.append(theirs.get_last_lr()[0])
        sgd.step()
        theirs.step()
    assert rates(Schedule(epochs=5, shape="cosine"), steps=4) == pytest.approx(wanted)


def test_cosine_never_rises_again():
    assert rate_factor(Schedule(epochs=5, shape="cosine"), 20, steps_per_epoch=4) == 0
    assert rate_factor(Schedule(epochs=5, shape="cosine"), 27, steps_per_epoch=4) == 0


def test_constant_is_constant():
    assert rates(Schedule(epochs=3, shape="constant"), steps=2) == [0.1] * 6


@pytest.mark.parametrize("shape", ["multistep", "cosine", "constant"])
def test_warm_up_rises_linearly_to_the_schedule(shape):
    cold = Schedule(epochs=8, shape=shape)
    warm = Schedule(epochs=8, shape=shape, warmup_epochs=1.5)
    steps = 4
    for step in range(8 * steps):
        rise = min(1.0, (step + 1) / 6)
        assert rate_factor(warm, step, steps_per_epoch=steps) == pytest.approx(
            rise * rate_factor(cold, step, steps_per_epoch=steps)
        )


def test_drops_in_any_order():
    assert rates(Schedule(epochs=8, drops=(0.75, 0.5)), steps=1) == rates(Schedule(epochs=8), steps=1)


def test_no_drops_are_a_constant_rate():
    assert rates(Schedule(epochs=4, drops=()), steps=1) == [0.1] * 4


def test_cosine_midway_is_half_the_rate():
    assert rate_factor(Schedule(epochs=6, shape="cosine"), 3, steps_per_epoch=1) == pytest.approx(0.5)
    assert rate_factor(Schedule(epochs=6, shape="cosine"), 1, steps_per_epoch=1) == pytest.approx(
        0.5 + 0.5 * math.cos(math.pi / 6)
    )


@pytest.mark.parametrize("drops", [(80.0, 120.0), (0.0, 0.5), (-0.5,)])
def test_drops_that_are_no_fractions_are_refused(drops):
    with pytest.raises(UsageError, match="wanted fractions of the epochs"):
        scheduler(optimizer(), Schedule(epochs=8, drops=drops), steps_per_epoch=1)


def test_a_warm_up_longer_than_the_training_is_refused():
    with pytest.raises(UsageError, match="warmup_epochs is 9, wanted at most the 8 epochs"):
        scheduler(optimizer(), Schedule(epochs=8, warmup_epochs=9), steps_per_epoch=1)


def test_however_short_a_run_its_first_epoch_has_the_full_rate():
    for epochs in (1, 2, 3):
        assert rate_factor(Schedule(epochs=epochs, drops=(0.1, 0.2)), 0, steps_per_epoch=5) == 1.0


@pytest.mark.parametrize("shape", ["multistep", "cosine", "constant"])
def test_each_cycle_is_a_whole_schedule_of_its_own(shape):
    seen = rates(Schedule(epochs=12, shape=shape, ends=(2, 4, 12), warmup_epochs=1), steps=3)
    cycles = [rates(Schedule(epochs=length, shape=shape, warmup_epochs=1), steps=3) for length in (2, 2, 8)]
    assert seen == pytest.approx([rate for cycle in cycles for rate in cycle])


def test_a_single_cycle_is_no_cycle():
    assert rates(Schedule(epochs=8, ends=(8,)), steps=2) == rates(Schedule(epochs=8), steps=2)


@pytest.mark.parametrize(
    ("epochs", "cycles", "factor", "wanted"),
    [(80, 4, 2, (10, 20, 40, 80)), (81, 3, 3, (9, 27, 81)), (5, 1, 2, (5,)), (20, 3, 1.5, (9, 13, 20))],
)
def test_cycles_end_in_a_geometric_row(epochs, cycles, factor, wanted):
    assert cycle_ends(epochs, cycles=cycles, factor=factor) == wanted


@pytest.mark.parametrize(("epochs", "cycles", "factor"), [(8, 5, 2), (10, 3, 1.0), (3, 4, 1.5)])
def test_cycles_that_do_not_fit_are_refused(epochs, cycles, factor):
    with pytest.raises(UsageError, match="do not fit in"):
        cycle_ends(epochs, cycles=cycles, factor=factor)


def test_a_schedule_that_begins_later_goes_on_where_the_whole_one_is():
    whole = rates(Schedule(epochs=8), steps=3)
    sgd = optimizer()
    rising = scheduler(sgd, Schedule(epochs=8, start_step=10), steps_per_epoch=3)
    seen = []
    for _ in range(14):
        seen.append(sgd.param_groups[0]["lr"])
        sgd.step()
        rising.step()
    assert seen == whole[10:]
