"""Recorded steps that are repeated for the next training of the same kind: its numbers to the bit."""

from __future__ import annotations

from dataclasses import replace
from functools import partial

import pytest
import torch
from captured_training import SGD, alone, half, pictures, together
from tiny_training import equal_states, state_of, tiny_net

from prunescope.networks.capture import Capture, recordings
from prunescope.networks.capture.recordings import Recording, Recordings
from prunescope.networks.capture.tape import Tape
from prunescope.training.gradient import sharpness_aware


class Counting(Capture):
    """Counts what is recorded."""

    def __init__(self) -> None:
        self.count = 0

    def record(self, step, state=()):
        self.count += 1
        return Tape().record(step, state)


@pytest.fixture(autouse=True)
def _own_recordings():
    recordings.recordings.cache_clear()
    yield
    recordings.recordings.cache_clear()


def equal_alone(capture, *, seed, mask=None, data=None, **how):
    stepwise, recorded = tiny_net(seed), tiny_net(seed)
    wanted, _ = alone(stepwise, data or pictures(), capture=None, mask=mask, **how)
    found, told = alone(recorded, data or pictures(), capture=capture, mask=mask, **how)
    assert (found, told) == (wanted, "captured")
    assert equal_states(state_of(stepwise), state_of(recorded))
    return recorded


HOW = {
    "plain": {},
    "moving average": {"ema": 0.9},
    "sam": {"gradient": partial(sharpness_aware, rho=0.2, adaptive=False, mask=None)},
    "some of the steps": {"part": {"start_step": 4, "stop_step": 7}},
}


@pytest.mark.parametrize("case", HOW)
def test_the_second_training_repeats_what_the_first_recorded(case):
    capture = Counting()
    first = equal_alone(capture, seed=0, **HOW[case])
    assert capture.count == 2, "a whole batch and the short one"
    before = state_of(first)
    equal_alone(capture, seed=7, **HOW[case])
    assert capture.count == 2
    assert equal_states(before, state_of(first)), "a finished network stays as it is"
    other = pictures()
    other = replace(other, train=replace(other.train, labels=other.train.labels.flip(0)))
    equal_alone(capture, seed=1, data=other, **HOW[case])
    assert capture.count == 2


def test_masks_are_values_like_others():
    capture = Counting()
    for seed in (0, 1, 2):
        equal_alone(capture, seed=seed, mask=half(tiny_net(), seed))
    assert capture.count == 2
    equal_alone(capture, seed=0)
    assert capture.count == 4, "without a mask the step is another one"


OTHERS = {
    "momentum": {"sgd": SGD | {"momentum": 0.8}},
    "weight decay": {"sgd": SGD | {"weight_decay": 2e-3}},
    "nesterov": {"sgd": SGD | {"nesterov": True}},
    "batch": {"size": 5},
    "smoothing": {"label_smoothing": 0.1},
    "augmentation": {"augment": False},
    "images": {"data": pictures(30)},
    "average": {"ema": 0.5},
}


@pytest.mark.parametrize("case", OTHERS)
def test_another_step_is_recorded_anew(case):
    capture = Counting()
    equal_alone(capture, seed=0)
    equal_alone(capture, seed=0, **OTHERS[case])
    assert capture.count > 2
    assert len({one.trace.signature for one in recordings.recordings().kept}) == 2


@pytest.mark.parametrize("setting", ["allow_tf32", "deterministic", "benchmark"])
def test_other_kernels_are_recorded_anew(monkeypatch, setting):
    capture = Counting()
    equal_alone(capture, seed=0)
    monkeypatch.setattr(torch.backends.cudnn, setting, not getattr(torch.backends.cudnn, setting))
    equal_alone(capture, seed=0)
    assert capture.count == 4


def test_learning_rate_and_epochs_are_no_part_of_a_step():
    capture = Counting()
    equal_alone(capture, seed=0)
    equal_alone(capture, seed=0, sgd=SGD | {"learning_rate": 0.02}, epochs=5)
    assert capture.count == 2


def test_groups_of_one_size_repeat_one_recording():
    capture = Counting()
    for seeds in ((0, 1), (2, 3)):
        stepwise, recorded = [tiny_net(seed) for seed in seeds], [tiny_net(seed) for seed in seeds]
        wanted, _ = together(stepwise, capture=None)
        found, _ = together(recorded, capture=capture)
        assert found == wanted
        for one, other in zip(stepwise, recorded, strict=True):
            assert equal_states(state_of(one), state_of(other))
    assert capture.count == 2


def test_a_stopped_training_gives_its_recording_back():
    from prunescope.training import loop, optimizers
    from prunescope.training.batches import Batches
    from prunescope.training.gradient import plain
    from prunescope.training.schedule import Schedule

    capture = Counting()

    def started(seed: int):
        model = tiny_net(seed)
        how = {"gradient": plain, "schedule": Schedule(epochs=3), "batches": Batches(size=8), "mask": None, "seed": 3}
        epochs = loop.train_epochs(model, pictures(), optimizer=optimizers.sgd(model, **SGD), **how, capture=capture)
        next(epochs)
        return model, epochs

    (first, epochs), (second, others) = started(0), started(1)
    assert capture.count == 4, "two trainings at a time share nothing"
    assert not equal_states(state_of(first), state_of(second))
    epochs.close()
    before = state_of(first)
    equal_alone(capture, seed=4, epochs=2, part=None)
    assert capture.count == 4
    assert equal_states(before, state_of(first))
    assert len(list(others)) == 2


def test_few_recordings_are_kept_and_no_large_one():
    kept = Recordings()
    trace = recordings.recordings  # any object with no memory of its own
    made = [Recording(trace=trace, repeat={}, size=number) for number in range(6)]
    assert all(kept.keep(one) for one in made)
    assert kept.kept == made[2:]
    assert not kept.keep(Recording(trace=trace, repeat={}, size=recordings.KEPT_BYTES + 1))
    assert kept.forget()
    assert not kept.forget()


def test_the_memory_of_recordings_is_bytes():
    capture = Counting()
    equal_alone(capture, seed=0)
    (one,) = recordings.recordings().kept
    assert {memory.dtype for memory in one.trace.memory} == {torch.uint8}
