"""Variances of layers against those that torch computes, and ratios that are known exactly."""

from __future__ import annotations

import math
from copy import deepcopy

import pytest
import torch

from prunescope.landscape.signal_collapse import layer_variances, variance_ratios
from prunescope.plugins.testing import toy_data, toy_model

LAYERS = ["0", "3", "8"]


def ratios(pruned, dense, **given):
    return variance_ratios(pruned, dense, toy_data().train, layers=LAYERS, batch_size=50, **given)


def test_a_variance_is_that_of_the_outputs():
    model, data = toy_model(seed=1).train(), toy_data()
    found = layer_variances(model, data.train, layers=LAYERS, batch_size=50)
    assert model.training
    assert not model[0]._forward_hooks
    with torch.no_grad():
        first = model.eval()[0](data.train.images).double()
        last = model(data.train.images).double()
    assert found["0"] == pytest.approx(float(first.var(dim=(0, 2, 3), correction=0).mean()), rel=1e-6)
    assert found["8"] == pytest.approx(float(last.var(dim=0, correction=0).mean()), rel=1e-5)


def test_the_same_network_has_its_own_variance():
    assert ratios(toy_model(), toy_model()) == {"0": 1, "3": 1, "8": 1}


def test_half_the_weights_are_a_quarter_of_the_variance():
    pruned = toy_model()
    pruned[0].weight.data.mul_(0.5)
    assert ratios(pruned, toy_model())["0"] == pytest.approx(0.25)


def test_a_layer_without_weights_varies_no_more():
    pruned = toy_model()
    pruned[3].weight.data.zero_()
    found = ratios(pruned, toy_model())
    assert (found["0"], found["3"]) == (1, 0)
    assert found["8"] < 1e-10
    assert math.isnan(ratios(toy_model(), pruned)["3"])


def test_layers_that_are_not_called_are_left_out():
    model = toy_model()
    found = variance_ratios(model[:9], deepcopy(model[:9]), toy_data().test, layers=["0", "1", "nothing"], batch_size=9)
    assert found == {"0": 1}


def test_only_the_first_batches_are_seen():
    model, data = toy_model(), toy_data()
    few = layer_variances(model, data.train, layers=["0"], batch_size=10, limit=1)["0"]
    with torch.no_grad():
        wanted = model[0](data.train.images[:10]).double().var(dim=(0, 2, 3), correction=0).mean()
    assert few == pytest.approx(float(wanted), rel=1e-6)
