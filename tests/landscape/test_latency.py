from __future__ import annotations

import time

import pytest
import torch
from tiny_landscape import net, same_state, state_of
from torch import nn

from prunescope.api.errors import UsageError
from prunescope.landscape.latency import latency


class Sleeper(nn.Module):
    """Takes longer each time, and the first passes longest."""

    def __init__(self, naps):
        nn.Module.__init__(self)
        self.naps = iter(naps)

    def forward(self, images):
        time.sleep(next(self.naps))
        return images


def test_the_median_leaves_out_the_warm_up():
    found = latency(Sleeper([0.2, 0.2, 0.2, 0.01, 0.03, 0.05, 0.07, 0.09]), torch.zeros(1), repeats=5)
    assert 0.05 <= found.median < 0.065
    assert 0.03 <= found.spread < 0.06
    assert found.n == 5


def test_the_model_is_left_as_it_was():
    model = net(dropout=0.5).train()
    before = state_of(model)
    found = latency(model, torch.zeros(4, 2, 6, 6), repeats=2)
    assert same_state(before, state_of(model))
    assert 0 < found.median < 1


def test_no_repeat_is_refused():
    with pytest.raises(UsageError, match="0 repeats"):
        latency(net(), torch.zeros(1, 2, 6, 6), repeats=0)
