"""What is timed for an estimate."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from prunescope.networks.capture import Capture
from prunescope.networks.capture.tape import Tape
from prunescope.plugins.testing import toy_data, toy_model
from prunescope.runs.scheduling.cost import measure_rates


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


@pytest.mark.parametrize("capture", [None, Tape()])
def test_what_cannot_be_recorded_is_timed_step_by_step(capture):
    assert measure_rates(Deciding(), toy_data(), capture=capture).training > 0
