"""What is timed for an estimate."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from torch import nn

from prunescope.data import sources
from prunescope.networks import models
from prunescope.networks.capture import Capture
from prunescope.networks.capture.tape import Tape
from prunescope.networks.spec import ModelSpec
from prunescope.plugins import registry
from prunescope.plugins.testing import toy_data, toy_model
from prunescope.runs import plan
from prunescope.runs.scheduling import cost
from prunescope.runs.scheduling.cost import estimate_cost, measure_rates
from prunescope.runs.store import Store


class Counting(Capture):
    """Counts what is recorded."""

    def __init__(self) -> None:
        self.count = 0

    def record(self, step, state=()):
        self.count += 1
        return Tape().record(step, state)


class Deciding(nn.Module):
    """Cannot be recorded."""

    def __init__(self) -> None:
        nn.Module.__init__(self)
        self.net = toy_model()

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.net(x) if float(x.sum()) > 0 else self.net(-x)


def test_training_is_timed_as_it_is_performed():
    capture = Counting()
    rates = measure_rates(toy_model(), toy_data(), sizes=(2,), capture=capture)
    assert capture.count == 2, "alone, and two together"
    assert rates.training > 0 < rates.together[2]


def test_a_slow_network_is_timed_with_two_images(monkeypatch):
    """On a clock that only its passes move, one second for each image."""
    clock = []
    monkeypatch.setattr(cost, "perf_counter", lambda: float(sum(clock)))

    class Slow(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.inner = toy_model()

        def forward(self, images):
            clock.append(len(images))
            return self.inner(images)

    rates = measure_rates(Slow(), toy_data())
    assert (rates.measuring, rates.training) == (1, pytest.approx(1 / 3))
    assert set(clock) == {2}
    assert len(clock) < 10


@pytest.mark.parametrize("capture", [None, Tape()])
def test_what_cannot_be_recorded_is_timed_step_by_step(capture):
    assert measure_rates(Deciding(), toy_data(), capture=capture).training > 0


def test_a_network_that_would_fill_the_memory_is_not_built_for_an_estimate(tmp_path, monkeypatch):
    spec = ModelSpec(name="preresnet8", num_classes=10, in_chans=3, image_size=(8, 8), options={"width": 40.25})
    trainer, data = (
        registry.make("trainers", "sgd", {"epochs": 1}),
        sources.describe("patches:images=60,test_images=40"),
    )
    recipe = plan.training_recipe(trainer=trainer, model=spec, data=data, seed=0)
    small = plan.training_recipe(trainer=trainer, model=replace(spec, options={"width": 0.25}), data=data, seed=0)
    assert estimate_cost([small], Store(tmp_path), device="cpu").memory > 0
    monkeypatch.setattr(models, "create", lambda *_, **__: pytest.fail("it was built"))
    found = estimate_cost([recipe], Store(tmp_path), device="cpu")
    assert found.memory > 1 << 30
    assert found.seconds > 0
