"""Averages of replicas against sums by hand, and the soup of equal replicas."""

from __future__ import annotations

from copy import deepcopy

import pytest
import torch

from prunescope.api import Replica
from prunescope.api.errors import MismatchError, UsageError
from prunescope.landscape import batchnorm
from prunescope.landscape.evaluate import outcomes
from prunescope.landscape.probes.soup import Soup
from prunescope.landscape.soup import average_states, cook_soup
from prunescope.plugins.testing import check_probe, toy_data, toy_model, toy_replicas


def test_every_weight_is_the_mean_and_zeros_stay():
    replicas = toy_replicas(3, density=0.3)
    states = [replica.model.state_dict() for replica in replicas]
    found = average_states(states)
    assert list(found) == list(states[0])
    wanted = (states[0]["3.weight"] + states[1]["3.weight"] + states[2]["3.weight"]) / 3
    torch.testing.assert_close(found["3.weight"], wanted)
    assert found["1.num_batches_tracked"] == states[0]["1.num_batches_tracked"]
    for name, kept in replicas[0].mask.kept.items():
        assert not found[name][~kept].any()


def test_the_soup_of_equal_replicas_is_the_replica():
    data = toy_data()
    one = toy_replicas(1, data=data)[0].model
    before = deepcopy(one.state_dict())
    soup = cook_soup([one, deepcopy(one)], data.train, batch_size=43)
    assert all(torch.equal(one.state_dict()[name], tensor) for name, tensor in before.items())
    batchnorm.re_estimate(one, data.train, batch_size=43)
    for name, tensor in one.state_dict().items():
        torch.testing.assert_close(soup.state_dict()[name], tensor)


def test_other_networks_cannot_be_averaged():
    with pytest.raises(MismatchError, match="other tensors"):
        average_states([toy_model().state_dict(), toy_model(num_classes=3).state_dict()])
    with pytest.raises(UsageError, match="no replica"):
        average_states([])


def test_the_probe():
    check_probe(Soup())
    data = toy_data()
    replicas = toy_replicas(3, data=data)
    found = Soup(batch_size=43).measure(replicas, data, seed=0)
    errors = [float(outcomes(one.model, data.test, batch_size=64).error.double().mean()) for one in replicas]
    soup = cook_soup([one.model for one in replicas], data.train, batch_size=43)
    error = float(outcomes(soup, data.test, batch_size=64).error.double().mean())
    assert found["soup_error"].value == pytest.approx(error)
    assert found["soup_minus_best"].value == pytest.approx(error - min(errors))


def test_networks_far_apart_make_a_bad_soup():
    """The negated twin of a network averages to nothing but biases."""
    data = toy_data()
    one = toy_replicas(1, data=data)[0].model
    twin = deepcopy(one)
    for index in (0, 3, 8):
        twin[index].weight.data.neg_()
    found = Soup(batch_size=43).measure([Replica(model=one), Replica(model=twin)], data, seed=0)
    assert found["soup_minus_best"].value > 0.3
