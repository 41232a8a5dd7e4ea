from __future__ import annotations

import copy

import pytest
import torch
from tiny_landscape import learnable_data
from tiny_residual import Residual, drawn
from torch import nn

from prunescope.api.errors import UsageError
from prunescope.landscape import batchnorm
from prunescope.networks.grouped.grouping import Grouped
from prunescope.networks.grouped.side_by_side import SideBySide, moments_of_each


def pieces(split, size):
    return (images for images, _ in split.batches(size))


def contiguous(grouped):
    return copy.deepcopy(grouped).to(memory_format=torch.contiguous_format)


@pytest.mark.parametrize("layout", [torch.contiguous_format, torch.channels_last])
@pytest.mark.parametrize("count", [1, 3])
@pytest.mark.parametrize("size", [8, 16, 24, 1000])
def test_statistics_are_those_of_one_batch_after_the_other(count, size, layout):
    data = learnable_data(train=33, size=6)  # the last batch of 8 has one image
    grouped = Grouped([drawn(seed) for seed in range(count)], shared=True).eval()
    fast = copy.deepcopy(grouped).to(memory_format=layout)
    statistics = SideBySide(fast.net)
    for _ in range(2):  # the second time with other weights
        before = data.train.images.clone()
        batchnorm.re_estimate(grouped, data.train, batch_size=8)
        statistics(pieces(data.train, size), batch=8)
        assert torch.equal(data.train.images, before)
        for wanted, found in zip(batchnorm.layers(grouped), batchnorm.layers(fast), strict=True):
            torch.testing.assert_close(found.running_mean, wanted.running_mean, rtol=1e-5, atol=1e-6)
            torch.testing.assert_close(found.running_var, wanted.running_var, rtol=1e-5, atol=1e-6)
        for network in (grouped, fast):
            for parameter in network.parameters():
                parameter.data.mul_(0.9)


@pytest.mark.parametrize("images", [35, 40])
def test_a_short_last_batch_weighs_as_many_images_as_it_has(images):
    data = learnable_data(train=images, size=6)
    grouped = Grouped([drawn(0)], shared=True).eval()
    fast = contiguous(grouped)
    batchnorm.re_estimate(grouped, data.train, batch_size=8)
    SideBySide(fast.net)(pieces(data.train, 16), batch=8)
    for wanted, found in zip(batchnorm.layers(grouped), batchnorm.layers(fast), strict=True):
        torch.testing.assert_close(found.running_mean, wanted.running_mean, rtol=1e-5, atol=1e-6)
        torch.testing.assert_close(found.running_var, wanted.running_var, rtol=1e-5, atol=1e-6)


def test_nothing_after_the_last_norm_is_computed_and_a_network_without_norms_needs_nothing():
    grouped = Grouped([Residual().eval()], shared=True)
    statistics = SideBySide(grouped.net)
    assert not any("head" in str(node.target) for node in statistics.net.graph.nodes)
    assert sum(norm.last for norm in statistics.norms) == 1
    plain = Grouped([nn.Sequential(nn.Flatten(), nn.Linear(4, 2)).eval()], shared=True)
    assert not SideBySide(plain.net).needed


def test_batches_of_one_image_are_refused():
    grouped = Grouped([drawn(0)], shared=True).eval()
    with pytest.raises(UsageError, match="batches of one image"):
        SideBySide(grouped.net)(pieces(learnable_data(train=5).train, 5), batch=1)


@pytest.mark.parametrize("pixels", [1, 9])
def test_moments_are_exact_far_from_zero(pixels):
    apart = torch.randn(3, 4, 5, pixels, generator=torch.Generator().manual_seed(0)) + 1000
    mean, variance = moments_of_each(apart)
    exact = apart.double().movedim(2, 1).flatten(2)
    torch.testing.assert_close(mean.double(), exact.mean(2), rtol=1e-6, atol=0)
    torch.testing.assert_close(variance.double(), exact.var(2, correction=0), rtol=1e-3, atol=1e-3)
