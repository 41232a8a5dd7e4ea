from __future__ import annotations

import copy

import pytest
import slow_reference
import torch
from tiny_landscape import learnable_data, net, same_state, state_of
from tiny_training import Memory
from torch import nn

from prunescope.api.errors import UsageError
from prunescope.landscape.batchnorm import layers, re_estimate


@pytest.mark.parametrize("batch_size", [2, 16, 1000])
@pytest.mark.parametrize("kind", ["batch", "batch without affine"])
def test_the_statistics_are_the_mean_over_the_images(kind, batch_size):
    data, model = learnable_data(), net(kind=kind)
    wanted = slow_reference.with_new_statistics(copy.deepcopy(model), data.train, batch_size)
    re_estimate(model, data.train, batch_size=batch_size)
    torch.testing.assert_close(model[1].running_mean, wanted[1].running_mean, rtol=1e-6, atol=1e-7)
    torch.testing.assert_close(model[1].running_var, wanted[1].running_var, rtol=1e-6, atol=1e-7)
    assert model[1].momentum == 0.1


def test_a_short_batch_weighs_by_its_images():
    images = torch.arange(5.0).reshape(5, 1)
    model = nn.BatchNorm1d(1)
    re_estimate(model, Memory(images, torch.zeros(5)), batch_size=3)
    assert model.running_mean.item() == pytest.approx((3 * 1.0 + 2 * 3.5) / 5)
    assert model.running_var.item() == pytest.approx((3 * 1.0 + 2 * 0.5) / 5)
    assert model.num_batches_tracked == 2


def test_17_of_1297_images_are_exact():
    draw = torch.Generator().manual_seed(0)
    images = torch.randn(1297, 3, generator=draw) * torch.linspace(1, 9, 1297)[:, None] + 5
    images[1280:] += 100  # the last batch is unlike the others
    model = nn.BatchNorm1d(3)
    re_estimate(model, Memory(images, torch.zeros(1297)), batch_size=128)
    batches = images.double().split(128)
    assert [len(batch) for batch in batches] == [128] * 10 + [17]
    variance = sum(len(batch) * batch.var(0) for batch in batches) / 1297
    torch.testing.assert_close(model.running_mean.double(), images.double().mean(0), rtol=1e-6, atol=0)
    torch.testing.assert_close(model.running_var.double(), variance, rtol=1e-6, atol=0)


@pytest.mark.parametrize("last", [2, 17, 127])
def test_the_reference_code_gives_the_same(last):
    """`bn_update` of the public code: momentum n_b / Σ n before every batch."""
    draw = torch.Generator().manual_seed(1)
    images = torch.randn(2 * 128 + last, 3, generator=draw)
    model, wanted, seen = nn.BatchNorm1d(3), nn.BatchNorm1d(3), 0
    re_estimate(model, Memory(images, torch.zeros(len(images))), batch_size=128)
    for batch in images.split(128):
        wanted.momentum = len(batch) / (seen + len(batch))
        wanted(batch)
        seen += len(batch)
    torch.testing.assert_close(model.running_mean, wanted.running_mean, rtol=0, atol=0)
    torch.testing.assert_close(model.running_var, wanted.running_var, rtol=0, atol=0)


def test_what_was_estimated_before_does_not_matter():
    data, model = learnable_data(), net()
    other = copy.deepcopy(model)
    other[1].running_mean.fill_(1e6)
    other[1].num_batches_tracked.fill_(1000)
    for each in (model, other):
        re_estimate(each, data.train, batch_size=16)
    assert torch.equal(model[1].running_mean, other[1].running_mean)


def test_dropout_stays_off_and_the_modes_come_back():
    data, model, still = learnable_data(), net(dropout=0.9).train(), net(dropout=0.0)
    model.append(nn.BatchNorm1d(3)).train()
    still.append(nn.BatchNorm1d(3)).eval()
    for each in (model, still):
        re_estimate(each, data.train, batch_size=16)
    assert torch.equal(model[-1].running_mean, still[-1].running_mean)
    assert all(module.training for module in model.modules())
    assert not any(module.training for module in still.modules())


def test_limit_takes_the_first_batches():
    data, model, other = learnable_data(), net(), net()
    re_estimate(model, data.train, batch_size=10, limit=2)
    re_estimate(other, Memory(data.train.images[:20], data.train.labels[:20]), batch_size=10)
    assert torch.equal(model[1].running_var, other[1].running_var)


@pytest.mark.parametrize("kind", ["group", "layer", "none", "batch without statistics"])
def test_a_model_without_running_statistics_is_left_alone_at_no_cost(kind):
    class Never:
        def batches(self, size, *, limit=None):
            raise AssertionError(size, limit)

    model = net(kind=kind)
    before = state_of(model)
    re_estimate(model, Never(), batch_size=16)
    assert same_state(before, state_of(model))
    assert layers(model) == []


def test_a_last_batch_of_one_image_is_left_out():
    images = torch.tensor([[0.0], [1.0], [50.0]])
    model = nn.BatchNorm1d(1)
    re_estimate(model, Memory(images, torch.zeros(3)), batch_size=2)
    assert model.running_mean.item() == 0.5
    with pytest.raises(UsageError, match="batches of one image"):
        re_estimate(model, Memory(images, torch.zeros(3)), batch_size=1)


def test_the_momentum_comes_back_when_the_data_fail():
    class Broken:
        def batches(self, size, *, limit=None):
            yield torch.zeros(2, 1), torch.zeros(2)
            raise OSError(size, limit)

    model = nn.BatchNorm1d(1, momentum=0.25)
    with pytest.raises(OSError):  # noqa: PT011
        re_estimate(model, Broken(), batch_size=2)
    assert model.momentum == 0.25
