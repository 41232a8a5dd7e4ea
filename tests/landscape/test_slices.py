from __future__ import annotations

import pytest
import torch
from tiny_landscape import learnable_data, net, replicas
from torch.nn import functional

from prunescope.api import Mask
from prunescope.api.errors import UsageError
from prunescope.landscape.slices import filter_normalised, loss_slice, orthogonal, towards_point


def generator(seed=0):
    return torch.Generator().manual_seed(seed)


def test_every_filter_of_the_direction_is_as_long_as_the_models():
    model = net()
    mask = Mask({"4.weight": torch.arange(144).reshape(4, 4, 3, 3) % 2 == 0})
    with torch.no_grad():
        model[4].weight *= mask.kept["4.weight"]
        model[0].weight[1] = 0
    found = dict(
        zip(dict(model.named_parameters()), filter_normalised(model, generator=generator(), mask=mask), strict=True)
    )
    for name in ("0.weight", "4.weight", "7.weight"):
        weight = dict(model.named_parameters())[name]
        torch.testing.assert_close(found[name].flatten(1).norm(dim=1), weight.detach().flatten(1).norm(dim=1))
    assert not found["4.weight"][~mask.kept["4.weight"]].any()
    assert not found["1.weight"].any()
    assert not found["7.bias"].any()


def test_scaling_a_filter_scales_its_direction():
    model = net()
    before = filter_normalised(model, generator=generator())
    with torch.no_grad():
        model[4].weight[2] *= 7
    after = filter_normalised(model, generator=generator())
    position = [name for name, _ in model.named_parameters()].index("4.weight")
    torch.testing.assert_close(after[position][2], 7 * before[position][2])
    torch.testing.assert_close(after[position][1], before[position][1])


def test_the_loss_at_a_place_is_that_of_a_model_moved_there():
    data, model = learnable_data(), net(kind="group")
    directions = [filter_normalised(model, generator=generator(seed)) for seed in (0, 1)]
    (found,) = loss_slice(model, directions, [(0.3, -0.2)], data.train, batch_size=32)
    moved = net(kind="group")
    with torch.no_grad():
        for weight, one, two in zip(moved.parameters(), *directions, strict=True):
            weight.add_(0.3 * one - 0.2 * two)
        wanted = functional.cross_entropy(moved(data.train.images), data.train.labels)
    assert float(found.loss.mean()) == pytest.approx(float(wanted), rel=1e-5)


def test_directions_between_replicas():
    one, two = replicas(learnable_data())
    way = towards_point(one, two)
    across = orthogonal(filter_normalised(one, generator=generator()), way)
    assert abs(sum(float((a * b).sum()) for a, b in zip(across, way, strict=True))) < 1e-4
    data = learnable_data()
    (end,) = loss_slice(one, [way], [(1.0,)], data.train, batch_size=32, statistics=data.train)
    (again,) = loss_slice(two, [way], [(0.0,)], data.train, batch_size=32, statistics=data.train)
    torch.testing.assert_close(end.loss, again.loss, rtol=1e-4, atol=1e-5)
    with pytest.raises(UsageError, match="structure"):
        towards_point(one, net(classes=4))
    with pytest.raises(UsageError, match="1 coordinates for 2"):
        loss_slice(one, [way, way], [(0.0,)], data.train, batch_size=32)
