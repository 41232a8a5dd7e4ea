"""The rewritten networks, statistics and evaluation, against the network they were made from."""

from __future__ import annotations

import copy

import pytest
import torch
from tiny_landscape import learnable_data
from tiny_residual import drawn
from torch import fx, nn

from prunescope.api.errors import UsageError
from prunescope.landscape import batchnorm
from prunescope.networks.grouped.evaluation import Evaluation, Folded
from prunescope.networks.grouped.grouping import Grouped
from prunescope.networks.grouped.re_estimation import ReEstimation
from prunescope.networks.grouped.rewriting import rewritable
from prunescope.networks.grouped.scale_shift import ScaleShift


@pytest.mark.parametrize("count", [1, 3])
@pytest.mark.parametrize("piece", [3, 7, 100])
def test_statistics_and_outputs_are_those_of_the_network_as_it_is(count, piece):
    data = learnable_data(train=33, size=6)
    grouped = Grouped([drawn(seed) for seed in range(count)], shared=True).eval()
    fast = copy.deepcopy(grouped)
    assert rewritable(fast.net)
    statistics, evaluation = ReEstimation(fast.net), Evaluation(fast.net)
    for _ in range(2):  # the second time with other weights
        batchnorm.re_estimate(grouped, data.train, batch_size=8)  # the last batch has one image
        statistics((images for images, _ in data.train.batches(8)), piece=piece)
        for wanted, found in zip(batchnorm.layers(grouped), batchnorm.layers(fast), strict=True):
            torch.testing.assert_close(found.running_mean, wanted.running_mean, rtol=1e-5, atol=1e-6)
            torch.testing.assert_close(found.running_var, wanted.running_var, rtol=1e-5, atol=1e-6)
        evaluation.refresh()
        for split in (data.train, data.test):
            with torch.inference_mode():
                before = split.images.clone()
                torch.testing.assert_close(
                    evaluation(split.images).view(len(split), count, -1), grouped(split.images), rtol=1e-4, atol=1e-5
                )
                assert torch.equal(split.images, before)
        for network in (grouped, fast):
            for parameter in network.parameters():
                parameter.data.mul_(0.9)


@pytest.mark.parametrize("last", [2, 17])
def test_a_short_batch_weighs_by_its_images_in_both_paths(last):
    data = learnable_data(train=64 + last, size=6)
    data.train.images[64:] += 30.0  # the last batch is unlike the others
    grouped = Grouped([drawn(0), drawn(1)], shared=True).eval()
    fast = copy.deepcopy(grouped)
    batchnorm.re_estimate(grouped, data.train, batch_size=32)
    ReEstimation(fast.net)((images for images, _ in data.train.batches(32)), piece=7)
    exact = data.train.images.double().mean((0, 2, 3))
    for network in (grouped, fast):
        first = batchnorm.layers(network)[0]
        torch.testing.assert_close(first.running_mean.view(-1, 2)[0].double(), exact, rtol=1e-5, atol=1e-6)
    for wanted, found in zip(batchnorm.layers(grouped), batchnorm.layers(fast), strict=True):
        torch.testing.assert_close(found.running_mean, wanted.running_mean, rtol=1e-4, atol=1e-5)
        torch.testing.assert_close(found.running_var, wanted.running_var, rtol=1e-4, atol=1e-5)


def test_what_is_folded_and_what_is_left_after_the_last_norm():
    net = Grouped([drawn(0)], shared=True).eval().net
    forms = [type(layer) for layer in Evaluation(net).norms]
    assert sorted(form.__name__ for form in forms) == ["ScaleShift"] * 4
    net = Grouped([nn.Sequential(nn.Conv2d(2, 3, 1), nn.BatchNorm2d(3), nn.ReLU(), nn.Conv2d(3, 2, 1))], shared=True)
    (folded,) = Evaluation(net.eval().net).norms
    assert isinstance(folded, Folded)
    assert folded.relu
    (stage,) = ReEstimation(net.net).stages
    assert [type(norm) for _, norm in stage.norms] == [ScaleShift]
    assert sum(node.op == "call_module" for node in stage.net.graph.nodes) == 1


def test_batches_of_one_image_have_no_statistics():
    net = Grouped([nn.Sequential(nn.BatchNorm2d(3))], shared=True).eval().net
    with pytest.raises(UsageError, match="batches of one image"):
        ReEstimation(net)([torch.zeros(1, 3, 2, 2)], piece=4)


def test_networks_that_are_not_to_be_rewritten():
    class Overwrites(nn.Module):
        def forward(self, x):
            y = torch.add(x, 1)
            return y.add_(1) + y

    shared = nn.BatchNorm2d(2)
    for model in (
        Overwrites(),
        nn.Sequential(nn.ReLU(inplace=True)),  # overwrites the images
        nn.Sequential(nn.BatchNorm2d(2, track_running_stats=False)),
        nn.Sequential(shared, shared),
    ):
        assert not rewritable(fx.symbolic_trace(model.eval()))
    assert rewritable(fx.symbolic_trace(nn.Sequential(nn.Conv2d(2, 2, 1), nn.ReLU(inplace=True)).eval()))
