"""Errors before and after BatchNorm is re-estimated, where the right answer is known."""

from __future__ import annotations

from copy import deepcopy

import numpy as np
import pytest
import torch
from torch import nn

from prunescope.api import Mask, Replica
from prunescope.landscape import batchnorm
from prunescope.landscape.evaluate import outcomes
from prunescope.landscape.probes.recalibration import Recalibration
from prunescope.networks import masks
from prunescope.plugins.testing import check_probe, toy_data, toy_replicas
from prunescope.plugins.testing.toys import toy_mask


def error(model, data):
    return float(outcomes(model, data.test, batch_size=64).error.double().mean())


def measured(pruned, dense, data, *, mask=None):
    found = Recalibration(batch_size=43).measure([Replica(model=pruned, mask=mask), Replica(model=dense)], data, seed=0)
    return {name: reading.value for name, reading in found.items()}


def test_it_is_a_probe():
    check_probe(Recalibration())


def test_what_normalisation_undoes_comes_back():
    """Weights before BatchNorm, multiplied by a number, make the same network once its statistics follow."""
    data = toy_data()
    dense = toy_replicas(1, data=data)[0].model
    batchnorm.re_estimate(dense, data.train, batch_size=43)
    pruned = deepcopy(dense)
    pruned[0].weight.data.mul_(0.2)
    pruned[3].weight.data.mul_(0.2)
    before = deepcopy(pruned.state_dict())
    found = measured(pruned, dense, data)
    assert found["pruned_error"] == error(pruned, data) > error(dense, data) + 0.1
    assert found["recalibrated_error"] == pytest.approx(error(dense, data), abs=0.02)
    np.testing.assert_allclose(found["variance_ratio"][0], 0.04, rtol=1e-5)
    assert all(torch.equal(before[name], tensor) for name, tensor in pruned.state_dict().items())


def test_the_last_ratio_is_that_of_the_last_layer_of_the_mask():
    data = toy_data()
    dense = toy_replicas(1, data=data)[0].model
    pruned, mask = deepcopy(dense), toy_mask(dense, 0.2)
    masks.apply(pruned, mask)
    found = measured(pruned, dense, data, mask=mask)
    assert found["variance_ratio"].shape == (2,)
    assert found["last_variance_ratio"] == found["variance_ratio"][-1] < found["variance_ratio"][0] < 1


def test_a_network_without_batchnorm_is_left_as_it_is():
    data, model = toy_data(), nn.Sequential(nn.Flatten(), nn.Linear(192, 4))
    mask = Mask({"1.weight": torch.zeros(4, 192, dtype=torch.bool)})
    pruned = deepcopy(model)
    masks.apply(pruned, mask)
    found = Recalibration().measure([Replica(model=pruned, mask=mask), Replica(model=model)], data, seed=0)
    assert found["recalibrated_error"].value == found["pruned_error"].value
    assert "no BatchNorm" in found["recalibrated_error"].estimator
    assert found["last_variance_ratio"].value == 0
